"""A feature spec that cannot be computed is refused where it is made."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from fleetloop_edge.spec import FeatureSpec, Sequence, Spike, Trailing
from pipelines.errors import ParamsError
from pipelines.params import load_params

BAD: list[tuple[dict[str, Any], str]] = [
    ({"channels": ()}, "channels must name at least one channel"),
    ({"channels": ("a", "a")}, "channels must not name a channel twice"),
    ({"period_s": 0.0}, "period_s must be at least 0.001"),
    ({"fill": -1}, "fill and late_s must not be negative"),
    ({"trailing": (Trailing(("mean",), (0,)),)}, "trailing.windows must be at least 1 row"),
    ({"ewma": (0.0,)}, "ewma weights must lie above 0"),
    ({"spike": Spike(window=0)}, "spike.window must be at least 1 value"),
    ({"sequence": Sequence(steps=0)}, "sequence.steps must be at least 1"),
    ({"sequence": Sequence(inputs=("deviation",))}, "names 'deviation', which the features leave out"),
    ({"age": False}, "names 'age', which the features leave out"),
]


@pytest.mark.parametrize(("changes", "reason"), BAD)
def test_a_spec_that_cannot_be_computed_is_refused(changes: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        FeatureSpec(**{"channels": ("a",), "period_s": 60.0, **changes})


def test_params_name_the_block_of_such_a_spec(tmp_path: Path) -> None:
    params = Path("params.yaml").read_text().replace("windows: [12, 48]", "windows: [0, 48]")
    (tmp_path / "params.yaml").write_text(params)
    with pytest.raises(ParamsError, match=r"use_cases.pumps.features: trailing.windows must be at least 1 row"):
        load_params(tmp_path)
