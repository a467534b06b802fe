"""A dataset: which rows. Sources (files + decoder + mapping), the channel contract, and how rows are stored."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from pipelines.frozen import Frozen
from pipelines.params.expand import expand_keys
from pipelines.params.order import Order
from pipelines.params.source import SourceSpec


class ChannelSpec(Frozen):
    """One signal: canonical unit, and the range outside which a value is no measurement."""

    unit: str  # a pint unit, or "" for a pure number
    min: float
    max: float

    @model_validator(mode="after")
    def _ordered(self) -> ChannelSpec:
        if not self.min < self.max:
            raise ValueError(f"min {self.min} must be below max {self.max}")
        return self


class Storage(Frozen):
    """bucket=<hash(device) % buckets>/<span>.parquet."""

    buckets: int = Field(4, ge=1, le=256)
    span: Literal["day", "month", "year", "all"] = "month"


class Compute(Frozen):
    """Where the work is done; it changes no byte of what comes out."""

    threads: int = Field(2, ge=1, le=256)  # parts and files at work at once
    scheduler: str | None = None  # a Dask scheduler whose workers see the same disk, such as tcp://10.0.0.1:8786


class PairRule(Frozen):
    """Two channels of one row: low <= high + margin, wherever both are measured."""

    name: str
    low: str
    high: str
    margin: float = 0.0  # in the channels' unit
    reject: bool = True  # rows that break it; else only their share is judged
    share_max: float = Field(0.0, ge=0, le=1)  # of the rows, where they are not rejected


class Contract(Frozen):
    """What the rows must keep. Row rules send a row to the rejected keys; table rules fail the stage or warn."""

    missing_share_max: float = Field(0.5, ge=0, le=1)  # of a channel, over the dataset
    quarantine_share_max: float = Field(0.05, ge=0, le=1)  # of the records
    duplicates_share_max: float | None = Field(None, ge=0, le=1)  # of the records: sent again
    rejected_share_max: float = Field(0.05, ge=0, le=1)  # of the rows, by the row rules
    row_missing_max: float = Field(0.99, ge=0, le=1)  # share of channels missing in a row: above it the row is rejected
    gap_s_max: float | None = None  # longest silence of a device
    rate_min: float | None = Field(None, ge=0, le=1)  # rows of a device over those that its period promises
    flat_rows_max: int | None = None  # longest run of one equal value in a channel
    turned_share_max: float | None = Field(None, ge=0, le=1)  # rows of a device received before an earlier one
    ahead_s_max: float | None = Field(None, ge=0)  # how far a device's clock may run ahead of receipt
    skew_s_max: float | None = Field(None, ge=0)  # a device's clock against the fleet's, ahead or behind
    delay_s_max: float | None = Field(None, ge=0)  # median time from measuring to receipt, of a device
    stale_s_max: float | None = Field(None, ge=0)  # a device fell silent: its last row before the fleet's last receipt
    fresh_s_max: float | None = Field(None, ge=0)  # the fleet's last receipt before now; judged where `now` is known
    devices_min: int = Field(2, ge=1)
    pairs: tuple[PairRule, ...] = ()
    warn_only: tuple[str, ...] = ()  # names of table rules that warn instead of failing


class Healthy(Frozen):
    """Which history `fleetloop contract suggest` stands on: no row near an event, none under a label of trouble."""

    failure: str = "failure"  # the kind of event that a device's trouble ends in
    before_days: float = Field(7.0, ge=0)  # before it
    after_days: float = Field(1.0, ge=0)  # after it, and after any other event: maintenance, set-points
    troubles: tuple[str, ...] = (
        "anomal*",
        "*anomal*",
        "*fault*",
        "*fail*",
        "*broken*",
        "*alarm*",
        "*defect*",
        "*leak*",
    )


class Enough(Frozen):
    """Below this the ingest report warns: too little to learn from."""

    devices: int = Field(10, ge=1)
    rows_a_device: int = Field(200, ge=1)
    failures: int = Field(20, ge=0)


class Retention(Frozen):
    """How old each tier may be, in days; none: for ever. `fleetloop retention` applies it."""

    raw_days: float | None = Field(None, gt=0)  # raw files, by their newest row
    rows_days: float | None = Field(None, gt=0)  # rows, by when they were measured
    quarantine_days: float | None = Field(None, gt=0)  # entries, by the newest row of their raw file

    @model_validator(mode="after")
    def _rows_first(self) -> Retention:
        if self.raw_days is not None and (self.rows_days is None or self.rows_days > self.raw_days):
            raise ValueError(
                "raw_days needs rows_days of at most as many: rows are made of raw files, and made anew when a mapping "
                "changes; without its raw file a row could not be"
            )
        return self


class SimulateSpec(Frozen):
    """The seeded fleet behind a simulated dataset (`fleetloop data simulate`)."""

    fleet: str = "pumps"
    seed: int = 7
    devices: int = Field(60, ge=3)
    start: str = "2026-01-01T00:00:00Z"
    days: int = Field(75, ge=1)
    life_days: float = Field(28.0, gt=0)  # mean days to failure of a fresh machine under full load
    orders: tuple[Order, ...] = ()  # given to the fleet's first run


class DatasetSpec(Frozen):
    """Which rows: sources, channels with their contract, row period and storage."""

    title: str
    period_s: float = Field(gt=0)  # seconds between rows
    channels: dict[str, ChannelSpec]
    sources: dict[str, SourceSpec]
    storage: Storage = Storage()
    contract: Contract = Contract()
    enough: Enough = Enough()
    healthy: Healthy = Healthy()
    retention: Retention = Retention()
    simulate: SimulateSpec | None = None

    @model_validator(mode="before")
    @classmethod
    def _expanded(cls, raw: Any) -> Any:
        if isinstance(raw, dict) and isinstance(raw.get("channels"), dict):
            return raw | {"channels": expand_keys(raw["channels"])}
        return raw

    @model_validator(mode="after")
    def _known_channels(self) -> DatasetSpec:
        for pair in self.contract.pairs:
            absent = [channel for channel in (pair.low, pair.high) if channel not in self.channels]
            if absent:
                raise ValueError(
                    f"contract.pairs: rule {pair.name!r} names {absent[0]!r}, which is not a channel of the dataset; "
                    f"expected one of {', '.join(self.channels)}"
                )
        for name, source in self.sources.items():
            unknown = sorted(set(source.channels) - set(self.channels))
            if unknown:
                raise ValueError(
                    f"sources.{name}.channels.{unknown[0]} is not a channel of the dataset; "
                    f"expected one of {', '.join(self.channels)}"
                )
        return self
