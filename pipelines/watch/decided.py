"""A log's decisions as memory holds them: a number a column, sorted by device and slot."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fleetloop_edge.decide import ABSTAIN, NONE
from pipelines.errors import DataError
from pipelines.watch.measure import slots
from pipelines.watch.windows import Bool

WORDS = ("device", "action", "model")
_SLOT = 32  # bits of a key that the slot has


@dataclass(frozen=True)
class Decided:
    """devices: D names. key: (n,) device and slot, rising. score: float32, NaN = no answer. acts: whether it asked for
    action. first, last: (D,) slots of each device. model: the one that made most of them."""

    devices: tuple[str, ...]
    key: NDArray[np.int64]
    score: NDArray[np.float32]
    acts: Bool
    first: NDArray[np.int64]
    last: NDArray[np.int64]
    model: str

    def find(self, device: int, slot: NDArray[np.int64]) -> NDArray[np.int64]:
        """(n,) where the decisions on slots of device number `device` stand; -1: there is none."""
        key = (np.int64(device) << _SLOT) + slot
        at = np.minimum(np.searchsorted(self.key, key), len(self.key) - 1)
        return np.where(self.key[at] == key, at, -1)


def read_decided(folder: Path, period_s: float, moment: pd.Timestamp) -> Decided:
    """The decisions of a log received by a moment. Raises DataError where there is none, or none by a model."""
    table = _read(folder)
    received = table["received"].to_numpy()
    table = table.filter(pa.array(received <= np.datetime64(moment.tz_convert(None), "us")))
    if not table.num_rows:
        raise DataError(f"{folder} has no decision received by {moment:%Y-%m-%dT%H:%M:%SZ}")
    code, names = _codes(table, "device")
    slot = slots(table["time"].to_numpy().astype("datetime64[us]").view("int64"), period_s)
    key = (code << _SLOT) + slot
    key, place = np.unique(key, return_index=True)  # of two on one slot the first counts
    code, slot = key >> _SLOT, key & ((1 << _SLOT) - 1)
    said, actions = _codes(table, "action")
    quiet = np.isin(actions, [NONE, ABSTAIN])[said]
    begins = np.searchsorted(code, np.arange(len(names) + 1))
    score = table["score"].to_numpy().astype(np.float32)
    first, last = slot[begins[:-1]], slot[begins[1:] - 1]
    return Decided(names, key, score[place], ~quiet[place], first, last, _busiest(table))


def _read(folder: Path) -> pa.Table:
    columns = ["device", "time", "received", "action", "score", "model"]
    try:
        files = sorted(folder.glob("*.parquet"))
        parts = [pq.read_table(file, columns=columns, read_dictionary=list(WORDS)) for file in files]
        return pa.concat_tables([part.select(columns) for part in parts]).unify_dictionaries()
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, KeyError, ValueError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DataError(f"{folder} cannot be read ({reason}); expected columns {', '.join(columns)}") from None


def _codes(table: pa.Table, name: str) -> tuple[NDArray[np.int64], tuple[str, ...]]:
    """(n,) codes of a column of words, and the words that occur, sorted."""
    column = table[name].combine_chunks()
    words, code = np.array(column.dictionary.to_pylist(), dtype=object), column.indices.to_numpy().astype(np.int64)
    known, place = np.unique(code, return_inverse=True)
    order = np.argsort(words[known].astype(str), kind="stable")
    rank = np.empty(len(order), dtype=np.int64)
    rank[order] = np.arange(len(order))
    return rank[place], tuple(str(w) for w in words[known][order])


def _busiest(table: pa.Table) -> str:
    """The model that made most decisions. Raises DataError where none did."""
    code, models = _codes(table, "model")
    count = np.bincount(code, minlength=len(models)) * (np.array(models) != "")
    if not count.max(initial=0):
        raise DataError("the log has no decision that a model made: there is nothing to judge")
    return models[int(np.argmax(count))]
