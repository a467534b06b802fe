"""A mapping guessed from samples of raw files, with the reason for each guess; a person goes on from there."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from fleetloop_edge.decoders import clock
from fleetloop_edge.decoders.record import holes
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import TimeMap
from pipelines.errors import DataError
from pipelines.ingest import kinds
from pipelines.ingest.kinds import Column
from pipelines.ingest.sample import Sample, sample_of
from pipelines.ingest.source_files import RawFile, raw_files_below
from pipelines.params import expand

LOOKED_AT = 60  # files of a folder
_SIGNAL = re.compile(r"tag|signal|metric|parameter|variable|channel|property|measure|sensor|^name$", re.I)
_VALUE = re.compile(r"^(value|val|reading|v|measurement|result|data)$|value$", re.I)
_START = "2000-01-01T00:00:00Z"


@dataclass
class Guessed:
    """One source. Each part with the words that go beside it in YAML."""

    name: str
    files: str
    sample: Sample
    device: tuple[str, str]
    time: tuple[dict[str, Any], str]
    period_s: float
    received: tuple[dict[str, Any], str] | None = None
    long: dict[str, str] | None = None
    missing: list[str] = field(default_factory=list)
    channels: dict[str, tuple[str, str, float, float]] = field(default_factory=dict)  # name: field, unit, min, max
    labels: dict[str, tuple[str, dict[str, str]]] = field(default_factory=dict)  # name: field, cell -> label
    left_out: dict[str, str] = field(default_factory=dict)  # column: why


def guess(folder: Path) -> list[Guessed]:
    """The sources of a folder of raw files. Raises DataError where there is none that can be read."""
    files = raw_files_below(folder)
    if not files:
        raise DataError(f"{folder} holds no raw file; give the folder that does")
    step = max(1, len(files) // LOOKED_AT)
    groups: dict[tuple[object, ...], list[tuple[RawFile, Sample]]] = {}
    for file in files[::step]:
        sample = sample_of(file)
        groups.setdefault((file.suffix, sample.shape), []).append((file, sample))
    names: set[str] = set()
    return [_source(group, files, len(groups), names) for group in groups.values()]


def _source(group: list[tuple[RawFile, Sample]], files: list[RawFile], groups: int, names: set[str]) -> Guessed:
    own = [file for file, _ in group]
    sample = _together([sample for _, sample in group])
    glob = _glob(own, files, groups)
    columns = sample.columns
    used: set[str] = set()
    time, why = _time(columns, used)
    received = _received(columns, used)
    long = _long(columns, used)
    device = _device(columns, own, files, used, headless=sample.dialect is not None and not sample.dialect.form.header)
    name = _slug(re.sub(r"[*{}]|\.\w+|,", " ", glob))[:24].strip("_") or "files"
    while name in names:
        name += "_2"
    names.add(name)
    found = Guessed(name, glob, sample, device, (time, why), _period(columns, time, device[0]), received, long)
    _rest(found, columns, used)
    return found


def _together(samples: list[Sample]) -> Sample:
    """The first cells of up to five files, evenly chosen."""
    some = samples[:: max(1, len(samples) // 5)]
    columns = {}
    for name in samples[0].columns:
        own = [one.columns[name] for one in some]
        cells = own[0].cells if len(own) == 1 else [cell for column in own for cell in column.cells]
        first = np.concatenate([column.first for column in own])  # those of the cells come first
        rest = np.concatenate([column.numbers[len(column.cells) :] for column in own])
        columns[name] = Column(name, cells, np.concatenate([first, rest]))
    return Sample(samples[0].decoder, columns, samples[0].dialect)


def _glob(own: list[RawFile], files: list[RawFile], groups: int) -> str:
    """The shortest pattern that names these files and no other."""
    suffix = own[0].suffix
    folders = {file.given["folder"] for file in own}
    start = _common([file.name.rpartition("/")[2] for file in own])
    places = ["", "**/"] if folders != {""} else [""]
    if len(folders) == 1 and folders != {""}:
        places = [f"{next(iter(folders))}/"]
    elif "" not in folders:
        places.append("{" + ",".join(sorted(folders)) + "}/")
    candidates = [f"{place}{begin}*{suffix}" for place in places for begin in ("", start)]
    wanted = {file.name for file in own}
    for candidate in candidates:
        globs = [glob.replace("**/", "*/") for glob in expand(candidate)]
        named = {file.name for file in files if any(Path("/" + file.name).match("/" + glob) for glob in globs)}
        if wanted <= named and (groups == 1 or named == wanted):
            return candidate
    return own[0].name if len(own) == 1 else "{" + ",".join(sorted(wanted)) + "}"


def _common(names: list[str]) -> str:
    first, last = min(names), max(names)
    size = next((i for i, (a, b) in enumerate(zip(first, last, strict=False)) if a != b), min(len(first), len(last)))
    return first[:size].rstrip("0123456789")


def _time(columns: dict[str, Column], used: set[str]) -> tuple[dict[str, Any], str]:
    stamps = [c for c in columns.values() if not kinds.RECEIVED.search(c.name)]
    named = sorted(stamps, key=lambda c: not kinds.TIME.search(c.name))
    for column in named:
        form = None
        if not column.numeric or kinds.TIME.search(column.name):
            form = kinds.time_format(column.said)
        if form is None:
            continue
        used.add(column.name)
        hours = next((c for c in stamps if c.name not in used and kinds.is_clock(c.said)), None)
        if hours is not None and not any("H" in part or ":" in part for part in (form, column.said[0])):
            joined = [f"{a} {b}" for a, b in zip(column.cells, hours.cells, strict=True)]
            both = kinds.time_format(joined) or f"{form} %H:%M:%S"
            used.add(hours.name)
            return {"field": f"{{{column.name}}} {{{hours.name}}}", "format": both}, "a date and a time of day, joined"
        return {"field": column.name, "format": form}, _day_first(form, column.said)
    for column in named:
        rises = bool(column.numeric and len(column.first) > 1 and (np.diff(column.first) >= 0).mean() > 0.9)
        if rises and (kinds.TIME.search(column.name) or kinds.COUNTER.search(column.name)):
            used.add(column.name)
            why = "a number that rises: set start, and what one step is in seconds"
            return {"field": column.name, "format": "counter", "start": _START, "period_s": 1}, why
    why = "no column looks like a time: the place of a record in its file; set start and period_s"
    return {"field": "row", "format": "counter", "start": _START, "period_s": 1}, why


def _day_first(form: str, cells: list[str]) -> str:
    if form.startswith(("%d/%m", "%d-%m")) and all(_reads_both(cell, form) for cell in cells[:400]):
        return "day or month first? no day above 12 was seen"
    return "times without a zone are taken as UTC; else add zone: Europe/Berlin"


def _reads_both(cell: str, form: str) -> bool:
    other = form.replace("%d", "%x").replace("%m", "%d").replace("%x", "%m")
    try:
        clock.read(cell, TimeMap("t", other), "time")
    except DecodeError:
        return False
    return True


def _received(columns: dict[str, Column], used: set[str]) -> tuple[dict[str, Any], str] | None:
    for column in columns.values():
        form = kinds.time_format(column.said) if kinds.RECEIVED.search(column.name) else None
        if form is not None:
            used.add(column.name)
            return {"field": column.name, "format": form}, "by its name"
    return None


def _long(columns: dict[str, Column], used: set[str]) -> dict[str, str] | None:
    free = [c for c in columns.values() if c.name not in used]
    values = [c for c in free if c.numeric and _VALUE.search(c.name)]
    tags = [c for c in free if not c.numeric and _SIGNAL.search(c.name) and 1 < len(c.different) <= 200]
    if len(values) != 1 or not tags:
        return None
    used |= {values[0].name, tags[0].name}
    return {"name": tags[0].name, "value": values[0].name}


def _device(
    columns: dict[str, Column], own: list[RawFile], files: list[RawFile], used: set[str], headless: bool
) -> tuple[str, str]:
    for column in columns.values():
        whole = not column.numeric or bool((column.first == np.floor(column.first)).all())
        runs = 1 + int(np.count_nonzero(np.diff(column.first))) if column.numeric else 0
        first = headless and column.name == "1" and 1 < runs <= 3 * len(column.different)
        fits = kinds.DEVICE.search(column.name) or first
        few = len(column.different) <= max(1, len(column.said) // 2)
        if column.name not in used and column.said and whole and fits and few and len(columns) > 1:
            used.add(column.name)
            return f"{{{column.name}}}", f"{len(column.different)} different in the first records"
    if len({file.given["folder"] for file in files}) > 1 and len(own) > 1:
        return "{folder}-{file}", "a device a file, named by its folder and name"
    if len(own) > 1:
        return "{file}", "a device a file"
    return "device-1", "one file without a column of devices: one device; name it"


def _period(columns: dict[str, Column], time: dict[str, Any], device: str) -> float:
    """The usual seconds between two records of the device that comes first."""
    if time["format"] == "counter":
        return float(time.get("period_s", 1))
    own = device.strip("{}")
    spec = TimeMap("t", time["format"])
    records = zip(*(columns[name].cells for name in (holes(time["field"]) or (time["field"],))), strict=True)
    cells = [" ".join(parts).strip() for parts in records]
    if own in columns:
        cells = [cell for cell, who in zip(cells, columns[own].cells, strict=True) if who == columns[own].cells[0]]
    stamps = np.unique([clock.read(cell, spec, "time") for cell in cells if cell])
    return float(f"{np.median(np.diff(stamps)):.6g}") if len(stamps) > 1 else 1.0


def _rest(found: Guessed, columns: dict[str, Column], used: set[str]) -> None:
    """Labels, channels, and columns that are neither."""
    free = [column for column in columns.values() if column.name not in used]
    if found.long is not None:
        return _tags(found, columns)
    measured = [c for c in free if c.numeric and not _is_label(c)]
    found.missing = kinds.missing_codes(measured)
    for column in free:
        if not column.said:
            found.left_out[column.name] = "empty"
        elif _is_label(column):
            found.labels[_slug(column.name)] = (column.name, _meanings(column))
        elif not column.numeric:
            found.left_out[column.name] = f"text: {', '.join(sorted(column.different)[:4])[:60]}"
        elif kinds.COUNTER.search(column.name) or not column.name:
            found.left_out[column.name] = "numbers the records"
        else:
            _add_channel(found, column.name, column.numbers)
    return None


def _tags(found: Guessed, columns: dict[str, Column]) -> None:
    assert found.long is not None
    tags, values = columns[found.long["name"]], columns[found.long["value"]]
    found.missing = kinds.missing_codes([values])
    said = np.array([cell.strip() for cell in tags.cells], dtype=object)
    for tag in sorted(tags.different):
        _add_channel(found, tag.strip(), values.first[said == tag.strip()])


def _add_channel(found: Guessed, name: str, values: Any) -> None:
    channel = _slug(re.sub(r"[\[(][^\])]*[\])]\s*$", "", name)) or _slug(name) or "channel"
    if channel in found.channels or not channel[0].isalpha():
        channel = f"c_{_slug(name)}"
    while channel in found.channels:
        channel += "_2"
    found.channels[channel] = (name, kinds.unit_in(name), *kinds.plausible(values, found.missing))


def _is_label(column: Column) -> bool:
    few = 1 <= len(column.different) <= 20
    whole = not column.numeric or bool(np.all(np.isnan(column.first) | (column.first == np.floor(column.first))))
    return bool(kinds.LABEL.search(column.name)) and few and whole


def _meanings(column: Column) -> dict[str, str]:
    cells: Iterable[str] = sorted(column.different)
    if column.numeric and set(np.unique(column.numbers[~np.isnan(column.numbers)])) <= {0.0, 1.0}:
        return {"0": "normal", "1": _slug(column.name)}
    return {} if column.numeric else {cell: cell.strip().lower() for cell in cells}


def _slug(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "_", text.lower()).strip("_")
