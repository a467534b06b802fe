"""Rows to sides and targets, and an audit that looks for leaks."""

from pipelines.split.sides import SIDES, assign_sides, hashed_side
from pipelines.split.split import Split, split
from pipelines.split.stored import read_learnt_spec, read_sides, read_targets, stream_aligned
from pipelines.split.suggest import Suggestion, suggest_seed

__all__ = [
    "SIDES",
    "Split",
    "Suggestion",
    "assign_sides",
    "hashed_side",
    "read_learnt_spec",
    "read_sides",
    "read_targets",
    "split",
    "stream_aligned",
    "suggest_seed",
]
