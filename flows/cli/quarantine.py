"""`fleetloop quarantine`: what ingest did not believe, and driving it through a corrected mapping."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from flows.checkout import find_root

if TYPE_CHECKING:
    from rich.table import Table

app = typer.Typer(
    help="Show what ingest set aside, with bytes and reasons; drive it again after a mapping was corrected.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)

Dataset = Annotated[str, typer.Argument(help="A dataset of params.yaml (`fleetloop data list` lists them).")]
_RAW = 160  # characters of a record that are shown


@app.command()
def show(
    dataset: Dataset,
    source: Annotated[str | None, typer.Option(help="Only of this source.")] = None,
    rule: Annotated[str | None, typer.Option(help="Only by this rule.")] = None,
    entries: Annotated[int, typer.Option(min=0, help="Show this many single entries instead of the sums.")] = 0,
) -> None:
    """Show DATASET's quarantine by source, channel and rule, or entry by entry, with where each stands in its file."""
    from pipelines.files import Place
    from pipelines.ingest import quarantine_kinds, read_quarantine
    from pipelines.params import load_params
    from pipelines.report import console

    root = find_root()
    load_params(root).dataset(dataset)
    found = read_quarantine(Place(root), dataset)
    for name, wanted in (("source", source), ("rule", rule)):
        found = found if wanted is None else found[found[name] == wanted]
    screen = console()
    if found.empty:
        screen.print(f"nothing is in quarantine of {dataset}")
    elif entries:
        for line in found.head(entries).itertuples():
            screen.print(_entry(line), highlight=False)
    else:
        screen.print(_sums(quarantine_kinds(found), f"{len(found):,} entries in quarantine of {dataset}"))


@app.command()
def redrive(dataset: Dataset) -> None:
    """Drive DATASET through params.yaml as it is now, and show what that released from quarantine and what it added.

    Only files whose mapping (or whose own bytes) changed since are read again; all others stay as they are. `dvc
    repro` afterwards finds it done and records it.
    """
    from rich.table import Table

    from pipelines.files import Place
    from pipelines.ingest import redrive as drive
    from pipelines.params import load_params
    from pipelines.report import console
    from pipelines.validate.stage import judge_again

    root = find_root()
    done = drive(Place(root), dataset, load_params(root), lambda: judge_again(Place(root), dataset))
    screen = console()
    if not done.changed:
        screen.print(f"{dataset}: nothing changed; correct its mapping in params.yaml, then drive it again")
        return
    table = Table(title=f"{dataset}, driven again", box=None, header_style="bold", title_justify="left")
    for column in ("", "before", "after", "change"):
        table.add_column(column, justify="right" if column else "left")
    for name, before in done.before.items():
        after = done.after[name]
        table.add_row(name.replace("_", " "), f"{before:,}", f"{after:,}", f"{after - before:+,}")
    screen.print(table)
    for what, frame in (("released from quarantine", done.released), ("new in quarantine", done.added)):
        if len(frame):
            screen.print(_sums(frame, what))


def _sums(kinds: Any, title: str) -> Table:
    from rich.table import Table

    table = Table(title=title, box=None, header_style="bold", title_justify="left")
    for column in ("entries", "of", "rule", "the first: file, record, reason"):
        table.add_column(column, justify="right" if column == "entries" else "left")
    for line in kinds.itertuples():
        channel = line.channel if isinstance(line.channel, str) else "(whole record)"
        where = _shown(f"{line.file} {line.record}: {line.reason}")
        table.add_row(f"{line.entries:,}", f"{line.source} {channel}", line.rule, where)
    return table


def _entry(line: Any) -> str:
    """Where an entry stands, why, and the beginning of its bytes."""
    place = f"record {line.record}" + ("" if line.offset != line.offset else f", byte {line.offset:.0f}")
    what = line.channel if isinstance(line.channel, str) else "whole"
    who = f" of {line.device}" if isinstance(line.device, str) else ""
    raw = line.raw[: _RAW + 1].decode("utf-8", "backslashreplace")
    bytes_ = raw[:_RAW] + ("…" if len(raw) > _RAW else "")
    said = f"{line.file} {place}: {what}{who}, {line.rule}: {line.reason} (mapping {line.mapping})"
    return f"[bold]{_shown(said)}[/bold]\n    {_shown(bytes_)}"


def _shown(text: str) -> str:
    from rich.markup import escape

    return escape("".join(letter if letter.isprintable() else "·" for letter in text))
