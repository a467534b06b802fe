"""What a column may be: a time, a device, a label, a measurement; judged by its name and its cells."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from fleetloop_edge.decoders import clock
from fleetloop_edge.decoders.cell import number
from fleetloop_edge.errors import DecodeError
from fleetloop_edge.mapping import TimeMap

Cells = Sequence[str]

TIME = re.compile(
    r"(^|[^a-z])(time|date|datetime|timestamp|ts|zeit|datum|utc|day|when)([^a-z]|$)|time$|^date|^time|^t$", re.I
)
UNIT_IN_NAME = re.compile(r"[\[(]\s*([^\])]+?)\s*[\])]\s*$")
_SAME = (
    "degC degF K bar mbar Pa hPa kPa MPa psi V mV kV A mA kA W kW MW kWh Wh Hz kHz rpm l/s l/min l/h m/s mm/s m/s^2 "
    "mm um m cm km s ms min h N kN kg t ppm lux"
)
UNITS = dict(zip(_SAME.split(" "), _SAME.split(" "), strict=True)) | {
    "°C": "degC", "C": "degC", "°F": "degF", "F": "degF", "%": "percent", "m³/h": "m^3/h", "m3/h": "m^3/h",
    "µm": "um", "L/min": "l/min", "Nm": "N*m",
}  # fmt: skip
"""Units as names of columns spell them, and as pint does."""

RECEIVED = re.compile(r"received|arriv|ingest|enqueued|(^|_)rx(_|$)", re.I)
DEVICE = re.compile(
    r"(^|[^a-z])(device|unit|machine|asset|engine|pump|motor|turbine|vehicle|sensor_?id|station|serial|serial_number|"
    r"node|equipment|household|building|id|ger(ä|ae)t|maschine|anlage|machine_?name)([^a-z]|$)|device|machine_?id|asset|_id$",
    re.I,
)
LABEL = re.compile(
    r"label|class(?!ic)|target$|anomal|fault|fail|machine_status|status|state$|changepoint|occupan|defect|alarm|broken",
    re.I,
)
COUNTER = re.compile(r"^(cycle|cycles|step|index|sample|row|n|no|seq|time_in_cycles|time_cycles)$|^unnamed", re.I)
WORDS_FOR_NOTHING = ("na", "n/a", "null", "none", "?", "-", "nil", "missing", "---")
NUMBERS_FOR_NOTHING = (-200.0, -999.0, -9999.0, -99999.0, 9999.0, 99999.0, 999999.0, -32768.0, 65535.0)
PATTERNS = (
    "iso",
    "%Y-%m-%d %H:%M:%S",
    "%Y-%m-%d %H:%M",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%d/%m/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
    "%d-%m-%Y %H:%M:%S",
    "%d-%m-%Y %H:%M",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y%m%d%H%M%S",
    "%Y%m%d",
    "%d-%b-%Y %H:%M:%S",
    "%b %d %Y %H:%M:%S",
    "%d.%m.%Y",
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d-%m-%Y",
    "%Y/%m/%d",
    "%d-%b-%Y",
)
_EPOCHS = (("epoch_s", 1e8, 5e9), ("epoch_ms", 1e11, 5e12), ("epoch_us", 1e14, 5e15), ("epoch_ns", 1e17, 5e18))
_TRIED = 200


@dataclass(frozen=True)
class Column:
    """A column and what was seen in it. cells: the first ones, as text; numbers: of many more records, or NaN."""

    name: str
    cells: Cells
    numbers: np.ndarray[tuple[int], np.dtype[np.float64]]

    @property
    def first(self) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
        """The numbers of the first cells."""
        return self.numbers[: len(self.cells)]

    @cached_property
    def said(self) -> list[str]:
        """Cells that say something."""
        return [c for c in self.cells if c and c.strip().lower() not in WORDS_FOR_NOTHING]

    @cached_property
    def numeric(self) -> bool:
        return bool(self.said) and all(number(cell) is not None for cell in self.said)

    @cached_property
    def different(self) -> set[str]:
        return set(self.said)


def time_format(cells: Iterable[str]) -> str | None:
    """The first known format that reads them all; None where none does."""
    tried = [cell for cell in cells if cell.strip()][:_TRIED] + [cell for cell in cells if cell.strip()][-_TRIED:]
    if not tried:
        return None
    if all(number(cell) is not None for cell in tried):
        low, high = min(float(c) for c in tried), max(float(c) for c in tried)
        compact = [p for p in ("%Y%m%d%H%M%S", "%Y%m%d") if all(_reads(cell, p) for cell in tried)]
        epochs = [name for name, a, b in _EPOCHS if a <= low and high < b]
        return compact[0] if compact else epochs[0] if epochs else None
    return next((p for p in PATTERNS if all(_reads(cell, p) for cell in tried)), None)


def _reads(cell: str, pattern: str) -> bool:
    try:
        clock.read(cell, TimeMap("t", pattern), "time")
    except DecodeError:
        return False
    return True


def is_clock(cells: Iterable[str]) -> bool:
    """Whether cells are times of a day, without a date."""
    tried = [cell for cell in cells if cell.strip()][:_TRIED]
    return bool(tried) and all(re.fullmatch(r"\d{1,2}[:.]\d{2}([:.]\d{2})?(\.\d+)?", cell.strip()) for cell in tried)


def missing_codes(columns: Iterable[Column]) -> list[str]:
    """Words and numbers that seem to mean "not measured"."""
    found: dict[str, None] = {}
    for column in columns:
        for cell in column.cells:
            if cell.strip().lower() in WORDS_FOR_NOTHING:
                found[cell.strip()] = None
        for code in NUMBERS_FOR_NOTHING:
            if _stands_apart(column.numbers, code):
                found[f"{code:g}"] = None
    return list(found)


def _stands_apart(values: np.ndarray[tuple[int], np.dtype[np.float64]], code: float) -> bool:
    """A code comes more than once, at the end of all values, further from the rest than the rest is wide."""
    own = values == code
    rest = values[~own & np.isfinite(values) & ~np.isin(values, NUMBERS_FOR_NOTHING)]
    if own.sum() < 2 or not len(rest):
        return False
    width = max(float(rest.max() - rest.min()), 1e-9)
    return bool(code < rest.min() - width / 2 or code > rest.max() + width / 2)


def unit_in(name: str) -> str:
    """The unit that a column's name ends with, as in "Pressure [bar]" or "Temp (°C)"; "" where there is none."""
    found = UNIT_IN_NAME.search(name)
    return UNITS.get(found[1], "") if found else ""


def plausible(values: np.ndarray[tuple[int], np.dtype[np.float64]], missing: Iterable[str]) -> tuple[float, float]:
    """A range twice as wide as what was seen, at round ends; not below 0 where nothing was."""
    codes = [v for code in missing if (v := number(code)) is not None]
    seen = values[np.isfinite(values) & ~np.isin(values, codes)]
    if not len(seen):
        return -1e6, 1e6
    low, high = float(seen.min()), float(seen.max())
    width = (high - low) or abs(high) or 1.0
    floor = _round(low - width / 2, math.floor)
    return max(floor, 0.0) if low >= 0 else floor, _round(high + width / 2, math.ceil)


def _round(value: float, way: object) -> float:
    """To one figure, outwards."""
    if value == 0:
        return 0.0
    step = 10.0 ** math.floor(math.log10(abs(value)))
    whole = math.floor(value / step) if way is math.floor else math.ceil(value / step)
    return float(f"{whole * step:.6g}")
