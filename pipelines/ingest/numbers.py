"""A column of cells → one channel's canonical values, at array speed; held equal to the device's cell by cell."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from fleetloop_edge.check import bad_quality, not_a_number, out_of_range
from fleetloop_edge.decoders.cell import BLANK, NOTHING, NUMBER, key_of, missing_codes, number, shown
from fleetloop_edge.decoders.record import cell_of
from fleetloop_edge.mapping import FieldMap, SourceMap
from fleetloop_edge.spec import Channel
from pipelines.ingest.fields import encoded

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Codes = NDArray[np.uint8]
Bad = list[tuple[int, tuple[str, str]]]
"""Where a cell was not believed, and why: rule and reason."""

_PLAIN = f"^{NUMBER}$"
_ALL = np.empty(0, dtype=np.uint8)  # every cell says something


def channel_values(
    cells: pa.Array, verdicts: pa.Array | None, channel: Channel, mapped: FieldMap, source: SourceMap
) -> tuple[NDArray[np.float32], Bad]:
    """(n,) canonical values of one channel, NaN where not measured or not believed. verdicts: the vendor's own."""
    from pipelines.ingest import kernels  # numba: only where it computes

    told, valid, first, texts = _said(cells, mapped, source)
    bad: Bad = [(place, not_a_number(text)) for place, text in texts.items()]
    values = np.empty(len(told), dtype=np.float32)
    outside = kernels.canonical(told, valid, first, mapped.scale, mapped.offset, channel.min, channel.max, values)
    if outside:
        known = ~np.isnan(told) & (_bits(valid, first, len(told)) if len(valid) else True)
        for place in np.flatnonzero(np.isnan(values) & known).tolist():
            bad.append((place, out_of_range(float(told[place] * mapped.scale + mapped.offset), channel)))
    if verdicts is not None:
        said = encoded(verdicts)
        judged = [key_of(word) in mapped.good for word in said.words]
        doubted = ~np.asarray([*judged, False], dtype=np.bool_)[said.codes]
        words = [*(shown(word) for word in said.words), shown(None)]
        bad = [(place, why) for place, why in bad if not doubted[place]]
        bad += [(int(place), bad_quality(words[said.codes[place]])) for place in np.flatnonzero(doubted)]
        values[doubted] = np.nan
    return values, bad


def _said(cells: pa.Array, mapped: FieldMap, source: SourceMap) -> tuple[Any, Codes, int, dict[int, str]]:
    """Values in the vendor's unit, the bits of those that are there and the first of these (see `kernels.canonical`),
    and the text of those cells that are no number."""
    if pa.types.is_float64(cells.type) and not mapped.codes and not missing_codes(source.missing + mapped.missing)[1]:
        bits, data = cells.buffers()
        values = np.frombuffer(data, dtype=np.float64)[cells.offset : cells.offset + len(cells)]
        return values, _ALL if bits is None else np.frombuffer(bits, dtype=np.uint8), cells.offset, {}
    values, texts = _read(cells, mapped, source)
    return values, _ALL, 0, texts


def _bits(valid: Codes, first: int, count: int) -> NDArray[np.bool_]:
    return np.unpackbits(valid, bitorder="little")[first : first + count].astype(np.bool_)


def _read(cells: pa.Array, mapped: FieldMap, source: SourceMap) -> tuple[Floats, dict[int, str]]:
    """Values in the vendor's unit, and the text of those cells that are no number."""
    if pa.types.is_dictionary(cells.type):
        cells = cells.dictionary_decode()
    text = pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)
    if mapped.codes:
        return _one_by_one(cells, lambda cell: cell_of(cell, mapped, source))
    missing = source.missing + mapped.missing
    if not text:
        return _without(_typed(cells), missing), {}
    whole = _at_once(cells, missing)
    if whole is not None:
        return _without(whole, missing), {}
    trimmed = pc.utf8_trim(cells, characters=BLANK).fill_null("")
    plain = pc.match_substring_regex(trimmed, _PLAIN).to_numpy(zero_copy_only=False)
    values = np.full(len(cells), np.nan)
    numbers = np.flatnonzero(plain)
    values[numbers] = pc.cast(trimmed.take(pa.array(numbers)), pa.float64()).to_numpy()
    values = _without(values, missing)
    others = np.flatnonzero(~plain)
    rest, texts = _one_by_one(cells.take(pa.array(others)), lambda cell: cell_of(cell, mapped, source))
    values[others] = rest
    return values, {int(others[place]): said for place, said in texts.items()}


def _at_once(cells: pa.Array, missing: tuple[str, ...]) -> Floats | None:
    """All cells in one cast, or None: where one of them is neither a plain number nor plainly nothing."""
    nothing = pa.array(["", *missing_codes(missing)[0]], pa.string())
    some = pc.if_else(pc.is_in(cells, value_set=nothing), pa.scalar(None, pa.string()), cells)
    try:
        found = pc.cast(some, pa.float64())
    except pa.ArrowInvalid:
        return None
    values: Floats = found.to_numpy(zero_copy_only=False)
    whole = np.isfinite(values).sum() == len(found) - found.null_count  # else it read inf, or a word like nan
    return values if whole else None


def _typed(cells: pa.Array) -> Floats:
    values: Floats = pc.cast(cells, pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    return values


def _without(values: Floats, missing: tuple[str, ...]) -> Floats:
    codes = [code for code in missing_codes(missing)[1] if not math.isnan(code)]
    return np.where(np.isin(values, codes), np.nan, values) if codes else values


def _one_by_one(cells: pa.Array, read: Callable[[Any], tuple[float, str | None]]) -> tuple[Floats, dict[int, str]]:
    """Each different cell by the device's own function."""
    said = encoded(cells)
    answers = [*(read(word) for word in said.words), (math.nan, None)]
    values = np.asarray([value for value, _ in answers])[said.codes]
    texts = [text for _, text in answers]
    bad = np.flatnonzero(np.asarray([text is not None for text in texts])[said.codes])
    return values, {int(place): str(texts[said.codes[place]]) for place in bad}


def sent(channel: Channel, source: SourceMap) -> Channel:
    """The channel with the range of what is sent: that of a counter is not that of its increments."""
    return replace(channel, min=-math.inf, max=math.inf) if source.channels[channel.name].counter else channel


def totals_of(cells: pa.Array, values: NDArray[np.float32], mapped: FieldMap) -> Floats:
    """(n,) what a counter showed, unrounded, in the channel's unit. values: the same in float32, NaN: not believed."""
    return np.where(np.isnan(values), np.nan, plain_number(cells) * mapped.scale)


def plain_number(cells: pa.Array) -> Floats:
    """(n,) numbers of a column; NaN where it says none, or none that is one."""
    if not (pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type)):
        return _typed(cells)
    whole = _at_once(cells, ())
    if whole is not None:
        return whole
    return _one_by_one(cells, lambda cell: (_or_nan(number(cell)), None))[0]


def _or_nan(value: float | None) -> float:
    return math.nan if value is None else value


__all__ = ["NOTHING", "channel_values", "plain_number", "sent", "totals_of"]
