"""A guessed mapping as YAML to edit: a comment beside each guess."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipelines.errors import DataError
from pipelines.ingest.guess import Guessed, guess
from pipelines.params import TableFormat

_PLAIN = TableFormat()


def guess_dataset(name: str, folder: Path) -> str:
    """The block `datasets.<name>` of params.yaml, guessed from raw files. Raises DataError where nothing can be."""
    empty = next((path for path in sorted(folder.rglob("*")) if path.is_file() and not path.stat().st_size), None)
    if empty is not None:
        raise DataError(f"{empty} is empty; fetch it again, or delete it if nothing was sent")
    sources = guess(folder)
    measured = [source for source in sources if source.channels]
    if not measured:
        raise DataError(f"{folder}: no column of numbers was found; write datasets.{name} in params.yaml by hand")
    others = [source.files for source in sources if not source.channels]
    return dataset_yaml(name, measured) + "".join(f"    # left out, no measurement: {glob}\n" for glob in others)


def dataset_yaml(name: str, sources: list[Guessed]) -> str:
    """The block of these sources."""
    channels: dict[str, tuple[str, float, float]] = {}
    for source in sources:
        for channel, (_, unit, low, high) in source.channels.items():
            _, before_low, before_high = channels.get(channel, (unit, low, high))
            channels[channel] = (unit, min(low, before_low), max(high, before_high))
    lines = [
        f"  {name}: # guessed from its first records: correct what is wrong, then `fleetloop data preview {name}`",
        f"    title: {_text(name)}",
        f"    period_s: {min(source.period_s for source in sources):g} # seconds between rows: the usual step",
        "    channels: # twice as wide as what was seen: outside min..max a value is no measurement",
        *(
            f"      {c}: {{unit: {_text(u)}, min: {low:.12g}, max: {high:.12g}}}" + ("" if u else " # unit?")
            for c, (u, low, high) in channels.items()
        ),
        "    sources:",
    ]
    for source in sources:
        lines += _source(source)
    lines += ["    storage: {buckets: 1, span: all}", "    contract: {devices_min: 1}"]
    return "\n".join(lines) + "\n"


def _source(source: Guessed) -> list[str]:
    lines = [
        f"      {source.name}:",
        f"        files: {_text(source.files)}",
        f"        decoder: {source.sample.decoder}",
        *_table(source),
        f"        device: {_text(source.device[0])} # {source.device[1]}",
        f"        time: {_flow(source.time[0])} # {source.time[1]}",
    ]
    if source.received is not None:
        lines.append(f"        received: {_flow(source.received[0])} # {source.received[1]}")
    if source.long is not None:
        lines.append(f"        long: {_flow(source.long)} # one channel a record")
    if source.missing:
        codes = ", ".join(code if _number(code) else _text(code) for code in source.missing)
        lines.append(f"        missing: [{codes}] # seen more than once, far from the rest, or no number")
    lines.append("        channels:")
    for channel, (field, unit, _, _) in source.channels.items():
        lines.append(f"          {channel}: " + (_flow({"field": field, "unit": unit}) if unit else _text(field)))
    if source.labels:
        lines.append("        labels: # by their names")
        for label, (field, values) in source.labels.items():
            lines.append(f"          {label}: " + _flow({"field": field} | ({"values": values} if values else {})))
    lines += [f"        # left out: {json.dumps(c, ensure_ascii=False)} ({why})" for c, why in source.left_out.items()]
    return lines


def _table(source: Guessed) -> list[str]:
    if source.sample.dialect is None:
        return []
    form, why = source.sample.dialect.form, source.sample.dialect.why
    lines = []
    for key, value in form.model_dump().items():
        if value == getattr(_PLAIN, key):
            continue
        shown = [*value] if isinstance(value, tuple) else value
        comment = f" # {why[key]}" if key in why else ""
        lines.append(f"          {key}: {_flow(shown)}{comment}")
    return ["        table:", *lines] if lines else []


def _flow(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key if _number(key) else _text(key)}: {_flow(v)}" for key, v in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if isinstance(value, bool) or value is None:
        return json.dumps(value)
    return f"{value:g}" if isinstance(value, (int, float)) else _text(value)


def _text(value: str) -> str:
    """A YAML scalar that is read back as this very text."""
    plain = value.replace("_", "").replace(".", "").replace("-", "").replace("/", "")
    safe = plain.isalnum() and plain.isascii() and value[0].isalpha() and value[-1] not in "-./"
    words = value.lower() in ("yes", "no", "on", "off", "true", "false", "null", "none", "y", "n")
    return value if safe and not words else json.dumps(value, ensure_ascii=False)


def _number(value: str) -> bool:
    return value.lstrip("-").isdigit() and (value == "0" or not value.lstrip("-").startswith("0"))
