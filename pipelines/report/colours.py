"""The colours of pages and figures, stated once: a CSS variable each, for light and for dark."""

from __future__ import annotations

COLOURS: dict[str, tuple[str, str]] = {  # name: light, dark
    "page": ("#f6f7f9", "#12161c"),
    "panel": ("#ffffff", "#1a2028"),
    "ink": ("#1c2530", "#e4e9f0"),
    "muted": ("#667382", "#93a0b0"),
    "line": ("#e1e6ec", "#2c3541"),
    "accent": ("#2563c9", "#6ea8fe"),
    "warm": ("#c8701a", "#f0a24e"),
    "quiet": ("#97a3b1", "#7d8a9a"),
    "good": ("#1d7f4e", "#4cc38a"),
    "good-soft": ("#e3f4ea", "#173326"),
    "bad": ("#c23b34", "#ff8079"),
    "bad-soft": ("#fbe9e7", "#3b1d1d"),
}


def css() -> str:
    """The variables as a style sheet: `--ink` and so on, dark where the reader prefers it."""
    light = "".join(f"--{name}:{pair[0]};" for name, pair in COLOURS.items())
    dark = "".join(f"--{name}:{pair[1]};" for name, pair in COLOURS.items())
    return f":root{{color-scheme:light dark;{light}}}@media(prefers-color-scheme:dark){{:root{{{dark}}}}}"
