"""A feature spec as people read it."""

from __future__ import annotations

import dataclasses

import yaml

from fleetloop_edge.layout import blocks, feature_names, input_columns
from fleetloop_edge.spec import FeatureSpec, to_dict


def shown(spec: FeatureSpec) -> str:
    """The spec as YAML that may be put below `features`, what is as by default left out; and what it comes to."""
    plain = {field.name: field.default for field in dataclasses.fields(FeatureSpec)}
    stated = {key: value for key, value in to_dict(spec).items() if value != to_dict(plain.get(key))}
    text: str = yaml.safe_dump({"features": stated}, sort_keys=False, default_flow_style=None, width=110)
    rows = max([spec.sequence.steps, *(block.rows for block in blocks(spec))])
    names, inputs = feature_names(spec), len(input_columns(spec))
    said = f"{len(names)} features of {len(spec.signals)} signals; the sequence model sees {inputs} a row"
    return f"{text}{said}; a device remembers {rows} rows"
