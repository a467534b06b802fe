"""The commands, their order in `--help`, and the words on its first page."""

from __future__ import annotations

import typer

from flows.cli import (
    active,
    contract,
    data,
    demo,
    features,
    field,
    operate,
    quarantine,
    releases,
    retention,
    runs,
    split,
    stage,
)

_ABOUT = """A fleet's raw telemetry to a gated, quantized model on its gateways, and back.

A dataset says which rows, a task which question; a use case puts both together with models, gates and a decision.
All of it stands in params.yaml. `fleetloop run` takes the active use cases from raw payloads to a published bundle;
what did not change is not computed again."""

_CODES = """Exit codes: 0 done · 1 a gate, a contract or a test said no · 2 the input, the parameters or the machine
needs a hand, said in one line · 3 a defect of fleetloop, with its traceback · 130 interrupted."""

app = typer.Typer(
    name="fleetloop",
    help=_ABOUT,
    epilog=_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

_CHOOSE, _DATA, _LAP, _RELEASE, _FIELD, _LOOP = "Choose", "Data", "Run", "Release", "Field", "Loop"

app.command("use-cases", rich_help_panel=_CHOOSE)(active.use_cases)
app.command(rich_help_panel=_CHOOSE)(active.activate)
app.command(rich_help_panel=_CHOOSE)(active.deactivate)
app.add_typer(data.app, name="data", rich_help_panel=_DATA)
app.add_typer(quarantine.app, name="quarantine", rich_help_panel=_DATA)
app.command("retention", rich_help_panel=_DATA)(retention.retention)
app.add_typer(contract.app, name="contract", rich_help_panel=_DATA)
app.add_typer(features.app, name="features", rich_help_panel=_DATA)
app.add_typer(split.app, name="split", rich_help_panel=_DATA)
app.command(rich_help_panel=_LAP)(runs.run)
app.command(rich_help_panel=_LAP)(runs.retrain)
app.command(rich_help_panel=_LAP)(runs.backfill)
app.command(rich_help_panel=_LAP)(runs.report)
app.command(rich_help_panel=_LAP)(runs.compare)
app.command(rich_help_panel=_LAP)(stage.stage)
app.command(rich_help_panel=_RELEASE)(releases.history)
app.command(rich_help_panel=_RELEASE)(releases.restore)
app.command(rich_help_panel=_RELEASE)(releases.governor)
app.command(rich_help_panel=_FIELD)(field.score)
app.command(rich_help_panel=_FIELD)(field.watch)
app.command(rich_help_panel=_FIELD)(field.tickets)
app.command(rich_help_panel=_LOOP)(operate.up)
app.command(rich_help_panel=_LOOP)(operate.status)
app.command(rich_help_panel=_LOOP)(operate.down)
app.add_typer(demo.app, name="demo", rich_help_panel=_LOOP)
