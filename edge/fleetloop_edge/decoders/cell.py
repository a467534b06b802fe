"""One field of a record → a number, a "not measured", or neither."""

from __future__ import annotations

import math
import re
import reprlib
from collections.abc import Mapping
from functools import lru_cache
from typing import Any

NUMBER = r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?"
"""What a number looks like in text. Narrower than Python's float(): no 1_000, no infinity, no other alphabets."""

BLANK = " \t\r\n\f\v"
NOTHING = frozenset({"", "nan", "null"})
"""Texts, in lower case, that always mean "not measured"."""

_NUMBER = re.compile(NUMBER)


def shown(value: Any) -> str:
    """A field as a message quotes it: short, whatever it holds."""
    return value[:80] if isinstance(value, str) else reprlib.repr(value)[:80]


def absent(value: Any) -> bool:
    """Whether a field says nothing at all."""
    return value is None or (isinstance(value, str) and not value.strip(BLANK))


def number(value: Any) -> float | None:
    """A field as a number: NaN where nothing was measured, None where it is no number."""
    if type(value) is float:  # nearly always
        return value
    if value is None:
        return math.nan
    if isinstance(value, (bool, int, float)):
        try:
            return float(value)
        except OverflowError:
            return math.inf if value > 0 else -math.inf
    if not isinstance(value, str):
        return None
    text = value.strip(BLANK)
    if text.lower() in NOTHING:
        return math.nan
    return float(text) if _NUMBER.fullmatch(text) else None


def key_of(value: Any) -> str:
    """One form of a cell for looking it up: numbers by what they are (1, "1.0" and 1e0 are one), else its text."""
    plain = number(value)
    if plain is None or not math.isfinite(plain):
        return str(value).strip(BLANK)
    return repr(plain + 0.0)


@lru_cache(maxsize=256)
def missing_codes(codes: tuple[str, ...]) -> tuple[frozenset[str], frozenset[float]]:
    """The codes that mean "not measured", as texts and, where they are numbers, as numbers."""
    values = (number(code) for code in codes)
    return frozenset(code.strip(BLANK) for code in codes), frozenset(v for v in values if v is not None)


def value_of(field: Any, codes: tuple[str, ...], words: Mapping[str, float] | None = None) -> tuple[float, str | None]:
    """A field's value and, where it is neither a number nor a missing code, its text.

    words: what stands for a number, by `key_of`.
    """
    if words and (meant := words.get(key_of(field))) is not None:
        return meant, None
    value = number(field)
    if codes:
        texts, numbers = missing_codes(codes)
        if value in numbers or (isinstance(field, str) and field.strip(BLANK) in texts):
            return math.nan, None
    return (math.nan, shown(field)) if value is None else (value, None)
