"""The DVC stage."""

from __future__ import annotations

from fleetloop_edge.spec import to_dict
from pipelines.errors import Refused
from pipelines.features import read_grid, read_spec
from pipelines.files import Place, write_bytes, write_json, write_table
from pipelines.ingest import read_devices, read_events
from pipelines.params import load_params
from pipelines.split.split import split
from pipelines.split.stored import sides_csv, sides_path, spec_path, targets_path


def main(place: Place, name: str) -> None:
    """Split one use case: grid, events and devices → data/<name>/split/{sides.csv,targets.parquet,spec.json,…}.

    Raises Refused with the audit's sentences; the report then stands below `.fleetloop/<name>/split`.
    """
    case = load_params(place.root).use_case(name)
    found = split(
        read_grid(place, name),
        read_events(place, case.dataset),
        read_devices(place, case.dataset),
        case.task,
        read_spec(place, name),
        case.split,
    )
    write_json(place.untracked(name, "split") / "report.json", found.report())
    if found.refusal is not None:
        raise Refused(f"the split of {name} leaks: {found.refusal}")
    write_bytes(sides_path(place, name), sides_csv(found.sides))
    write_table(targets_path(place, name), found.targets)
    write_json(spec_path(place, name), to_dict(found.spec))
    write_json(place.room(name, "split") / "report.json", found.report())
