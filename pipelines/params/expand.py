"""Names in short: "s{1..3}" stands for s1, s2, s3; "s{01..16}_{mean,max}" for 32 names."""

from __future__ import annotations

import itertools
import re
from typing import Any

_RANGE = re.compile(r"\{(\d+\.\.\d+|[^{},]*(?:,[^{},]*)+)\}")
MOST = 10_000


def expand(name: str) -> list[str]:
    """The names that a short form stands for; itself where it is none. Raises ValueError above MOST names."""
    parts = _RANGE.split(name)
    if len(parts) == 1:
        return [name]
    choices: list[list[str]] = [[parts[0]]]
    for short, text in zip(parts[1::2], parts[2::2], strict=True):
        choices += [_forms(short), [text]]
    found = ["".join(each) for each in itertools.islice(itertools.product(*choices), MOST + 1)]
    if len(found) > MOST:
        raise ValueError(f"{name!r} stands for more than {MOST:,} names")
    return found


def _forms(short: str) -> list[str]:
    if "," in short:
        return short.split(",")
    low, _, high = short.partition("..")
    return [str(n).zfill(len(low)) for n in range(int(low), min(int(high), int(low) + MOST) + 1)]


def expand_list(names: Any) -> Any:
    """The same for every text of a list; anything else is left to the type's own check."""
    if not isinstance(names, (list, tuple)):
        return names
    return tuple(one for name in names for one in (expand(name) if isinstance(name, str) else [name]))


def expand_keys(block: dict[str, Any]) -> dict[str, Any]:
    """The same for the keys of a block. A text below a key, or its `field`, that has as many forms goes with them.

    Raises ValueError where it has another number of forms.
    """
    found: dict[str, Any] = {}
    for key, value in block.items():
        names = expand(key) if isinstance(key, str) else [key]
        field = value.get("field") if isinstance(value, dict) else value
        forms = expand(field) if isinstance(field, str) else [field]
        if len(forms) not in (1, len(names)):
            raise ValueError(f"{key!r} stands for {len(names)} names, but {field!r} for {len(forms)}")
        for i, name in enumerate(names):
            own = forms[i] if len(forms) > 1 else field
            found[name] = (
                value | {"field": own}
                if isinstance(value, dict) and field is not None
                else (own if isinstance(value, str) else value)
            )
    return found
