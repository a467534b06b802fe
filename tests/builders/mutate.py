"""Real payloads, damaged as wires, disks and vendors damage them."""

from __future__ import annotations

from hypothesis import strategies as st

TOKENS = (
    b"\0", b"\n", b"\r", b'"', b"'", b",", b";", b"\t", b"{", b"}", b"[", b"]", b":", b"\xff", b"\xc3", b"\xef\xbb\xbf",
    b"null", b"NaN", b"-Infinity", b"1e999", b"-1", b"99999999999999999999", b"../../etc/passwd", b"\\ud800",
    b"\xd9\xa3",
    b"1970-01-01", b"9999-12-31T23:59:59Z", b"0x10", b"true", b"[[[[[[[[", b"\x80\x80\x80\x80\x80\x80\x80\x80\x80\x01",
)  # fmt: skip


@st.composite
def mutated(draw: st.DrawFn, corpus: tuple[bytes, ...]) -> bytes:
    """One of the corpus after a few cuts, copies, flips, insertions and splices."""
    data = bytearray(draw(st.sampled_from(corpus)))
    for _ in range(draw(st.integers(0, 5))):
        a = draw(st.integers(0, len(data)))
        b = draw(st.integers(a, min(len(data), a + 40)))
        match draw(st.sampled_from(("cut", "copy", "flip", "insert", "splice", "noise"))):
            case "cut":
                del data[a:b]
            case "copy":
                data[b:b] = data[a:b] * draw(st.integers(1, 3))
            case "flip" if a < len(data):
                data[a] ^= 1 << draw(st.integers(0, 7))
            case "insert":
                data[a:a] = draw(st.sampled_from(TOKENS))
            case "splice":
                other = draw(st.sampled_from(corpus))
                data[a:] = other[draw(st.integers(0, len(other))) :]
            case _:
                data[a:b] = draw(st.binary(max_size=8))
    return bytes(data)
