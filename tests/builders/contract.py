"""Small tables of rows for the data contract, and one Great Expectations run that several tests read."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipelines.params import ChannelSpec, Contract

CHANNELS = {"pressure": ChannelSpec(unit="bar", min=0, max=16), "flow": ChannelSpec(unit="l/s", min=0, max=80)}
CONTRACT = Contract(missing_share_max=0.1, quarantine_share_max=0.02, row_missing_max=0.5, devices_min=2)


def contract_rows(devices: int = 3, count: int = 40, seed: int = 0) -> pd.DataFrame:
    """Hourly rows of a healthy fleet, sorted by device and time."""
    rng = np.random.default_rng(seed)
    time = pd.date_range("2026-01-01", periods=count, freq="h", tz="UTC").as_unit("us")
    parts = [
        pd.DataFrame({"device": f"pump-{d}", "time": time, "received": time + pd.Timedelta(seconds=5)})
        for d in range(devices)
    ]
    rows = pd.concat(parts, ignore_index=True)
    rows["pressure"] = rng.normal(6, 1, len(rows)).clip(0, 16).astype(np.float32)
    rows["flow"] = rng.normal(30, 2, len(rows)).clip(0, 80).astype(np.float32)
    return rows


def report_of(rows: pd.DataFrame, quarantined: int = 0) -> dict[str, Any]:
    """Ingest's accounting of these rows."""
    return {
        "records": len(rows) + quarantined,
        "accepted": len(rows),
        "quarantined": quarantined,
        "duplicates": 0,
        "expired": 0,
        "cells_quarantined": 0,
    }
