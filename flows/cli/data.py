"""`fleetloop data`: what datasets there are, and how raw files come in."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from flows.checkout import find_root

app = typer.Typer(
    help="List datasets; add raw files or simulate a fleet. Raw files are tracked by DVC, never by git.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Dataset = Annotated[str, typer.Argument(help="A dataset of params.yaml (`fleetloop data list` lists them).")]


@app.command("list")
def list_datasets() -> None:
    """List the datasets of params.yaml: sources, and how many raw files are here."""
    from rich.table import Table

    from pipelines.files import Place
    from pipelines.params import load_params
    from pipelines.report import console

    root = find_root()
    params = load_params(root)
    table = Table(box=None, header_style="bold")
    for column in ("dataset", "sources", "active", "raw files", "MB", "title"):
        table.add_column(column, justify="right" if column in ("raw files", "MB") else "left")
    for name, spec in params.datasets.items():
        raw = Place(root).raw(name)
        sizes = [file.stat().st_size for file in raw.rglob("[!.]*") if file.is_file()]
        active = "yes" if name in params.active.datasets else "no"
        table.add_row(name, ", ".join(spec.sources), active, str(len(sizes)), f"{sum(sizes) / 1e6:.1f}", spec.title)
    console().print(table)


@app.command()
def add(
    dataset: Dataset,
    path: Annotated[Path, typer.Argument(help="The folder with the raw files, as the dataset's sources name them.")],
    new: Annotated[bool, typer.Option("--new", help="It is new, though another has nearly its name.")] = False,
) -> None:
    """Copy the files that DATASET's sources name from PATH into data/raw/DATASET, and let DVC track them.

    Every source must have a file, here or there before; else nothing is copied and the missing ones are named. Other
    files are left alone. Files of the same name are replaced. Adding a dataset activates nothing.

    For a DATASET that params.yaml does not know, a mapping is guessed from the files and written there, with a comment
    beside each guess: correct it, and look at it with `fleetloop data preview DATASET`.
    """
    from flows.new_dataset import guess_new
    from flows.raw import add_files, track
    from pipelines.params import load_params

    root = find_root()
    if guess_new(root, dataset, path, new):
        typer.echo(f"{dataset}: a mapping was guessed and written to params.yaml, below datasets.{dataset}; correct it")
    summary = add_files(root, dataset, path)
    track(root, dataset)
    typer.echo(f"{dataset}: {summary} in data/raw/{dataset}")
    if dataset not in load_params(root).active.datasets:
        typer.echo(f"next: `fleetloop data preview {dataset}`, `fleetloop activate {dataset}`, `dvc repro`")


@app.command()
def preview(
    dataset: Dataset,
    path: Annotated[Path | None, typer.Option(help="A folder of raw files to try instead of data/raw/DATASET.")] = None,
) -> None:
    """Try DATASET's mapping on the first file of each source: rows, channels, rate, gaps, and what is set aside.

    It runs nothing and writes nothing, and answers in seconds: edit params.yaml and look again.
    """
    from rich.console import Console

    from flows.show_preview import show_preview
    from pipelines.files import Place
    from pipelines.ingest import preview_dataset
    from pipelines.params import load_params

    root = find_root()
    spec = load_params(root).dataset(dataset)
    console = Console()
    for view in preview_dataset(dataset, spec, path or Place(root).raw(dataset)):
        show_preview(console, view)


@app.command()
def simulate(
    dataset: Dataset,
    days: Annotated[int | None, typer.Option(min=1, help="Days to simulate [default: as in params.yaml].")] = None,
    drift: Annotated[
        str | None,
        typer.Option(help="A change of the world from the first of these days on: wear, regime, load, season."),
    ] = None,
    order: Annotated[
        list[str] | None,
        typer.Option(
            metavar="KIND [KEY=VALUE ...]",
            help='Any change, once or more: "stuck channel=flow devices=2 day=5", "firmware_unit vendor=cima day=20". '
            "Kinds: wear, regime, load, season; stuck, offset, unit_swap, dropout; firmware_unit, firmware_field. "
            "Keys: day, days, channel, devices, size, vendor, version, site.",
        ),
    ] = None,
) -> None:
    """Let DATASET's seeded fleet run and write raw payloads as its vendors would; again: it goes on where it ended.

    What really happened (wear, faults, what was ordered) is kept apart in data/truth/DATASET, for scoring only.
    """
    from flows.raw import track
    from pipelines.errors import ParamsError
    from pipelines.files import Place
    from pipelines.params import load_params, parse_order
    from pipelines.simulate import simulate as run_fleet

    root = find_root()
    spec = load_params(root).dataset(dataset).simulate
    if spec is None:
        raise ParamsError(f"datasets.{dataset} has no block `simulate`; bring files by `fleetloop data add {dataset}`")
    orders = [parse_order(text) for text in ([drift] if drift else []) + (order or [])]
    summary = run_fleet(spec, Place(root).raw(dataset), days=days, orders=orders)
    track(root, dataset)
    typer.echo(str(summary))


@app.command()
def report(dataset: Dataset) -> None:
    """Show what DATASET's data are like, by channel and device, and what is too little to learn from; and as HTML.

    Missing, invalid and out-of-range cells, flat lines, silences, sampling rate and jitter, order and delay.
    """
    from pipelines.files import Place, read_json, write_bytes
    from pipelines.ingest import ingest_report
    from pipelines.ingest.quality_page import cell_table, channel_table, device_table, quality_page
    from pipelines.params import load_params
    from pipelines.report import console
    from pipelines.report.render import to_html, to_terminal

    root = find_root()
    spec, place = load_params(root).dataset(dataset), Place(root)
    folder = place.untracked(dataset, "ingest")
    told, found = ingest_report(place, dataset), read_json(folder / "quality.json", f"fleetloop stage ingest {dataset}")
    write_bytes(folder / "report.html", to_html(quality_page(dataset, spec, told, found)).encode())
    screen = console()
    screen.print(to_terminal(channel_table(spec, told, found)))
    screen.print(to_terminal(device_table(found)))
    if found["worst_cells"]:
        screen.print(to_terminal(cell_table(found)))
    for device, jumps in told["clock_jumps"].items():
        first = f"{jumps[0]['by_s']:+g} s at {jumps[0]['at']}"
        screen.print(f"the clock of {device} jumped {len(jumps)} times, first {first}; nothing is corrected")
    for device, ahead in told["clocks"].items():
        screen.print(f"the clock of {device} is {ahead:+g} s off the fleet's; only a source's `clock` corrects it")
    for channel, did in told.get("counters", {}).items():
        screen.print(f"counter {channel}: " + ", ".join(f"{count:,} {name}" for name, count in did.items()))
    for warning in found["warnings"]:
        screen.print(f"warning: {warning}", style="yellow")
    typer.echo(f"report: {folder / 'report.html'}")


@app.command()
def pull() -> None:
    """Bring raw files, results and the run-cache from the team's DVC remote."""
    from flows.remote import pull as bring

    typer.echo(bring(find_root()))


@app.command()
def push() -> None:
    """Give raw files, results and the run-cache to the team's DVC remote; what is there already is not sent."""
    from flows.remote import push as send

    typer.echo(send(find_root()))
