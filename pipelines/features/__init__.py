"""Rows to a regular, cleaned grid, and the grid to features: the batch forms of the device's own definitions."""

from pipelines.features.compute import compute, compute_columns
from pipelines.features.events import Event, events_of
from pipelines.features.grid import build_grid
from pipelines.features.learn import learn_norms
from pipelines.features.show import shown
from pipelines.features.stored import read_grid, read_spec, read_spec_from, stream_grid
from pipelines.features.wide import stream_features, write_wide

__all__ = [
    "Event",
    "build_grid",
    "compute",
    "compute_columns",
    "events_of",
    "learn_norms",
    "read_grid",
    "read_spec",
    "read_spec_from",
    "shown",
    "stream_features",
    "stream_grid",
    "write_wide",
]
