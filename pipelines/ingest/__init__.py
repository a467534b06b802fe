"""Raw payloads of any vendor to rows, events, labels, devices and quarantine."""

from pipelines.ingest.clocks import ahead as clocks_ahead
from pipelines.ingest.compile import channels_of, compile_source
from pipelines.ingest.guess_yaml import guess_dataset
from pipelines.ingest.ingest import ingest
from pipelines.ingest.preview import preview as preview_dataset
from pipelines.ingest.quarantine import write_entries
from pipelines.ingest.read import (
    ingest_report,
    read_devices,
    read_events,
    read_files,
    read_labels,
    read_quarantine,
    read_rows,
    read_rows_from,
    rows_by_bucket,
    stream_devices,
    stream_rows,
    stream_rows_from,
)
from pipelines.ingest.redrive import Redriven, redrive
from pipelines.ingest.redrive import kinds as quarantine_kinds
from pipelines.ingest.retention import Item, Retirement, plan_retention, write_ledger
from pipelines.ingest.store import bucket_of, sha256_of, write_rows
from pipelines.ingest.trace import trace
from pipelines.ingest.workers import workers

__all__ = [
    "Item",
    "Redriven",
    "Retirement",
    "bucket_of",
    "channels_of",
    "clocks_ahead",
    "compile_source",
    "guess_dataset",
    "ingest",
    "ingest_report",
    "plan_retention",
    "preview_dataset",
    "quarantine_kinds",
    "read_devices",
    "read_events",
    "read_files",
    "read_labels",
    "read_quarantine",
    "read_rows",
    "read_rows_from",
    "redrive",
    "rows_by_bucket",
    "sha256_of",
    "stream_devices",
    "stream_rows",
    "stream_rows_from",
    "trace",
    "workers",
    "write_entries",
    "write_ledger",
    "write_rows",
]
