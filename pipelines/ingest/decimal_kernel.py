"""Decimal text → float64, compiled: the nearest float, as Python's float() gives, or no answer.

Source: M. Mushtak, D. Lemire, Fast number parsing without fallback, Software: Practice and Experience 53, 2023; before
it W. Clinger's exact case: a mantissa below 2^53 and a power of ten that is a float.
"""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

Codes = NDArray[np.uint8]

DIGITS = 18  # of a mantissa that an int64 holds for certain
REACH = 64  # powers of ten, up and down, beyond which there is no answer
_TENS = np.array([10.0**e for e in range(23)])
_TWOS = np.array([2.0**e for e in range(-400, 401)])


def _power(e: int) -> int:
    """10^e as 128 bits, the first of them set, rounded down."""
    wide = 10**e << 128 if e >= 0 else (1 << 640) // 10**-e
    return int(wide >> (wide.bit_length() - 128))


_HIGH = np.array([_power(e) >> 64 for e in range(-REACH, REACH + 1)], dtype=np.uint64)
_LOW = np.array([_power(e) & (1 << 64) - 1 for e in range(-REACH, REACH + 1)], dtype=np.uint64)
_U, _U8 = np.uint64, np.uint8
_HALF, _NINE = _U(0xFFFFFFFF), _U(0x1FF)
_0, _1, _3, _9, _32, _63, _64 = (_U(n) for n in (0, 1, 3, 9, 32, 63, 64))


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _times(a: np.uint64, b: np.uint64) -> np.uint64:
    """The upper 64 of the 128 bits of a x b."""
    p, q = (a & _HALF) * (b & _HALF), (a >> _32) * (b & _HALF)
    r = (a & _HALF) * (b >> _32)
    middle = (p >> _32) + (q & _HALF) + (r & _HALF)
    return (a >> _32) * (b >> _32) + (q >> _32) + (r >> _32) + (middle >> _32)


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def scaled(mantissa: int, e: int) -> float:
    """mantissa x 10^e, the nearest float; NaN: no answer. mantissa: not below 0."""
    if mantissa == 0:
        return 0.0
    if mantissa < 1 << 53 and -22 <= e <= 22:
        return float(mantissa * _TENS[e] if e >= 0 else mantissa / _TENS[-e])
    if e < -REACH or e > REACH:
        return np.nan
    m, shift = _U(mantissa), 0
    while not m >> _63:
        m <<= _1
        shift += 1
    high, low = _times(m, _HIGH[e + REACH]), m * _HIGH[e + REACH]
    if high & _NINE == _NINE and low + m < m:  # the power's lower half may decide
        more = low + _times(m, _LOW[e + REACH])
        if more < low:
            high += _1
        low = more
        if high & _NINE == _NINE and low + _1 == _0 and m * _LOW[e + REACH] + m < m:
            return np.nan
    top = high >> _63
    bits = high >> (top + _9)
    if low == _0 and high & _NINE == _0 and bits & _3 == _1:  # halfway between two floats, it seems
        return np.nan
    bits = (bits + (bits & _1)) >> _1
    two = (217706 * e >> 16) + 64 - shift - (1 - int(top)) - 52
    return float(bits) * _TWOS[two + 400]  # type: ignore[no-any-return]


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def decimal(codes: Codes, i: int, end: int, point: int) -> tuple[float, int, int]:
    """A number at codes[i]: its value, where it ends (-1: none, or no answer), and where its digits begin."""
    negative = i < end and codes[i] == 45
    if i < end and (codes[i] == 45 or codes[i] == 43):
        i += 1
    first, mantissa, e = i, 0, 0
    while i < end and _U8(codes[i] - 48) < 10:
        mantissa = mantissa * 10 + (codes[i] - 48)
        i += 1
    said = i - first
    if i < end and codes[i] == point:
        i += 1
        whole = i
        while i < end and _U8(codes[i] - 48) < 10:
            mantissa = mantissa * 10 + (codes[i] - 48)
            i += 1
        e = whole - i
        said -= e
    if said == 0 or (said > DIGITS and _digits(codes, first, i) > DIGITS):
        return np.nan, -1, first
    if i < end and (codes[i] == 101 or codes[i] == 69):  # e, E
        power, i = _exponent(codes, i + 1, end)
        e += power
    value = scaled(mantissa, e)
    if i < 0 or np.isnan(value):
        return np.nan, -1, first
    return -value if negative else value, i, first


@njit(cache=True, nogil=True)  # type: ignore[untyped-decorator]
def _digits(codes: Codes, i: int, end: int) -> int:
    """How many digits there are, zeros before the first other one aside."""
    count = 0
    for j in range(i, end):
        digit = 48 <= codes[j] <= 57
        count += digit and (count > 0 or codes[j] != 48)
    return count


@njit(cache=True, nogil=True, inline="always")  # type: ignore[untyped-decorator]
def _exponent(codes: Codes, i: int, end: int) -> tuple[int, int]:
    """The power of ten behind an e, and where it ends; -1: there is none, or one of more than three digits."""
    negative = i < end and codes[i] == 45
    if i < end and (codes[i] == 45 or codes[i] == 43):
        i += 1
    first, power = i, 0
    while i < end and i - first < 4 and 48 <= codes[i] <= 57:
        power = power * 10 + (codes[i] - 48)
        i += 1
    return (-power if negative else power), (i if 0 < i - first < 4 else -1)
