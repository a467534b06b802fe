"""docs/mapping.md: every example is YAML that the mapping language takes."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from pipelines.params import SourceSpec

TEXT = (Path(__file__).parents[2] / "docs" / "mapping.md").read_text()
BLOCKS = re.findall(r"```yaml\n(.*?)```", TEXT, re.DOTALL)
WHOLE = {"files": "*", "device": "p", "time": {"field": "t"}}


def single_keys(block: str) -> list[str]:
    """The top-level entries of a block, each by itself: an example may show one key twice."""
    return [part for part in re.split(r"\n(?=[a-z])", block) if part.strip()]


@pytest.mark.parametrize("block", BLOCKS)
def test_an_example_is_taken(block: str) -> None:
    for part in single_keys(block):
        told = yaml.safe_load(part)
        for key, value in told.items():
            known = key in SourceSpec.model_fields
            assert SourceSpec.model_validate(WHOLE | {key: value} if known else value)
