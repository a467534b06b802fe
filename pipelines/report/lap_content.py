"""The tables of a lap: scores, gates, sizes and latency, choice, accounting, sides."""

from __future__ import annotations

from typing import Any

from pipelines.report.lap_files import MODELS, Lap
from pipelines.report.page import Cell, Table, Tone
from pipelines.report.words import label, metric, money, number, share, size

CANDIDATES = MODELS[1:]
SIDES = ("train", "valid", "calibration", "test", "embargo", "unused")


def scores_table(lap: Lap) -> Table:
    """Each model's scores on the test side, what its decisions cost, and whether it ships."""
    names = _metrics_shown(lap)
    columns = ("model", *(metric(name) for name in names), "cost a device", "warned in time", "gates", "")
    rows: list[tuple[Cell | str, ...]] = []
    for model in MODELS:
        test = lap.metrics[model]["test"]
        scores = [number(test.get(name)) for name in names]
        cost = money(test.get("cost_per_device"), lap.case.decision.currency)
        rows.append((Cell(lap.kinds[model], _weight(lap, model)), *scores, cost, warned(test), *_standing(lap, model)))
    return Table("Scores on the test devices", columns, tuple(rows), note=_unit_note(lap))


def _metrics_shown(lap: Lap) -> list[str]:
    """The primary metric and those that gates ask about, as far as they were computed."""
    wanted = [lap.case.task.primary, *(gate.metric for gate in lap.case.evaluate.gates), "phm08", "roc_auc"]
    there = lap.metrics["sequence"]["test"]
    return [name for name in dict.fromkeys(wanted) if name in there]


def _unit_note(lap: Lap) -> str:
    unit = "" if lap.case.task.objective == "binary" else f" Scores in {lap.case.decision.period}s."
    return f"Asked: {lap.case.task.phrase(lap.case.decision.period)}.{unit}"


def warned(test: dict[str, float]) -> str:
    """ "17 of 26": failures warned of in time, of those that could have been."""
    part, failures = test.get("warned_share"), test.get("failures", 0.0)
    return "–" if part is None else f"{part * failures:.0f} of {failures:.0f}"


def _weight(lap: Lap, model: str) -> Tone:
    return "strong" if lap.export.get("chosen") == model else ""


def _standing(lap: Lap, model: str) -> tuple[Cell, Cell]:
    """(gates, what becomes of it)"""
    if model not in CANDIDATES:
        return Cell("–", "muted"), Cell("to beat", "muted")
    gates = [row for row in lap.gates["rows"] if row["model"] == model]
    kept = sum(row["passed"] for row in gates)
    verdict = Cell(f"{kept} of {len(gates)}", "good" if kept == len(gates) else "bad")
    if lap.export.get("chosen") == model:
        return verdict, Cell(f"ships {lap.export['precision']}", "good")
    return verdict, Cell("fallback" if lap.export.get("fallback") == model else "stays", "muted")


def gates_table(lap: Lap) -> Table:
    """Every gate on every candidate, with its sentence."""
    rows = tuple(
        (
            lap.kinds[row["model"]],
            row["gate"],
            Cell("passed", "good") if row["passed"] else Cell("failed", "bad"),
            Cell(row["reason"].split(": ", 1)[-1], "muted"),
        )
        for row in lap.gates["rows"]
    )
    return Table("Gates", ("model", "gate", "verdict", "because"), rows, words=4)


def sizes_table(lap: Lap) -> Table:
    """Size and latency of every form, and how far the device's answers lie from the training model's."""
    columns = (
        "model",
        "size",
        "us p50, p95",
        _primary(lap),
        "device vs training",
        "decisions flipped",
        "int8 weights",
    )
    rows = []
    for name, model in lap.export.get("models", {}).items():
        for form, count in sorted(model["bytes"].items()):
            took = lap.latency.get("models", {}).get(name, {}).get(form, {})
            edge = lap.export["parity"]["edge"][f"{name}.{form}"]
            ships = lap.export["chosen"] == name and lap.export["precision"] == form
            rows.append(
                (
                    Cell(f"{lap.kinds[name]} {form}{', ships' if ships else ''}", "good" if ships else ""),
                    size(count),
                    f"{number(took.get('p50_us'))}, {number(took.get('p95_us'))}",
                    number(model["test"][form].get(lap.case.task.primary), 4),
                    number(edge["max"], 2),
                    share(edge["flipped"]),
                    share(model["int8_weight_fraction"]) if form == "int8" else "0%",
                )
            )
    return Table("Size, latency, parity", columns, tuple(rows), note=_parity_note(lap))


def _primary(lap: Lap) -> str:
    return metric(lap.case.task.primary)


def _parity_note(lap: Lap) -> str:
    parity = lap.export.get("parity")
    if parity is None:
        return ""
    clock = "" if lap.latency else " Latency was not measured on this machine: `fleetloop stage export` does."
    return (
        f"Latency: one answer, batch 1, one thread, p50 and p95 in microseconds. Largest difference of scores over "
        f"{parity['rows']:,} rows of {parity['devices']} held-out devices, row by row in the edge runtime's own code. "
        f"int8 is weight-only and for GRU and LSTM alone; arithmetic is float32.{clock}"
    )


def choice_table(lap: Lap) -> Table:
    """How the models that passed compare on the calibration side."""
    unit = "" if lap.case.task.objective == "binary" else f", {lap.case.decision.period}s"
    measured = "log loss" if lap.case.task.objective == "binary" else "RMSE, all rows"
    rows = tuple(
        (
            lap.kinds[row["name"]],
            number(row["loss"]),
            f"{number(row['difference'])} ({number(row['low'])} to {number(row['high'])})"
            if row["difference"]
            else "best",
            "yes" if row["tied"] else "no",
            size(row["size"]),
            money(row["cost"], lap.case.decision.currency),
        )
        for row in lap.export.get("choice", [])
    )
    columns = ("model", f"{measured}{unit}", "behind the best (95 %)", "tied with it", "size", "cost a device")
    note = "Calibration side; paired bootstrap over devices. Of the models tied with the best, the smallest ships."
    return Table("Choice", columns, rows, note=note)


def accounting_table(lap: Lap) -> Table:
    """Records in = accepted + quarantined + duplicates, by source."""
    keys = ("records", "accepted", "quarantined", "duplicates", "cells_quarantined")
    sources = lap.ingest.get("by_source", {})
    rows = [(name, *(f"{found[key]:,}" for key in keys)) for name, found in sorted(sources.items())]
    whole = tuple(Cell(f"{lap.ingest[key]:,}", "strong") for key in keys if key in lap.ingest)
    columns = ("source", "records", "accepted", "quarantined", "duplicates", "cells in quarantine")
    return Table(
        "Accounting", columns, (*rows, (Cell("all", "strong"), *whole)), note="To the record: nothing vanishes."
    )


def sides_table(lap: Lap) -> Table:
    """Devices, failures and rows of each side."""
    rows = tuple(
        (side, *(f"{found[key]:,}" for key in ("devices", "failures", "rows", "rows_known")))
        for side, found in sorted(lap.split.get("sides", {}).items(), key=lambda item: SIDES.index(item[0]))
    )
    columns = ("side", "devices", "failures", "rows", "rows with a known target")
    return Table("Sides", columns, rows, note=_split_note(lap))


def _split_note(lap: Lap) -> str:
    if lap.split["by"] == "device":
        return "Split by device: no device stands on two sides."
    way = "time" if lap.split["by"] == "time" else "device and time"
    return f"Split by {way}; the {lap.split['embargo']} {lap.case.decision.period}s before each cut belong to no side."


def audit_table(lap: Lap) -> Table:
    """The leakage audit, and what cheating would gain."""
    found = lap.split["audit"]
    return checks_table("Leakage audit", found["checks"], note=f"Cheating: {found['cheating']['sentence']}.")


def folds_table(lap: Lap) -> Table:
    """Cross-validation over parts of the train side that were held out in turn."""
    rows = []
    for found in lap.folds:
        losses = [fold["loss"] for fold in found["folds"]]
        spread = f"{number(found['mean'])} ± {number(found['sd'])}"
        rows.append((label(found["kind"]), spread, f"{number(min(losses))} to {number(max(losses))}", str(len(losses))))
    measured = metric(lap.folds[0]["measure"])
    note = "On the train side alone: each part answered by a model that learnt from the others."
    return Table("Cross-validation", ("model", measured, "from best to worst", "folds"), tuple(rows), note=note)


def checks_table(title: str, checks: list[dict[str, Any]], note: str = "") -> Table:
    """Rules of the data contract, or checks of the leakage audit: verdict and sentence."""
    rows = tuple(
        (check.get("rule") or check.get("name", ""), _verdict(check), Cell(check["sentence"], "muted"))
        for check in checks
    )
    return Table(title, ("check", "verdict", "because"), rows, words=3, note=note)


def _verdict(check: dict[str, Any]) -> Cell:
    if check.get("value", 0.0) is None:
        return Cell("–", "muted")
    if check["passed"]:
        return Cell("passed", "good")
    return Cell("failed", "bad") if check.get("refuses", True) else Cell("look", "strong")
