"""Rows to a regular, cleaned grid, and the grid to features: the batch forms of the device's own definitions."""

from pipelines.features.compute import compute
from pipelines.features.grid import build_grid
from pipelines.features.stored import read_grid, read_spec

__all__ = ["build_grid", "compute", "read_grid", "read_spec"]
