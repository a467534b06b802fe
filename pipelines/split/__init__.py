"""Devices to sides, rows to targets, and an audit that looks for leaks."""

from pipelines.split.sides import SIDES, assign_sides, hashed_side
from pipelines.split.split import Split, split
from pipelines.split.stored import read_learnt_spec, read_sides, read_targets

__all__ = ["SIDES", "Split", "assign_sides", "hashed_side", "read_learnt_spec", "read_sides", "read_targets", "split"]
