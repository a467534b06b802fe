"""Blocks of a use case that may be left out of params.yaml, though DVC watches them and would miss them.

Where one is absent, an empty block is written into the file; every other byte stays.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pipelines.errors import ParamsError
from pipelines.files import write_bytes
from pipelines.params import TrainSpec

_TRAIN = {"seed": TrainSpec().seed, "threads": TrainSpec().threads, "baseline": "{}", "sequence": "{}"}
WATCHED: dict[str, dict[str, Any]] = {"features": {}, "split": {}, "train": _TRAIN, "decision": {}}
"""Blocks that have defaults, with the keys in them that DVC watches by themselves."""


def make_room(root: Path, use_case: str) -> bool:
    """Write the blocks that a use case leaves out, empty: their defaults hold. False where none is absent.

    Raises ParamsError where that takes a hand.
    """
    from ruamel.yaml import YAML

    path = root / "params.yaml"
    text = path.read_text()
    case: Any = YAML().load(text)["use_cases"][use_case]
    for block, keys in WATCHED.items():
        for key in keys if block in case else ():
            if key not in case[block]:
                said = f"params.yaml: use_cases.{use_case}.{block} lacks {key}, which DVC watches"
                raise ParamsError(f"{said}; add `{key}: {keys[key]}`")
    absent = [block for block in WATCHED if block not in case]
    if not absent:
        return False
    if case.fa.flow_style():
        raise ParamsError(
            f"params.yaml: use_cases.{use_case} lacks {', '.join(absent)}, which DVC watches; add `{absent[0]}: {{}}`"
        )
    line, column = case.lc.key(next(iter(case)))
    lines = text.splitlines(keepends=True)
    lines[line:line] = [f"{' ' * column}{block}: {_flow(block)}\n" for block in absent]
    write_bytes(path, "".join(lines).encode())
    return True


def _flow(block: str) -> str:
    keys = ", ".join(f"{key}: {value}" for key, value in WATCHED[block].items())
    return f"{{{keys}}}" + (" # those of the task: `fleetloop features show`" if block == "features" else "")
