"""Every feature with its formula and unit: the one list, from which docs/features.md is made.

x_1 … x_n are the known values among the last w rows since the segment began, oldest first; u is the signal's unit (1
where it is normalised). A feature without a known value to stand on is missing.
"""

from __future__ import annotations

from typing import NamedTuple


class Entry(NamedTuple):
    """name: as in the feature's name, s being the signal and w the window as YAML says it. key: where YAML asks."""

    name: str
    key: str
    formula: str
    unit: str


CATALOGUE: tuple[Entry, ...] = (
    Entry("s.value", "always", "the slot's clean value, held for at most `fill` slots", "u"),
    Entry("s.missing", "missing", "1 where the slot measured nothing (or a spike), else 0", "0/1"),
    Entry("s.deviation", "baseline_rows", "value - mean of the life's first baseline_rows known values", "u"),
    Entry("s.ewma.a", "ewma", "m + a (x - m), from the segment's first value on; rests where x is missing", "u"),
    Entry("age", "age", "periods since the device's first slot or the last reset, that one being 1", "periods"),
    Entry("s.mean.w", "trailing", "sum x_i / n", "u"),
    Entry("s.std.w", "trailing", "sqrt(sum (x_i - mean)^2 / n)", "u"),
    Entry("s.min.w", "trailing", "smallest x_i", "u"),
    Entry("s.max.w", "trailing", "largest x_i", "u"),
    Entry("s.range.w", "trailing", "max - min", "u"),
    Entry("s.slope.w", "trailing", "least squares of x_i on its row; missing below two values", "u a row"),
    Entry("s.delta.w", "trailing", "newest value - mean", "u"),
    Entry("s.deviation.w", "trailing", "mean - mean of the life's first baseline_rows known values", "u"),
    Entry("s.rms.w", "trailing", "sqrt(sum x_i^2 / n)", "u"),
    Entry("s.crest.w", "trailing", "largest |x_i| / rms", "1"),
    Entry("s.kurtosis.w", "trailing", "n sum d_i^4 / (sum d_i^2)^2, d_i = x_i - mean; 3 for a normal signal", "1"),
    Entry(
        "s.crossings.w", "trailing", "how often x_i - mean changes its sign between known values; 0 is above", "count"
    ),
    Entry("s.missing.w", "trailing", "rows of the window that measured nothing", "count"),
    Entry("s.q05.w", "trailing", "5 % quantile, linear between neighbours (q01 q05 q10 q25 q50 q75 q90 q95 q99)", "u"),
    Entry("s.lag.k", "lags", "the value k rows before, in the same segment", "u"),
    Entry(
        "s.band.f-g.w",
        "spectral",
        "power from frequency f up to g of the whole window (at least half known), less its mean, Hann-tapered",
        "u^2",
    ),
    Entry("s.spectral_kurtosis.w", "spectral", "kurtosis of the frequencies, weighted by their power", "1"),
    Entry("since.event", "since", "periods since the newest event of this kind that was known by then", "periods"),
    Entry("day.sin, day.cos", "calendar", "the UTC time in the day, week (from Monday) or year, on a circle", "1"),
)


def as_markdown() -> str:
    """The list as a table."""
    lines = ["| feature | asked for by | value | unit |", "|---|---|---|---|"]
    lines += [f"| `{e.name}` | `{e.key}` | {e.formula.replace('|', chr(92) + '|')} | {e.unit} |" for e in CATALOGUE]
    return "\n".join(lines) + "\n"
