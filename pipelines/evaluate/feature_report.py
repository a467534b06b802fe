"""What the features of a use case are like, and which of them its models found useful: a page for people."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from pipelines.files import Place, write_bytes
from pipelines.report.page import Cell, Fact, Figure, Page, Section, Table
from pipelines.train import Windows, load_models, load_windows

SAMPLE = 20_000
"""Train rows that the page stands on."""
SHOWN, ALIKE = 20, 0.98


def describe(train: Windows, gain: Mapping[str, float]) -> pd.DataFrame:
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
    nearest, alike = _nearest(away, sd)
    found = pd.DataFrame({"feature": names, "missing": 1.0 - known.mean(axis=1), "mean": mean, "sd": sd})
    found["min"] = np.where(known, table, np.inf).min(axis=1)
    found["max"] = np.where(known, table, -np.inf).max(axis=1)
    found["nearest"] = [names[i] if r > 0 else "" for i, r in zip(nearest, alike, strict=True)]
    found["r"] = alike
    found["gain"] = [gain.get(name, 0.0) for name in names]
    return found.sort_values(["gain", "missing"], ascending=[False, True], kind="stable", ignore_index=True)


def _nearest(away: NDArray[np.float64], sd: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """(F,) of each feature the other one that is most like it, and their |correlation|; 0 where either never moves."""
    scaled = away / np.where(sd > 0, sd, 1.0)[:, None]
    r = np.abs(scaled @ scaled.T) / scaled.shape[1]
    np.fill_diagonal(r, 0.0)
    return r.argmax(axis=1), np.minimum(r.max(axis=1), 1.0)


def feature_page(use_case: str, found: pd.DataFrame, gain: Mapping[str, float]) -> Page:
    """The page of `describe`."""
    useless = int((found["gain"] == 0).sum()) if gain else 0
    alike = int((found["r"] >= ALIKE).sum())
    said = f"{len(found)} features; {alike} have one that is nearly the same (|r| of {ALIKE} or more)"
    said += f"; LightGBM used {len(found) - useless} of them" if gain else "; no model was trained yet"
    facts = (
        Fact("features", str(len(found))),
        Fact("unused", str(useless) if gain else "-", "by LightGBM"),
        Fact("missing", f"{found['missing'].mean():.1%}", "of all values"),
    )
    blocks: list[Table | Figure] = []
    if gain:
        from pipelines.report.figures import importance  # matplotlib: only where it draws

        top = {name: share for name, share in gain.items() if share > 0}
        svg = importance([("baseline", "LightGBM", top)])
        blocks.append(
            Figure("usefulness", svg, "Share of each feature in what LightGBM learnt on train: the gain of its splits.")
        )
    blocks.append(_table("Most useful" if gain else "Features", found.head(SHOWN)))
    blocks.append(_table("Least useful" if gain else "The rest", found.tail(SHOWN)))
    doubles = found[found["r"] > 0].sort_values("r", ascending=False, kind="stable").head(SHOWN)
    blocks.append(_table("Most alike", doubles))
    silent = found.sort_values("missing", ascending=False, kind="stable").head(SHOWN)
    blocks.append(_table("Most often missing", silent))
    return Page(f"Features of {use_case}", "fleetloop", Cell(said), facts, (Section("Features", (), tuple(blocks)),))


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


def feature_files(use_case: str, train: Windows, gain: Mapping[str, float]) -> dict[str, bytes]:
    """The report's files by name: index.html, features.csv."""
    from pipelines.report.render import to_html

    found = describe(train, gain)
    csv: str = found.to_csv(index=False, float_format="%.6g", lineterminator="\n")
    return {"features.csv": csv.encode(), "index.html": to_html(feature_page(use_case, found, gain)).encode()}


def write_feature_report(place: Place, use_case: str) -> str:
    """Write .fleetloop/<use case>/features/{index.html,features.csv}, before there is a model too; the page's path."""
    trained = (place.room(use_case, "train") / "baseline" / "model.txt").is_file()
    trained = trained and (place.room(use_case, "train") / "sequence" / "model.json").is_file()
    gain = load_models(place, use_case)["baseline"].importance() if trained else {}
    folder = place.untracked(use_case, "features")
    for name, content in feature_files(use_case, load_windows(place, use_case, "train"), gain).items():
        write_bytes(folder / name, content)
    return str(folder / "index.html")
