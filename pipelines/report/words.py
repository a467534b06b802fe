"""How numbers, sizes, money and models are written for people: one way, in tables, cards and sentences alike."""

from __future__ import annotations

import math
from typing import Any

LABELS = {"naive": "naive", "lightgbm": "LightGBM", "gru": "GRU", "lstm": "LSTM"}
"""A model's kind as people say it."""

METRICS = {
    "average_precision": "average precision",
    "roc_auc": "ROC AUC",
    "log_loss": "log loss",
    "brier": "Brier score",
    "base_rate": "base rate",
    "rmse": "RMSE",
    "mae": "MAE",
    "phm08": "PHM08 score",
    "rmse_uncapped": "RMSE, uncapped truth",
    "rmse_all_rows": "RMSE, all rows",
    "bias": "bias",
    "coverage": "interval coverage",
    "cost_per_device": "cost a device",
    "warned_share": "failures warned in time",
    "alarms_per_device_day": "alarms a device-day",
    "early_periods": "median warning",
    "failures": "failures judged",
}
"""A metric's name as people say it."""


def label(kind: str) -> str:
    return LABELS.get(kind, kind)


def metric(name: str) -> str:
    return METRICS.get(name, name.replace("_", " "))


def number(value: Any, digits: int = 3) -> str:
    """`digits` significant figures, thousands apart, a dash where there is none."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return "–"
    if isinstance(value, int) or abs(value) >= 10 ** (digits - 1):
        return f"{value:,.0f}"
    if value == 0:
        return "0"
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    return f"{value:.1e}" if abs(value) < 1e-4 else f"{value:.{min(decimals, 6)}f}"


def share(value: float | None) -> str:
    """A share as a percentage."""
    if value is None:
        return "–"
    if value == 0 or abs(value) >= 0.995:
        return f"{value:.0%}"
    return f"{value:.1%}" if abs(value) >= 0.001 else f"{value:.3%}"


def size(count: int | None) -> str:
    """Bytes as KB (1,000 bytes) above one of them."""
    if count is None:
        return "–"
    if count < 1000:
        return f"{count} B"
    return f"{count / 1000:.1f} KB" if count < 1_000_000 else f"{count / 1e6:.2f} MB"


def money(value: float | None, currency: str) -> str:
    return "–" if value is None else f"{value:,.0f} {currency}"


def micros(value: float | None) -> str:
    return "–" if value is None else f"{value:,.0f} us"
