"""What the features of a use case are like, and which of them its models found useful: a page for people."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.files import Place, write_bytes
from pipelines.report.page import Cell, Fact, Figure, Page, Section, Table
from pipelines.train import Trees, Windows, load_trees, load_windows

SAMPLE = 20_000
"""Train rows that the page stands on."""
SHOWN, ALIKE = 20, 0.98


@dataclass(frozen=True)
class Described:
    """table: of `describe`. names and r (n, n): the most useful features, and |correlation| of each with each."""

    table: pd.DataFrame
    names: list[str]
    r: NDArray[np.float64]


def describe(train: Windows, gain: Mapping[str, float]) -> Described:
    """A line a feature, most useful first: missing, mean, sd, min, max, nearest (the feature most like it), |r|, gain.

    gain: share of each feature in what LightGBM learnt; empty before it did. Train rows alone are looked at, and
    SAMPLE of them, evenly taken: the test side must not tell anybody which features to choose.
    """
    rows = np.unique(np.linspace(0, len(train) - 1, min(len(train), SAMPLE)).astype(np.int64))
    table = train.features[train.end[rows]].T.astype(np.float64)
    known = np.isfinite(table)
    names = train.names
    count = np.maximum(known.sum(axis=1), 1)
    mean = np.where(known, table, 0.0).sum(axis=1) / count
    away = np.where(known, table - mean[:, None], 0.0)
    sd = np.sqrt((away**2).sum(axis=1) / count)
    r = _correlation(away, sd)
    other = r - np.eye(len(r)) * r
    alike = other.max(axis=1)
    found = pd.DataFrame({"feature": names, "missing": 1.0 - known.mean(axis=1), "mean": mean, "sd": sd})
    found["min"] = np.where(known, table, np.inf).min(axis=1)
    found["max"] = np.where(known, table, -np.inf).max(axis=1)
    found["nearest"] = [names[i] if value > 0 else "" for i, value in zip(other.argmax(axis=1), alike, strict=True)]
    found["r"] = alike
    found["gain"] = [gain.get(name, 0.0) for name in names]
    found = found.sort_values(["gain", "missing"], ascending=[False, True], kind="stable")
    top = found.index[:SHOWN].to_numpy()
    return Described(found.reset_index(drop=True), [names[i] for i in top], r[np.ix_(top, top)])


def _correlation(away: NDArray[np.float64], sd: NDArray[np.float64]) -> NDArray[np.float64]:
    """(F, F) |correlation| of features (F, n) less their mean; 0 where either never moves."""
    scaled = away / np.where(sd > 0, sd, 1.0)[:, None]
    found: NDArray[np.float64] = np.minimum(np.abs(scaled @ scaled.T) / scaled.shape[1], 1.0)
    return found


def feature_page(use_case: str, described: Described, gain: Mapping[str, float], left_out: Mapping[str, str]) -> Page:
    """The page of `describe`. left_out: feature -> why it was left out of the trees."""
    from pipelines.report import figures  # matplotlib: only where it draws

    found = described.table
    used = int((found["gain"] > 0).sum())
    alike = int((found["r"] >= ALIKE).sum())
    said = f"{len(found)} features; {alike} have one that is nearly the same (|r| of {ALIKE} or more)"
    said += f"; LightGBM used {used} of them" if gain else "; no model was trained yet"
    facts = (
        Fact("features", str(len(found))),
        Fact("unused", str(len(found) - used) if gain else "-", "by LightGBM"),
        Fact("left out", str(len(left_out)) if gain else "-", "before training"),
        Fact("missing", f"{found['missing'].mean():.1%}", "of all values"),
    )
    useful: list[Table | Figure] = []
    if gain:
        svg = figures.importance([("baseline", "LightGBM", gain)])
        useful.append(Figure("usefulness", svg, "Share of each in what LightGBM learnt on train: gain of its splits."))
    useful.append(_table("Most useful" if gain else "Features", found.head(SHOWN)))
    useful.append(_table("Least useful" if gain else "The rest", found.tail(SHOWN)))
    if left_out:
        rows = tuple((Cell(name), Cell(why, "muted")) for name, why in left_out.items())
        useful.append(Table("Left out before training", ("feature", "because, over the train rows"), rows, words=2))
    drawn = figures.likeness(described.names, described.r)
    doubles = found[found["r"] > 0].sort_values("r", ascending=False, kind="stable").head(SHOWN)
    alikes = (Figure("likeness", drawn, "|Correlation| of the first features."), _table("Most alike", doubles))
    silent = found.sort_values("missing", ascending=False, kind="stable").head(SHOWN)
    bars = figures.shares_missing(silent["feature"].tolist(), silent["missing"].to_numpy())
    gone = (Figure("missing", bars, "Where values are missing most often."), _table("Most often missing", silent))
    sections = (Section("Use", (), tuple(useful)), Section("Likeness", (), alikes), Section("Missing", (), gone))
    return Page(f"Features of {use_case}", "fleetloop", Cell(said), facts, sections)


def _table(title: str, rows: pd.DataFrame) -> Table:
    columns = ("feature", "most like", "|r|", "missing", "mean", "sd", "min", "max", "gain")
    lines: tuple[tuple[Cell | str, ...], ...] = tuple(
        (
            Cell(str(row["feature"])),
            str(row["nearest"]),
            f"{row['r']:.2f}",
            f"{row['missing']:.1%}",
            *(f"{row[name]:.4g}" for name in ("mean", "sd", "min", "max")),
            f"{row['gain']:.2%}",
        )
        for _, row in rows.iterrows()
    )
    return Table(title, columns, lines, words=2)


def feature_files(use_case: str, train: Windows, model: Trees | None) -> dict[str, bytes]:
    """The report's files by name: index.html, features.csv. model: where there is one yet."""
    from pipelines.report.render import to_html

    gain = model.importance() if model else {}
    described = describe(train, gain)
    page = feature_page(use_case, described, gain, model.useless.reasons() if model else {})
    csv: str = described.table.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return {"features.csv": csv.encode(), "index.html": to_html(page).encode()}


def write_feature_report(place: Place, use_case: str) -> str:
    """Write .fleetloop/<use case>/features/{index.html,features.csv}, before there is a model too; the page's path."""
    trained = (place.room(use_case, "train") / "baseline" / "model.txt").is_file()
    model = load_trees(place, use_case) if trained else None
    folder = place.untracked(use_case, "features")
    for name, content in feature_files(use_case, load_windows(place, use_case, "train"), model).items():
        write_bytes(folder / name, content)
    return str(folder / "index.html")
