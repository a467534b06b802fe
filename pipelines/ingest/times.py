"""When each row was measured and received: columns, templates, counters, file names, places."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fleetloop_edge.decoders import clock
from fleetloop_edge.decoders.cell import absent
from fleetloop_edge.decoders.record import fill, holes, read_time
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import SourceMap, TimeMap
from pipelines.ingest import moments
from pipelines.ingest.batch import UNSAID, Words
from pipelines.ingest.fields import Fields
from pipelines.ingest.numbers import plain_number
from pipelines.ingest.schema import microseconds

Ints = NDArray[np.int64]


@dataclass
class Times:
    """(n,) microseconds; where there is none, why. silent: (n,) where the record does not say and need not."""

    micros: Ints
    trouble: dict[int, DecodeError] = field(default_factory=dict)
    silent: NDArray[np.bool_] | None = None


def measured(fields: Fields, source: SourceMap, device: Words) -> Times:
    """When the rows were measured."""
    spec = source.time
    found = read_times(fields, spec, "time")
    if spec.ambiguous == "order" and spec.zone != "UTC" and not clock.is_numeric(spec):
        found.micros = moments.in_order(found.micros, device.codes, spec)
    if spec.row_s or spec.column_s:
        place = fields.place - 1
        found.micros = found.micros + microseconds(place * spec.row_s + fields.position * spec.column_s)
    if source.clock:
        ahead = microseconds([source.clock.get(word, 0.0) for word in device.words] + [0.0])
        found.micros = found.micros - ahead[device.codes]
    return found


def received(fields: Fields, source: SourceMap, time: Ints) -> Times:
    """When the rows were received: as the record says, else a stated delay after they were measured."""
    late = time + microseconds([source.delay_s])[0]
    if source.received is None:
        return Times(late)
    found = read_times(fields, source.received, "received", optional=True)
    if found.silent is not None:
        found.micros = np.where(found.silent, late, found.micros)
    return found


def uploaded(fields: Fields, source: SourceMap) -> Times | None:
    """When the cloud got the rows, UNSAID where the record does not say; None where the mapping knows of no such."""
    if source.uploaded is None:
        return None
    found = read_times(fields, source.uploaded, "uploaded", optional=True)
    if found.silent is not None:
        found.micros = np.where(found.silent, UNSAID, found.micros)
    return found


def read_times(fields: Fields, spec: TimeMap, what: str, optional: bool = False) -> Times:
    """A column of times. optional: an absent one is no trouble."""
    cells = _cells(fields, spec)
    found = Times(np.zeros(len(fields), dtype=np.int64))
    if cells is None:
        done = np.zeros(len(fields), dtype=np.bool_)
    elif pa.types.is_timestamp(cells.type) or pa.types.is_date(cells.type):
        found.micros, done = _stamps(cells, spec)
    elif clock.is_numeric(spec):
        found.micros, done = _numbers(cells, spec)
    else:
        found.micros, done = moments.from_text(_as_text(cells), spec)
    _one_by_one(fields, spec, what, optional, np.flatnonzero(~done), found)
    return found


def _cells(fields: Fields, spec: TimeMap) -> pa.Array | None:
    """The column that holds the time, text of several joined; None where only the device's own reading will do."""
    if spec.start is not None and holes(spec.start):
        return None
    names = holes(spec.field)
    if not names:
        return fields.array(spec.field)
    literal = spec.field
    parts: list[Any] = []
    for name in names:
        before, _, literal = literal.partition("{" + name + "}")
        parts += [before, pc.utf8_trim_whitespace(_as_text(fields.array(name)))]
    return pc.binary_join_element_wise(*parts, literal, "", null_handling="emit_null")


def _as_text(cells: pa.Array) -> pa.Array:
    return cells if pa.types.is_string(cells.type) else pc.cast(cells, pa.string())


def _stamps(cells: pa.Array, spec: TimeMap) -> tuple[Ints, NDArray[np.bool_]]:
    zoned = pa.types.is_timestamp(cells.type) and cells.type.tz is not None
    whole = pc.cast(pc.cast(cells, pa.timestamp("us", "UTC" if zoned else None), safe=False), pa.int64())
    micros: Ints = whole.fill_null(-1).to_numpy(zero_copy_only=False)
    done = moments.within(micros)
    if not zoned and spec.zone != "UTC":
        micros = micros.copy()
        micros[done] = moments.to_utc(micros[done], spec)
    return micros, done


def _numbers(cells: pa.Array, spec: TimeMap) -> tuple[Ints, NDArray[np.bool_]]:
    values = plain_number(cells)
    seconds = np.asarray(clock.from_number(values, spec, spec.start))
    done = (seconds >= clock.EARLIEST) & (seconds < clock.LATEST)
    return microseconds(np.where(done, seconds, 0.0)), done


def _one_by_one(fields: Fields, spec: TimeMap, what: str, optional: bool, left: Ints, found: Times) -> None:
    """What arrays cannot read, by the device's own function: each different time once."""
    if not len(left):
        return
    names = tuple(dict.fromkeys([*_names(spec.field), *(holes(spec.start) if spec.start else ())]))

    def read(said: dict[str, Any]) -> float:
        told = fill(spec.field, said) if holes(spec.field) else said[spec.field]
        return np.nan if optional and absent(told) else read_time(said, spec, what)

    answers, codes = fields.at(left).each(read, names)
    troubled = np.array([isinstance(answer, DecodeError) for answer in answers])
    seconds = np.array([np.nan if isinstance(a, DecodeError) else a for a in answers])
    silent = np.isnan(seconds) & ~troubled
    found.micros = found.micros.copy()
    found.micros[left] = microseconds(np.nan_to_num(seconds))[codes]
    found.silent = np.zeros(len(fields), dtype=np.bool_)
    found.silent[left] = silent[codes]
    for row in left[troubled[codes]].tolist():
        found.trouble[row] = answers[int(codes[np.searchsorted(left, row)])]  # type: ignore[assignment]


def _names(template: str) -> tuple[str, ...]:
    return holes(template) or (template,)
