"""Who sent the rows: a line for each device, and one more whenever its site, vendor or firmware changed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipelines.errors import DataError
from pipelines.ingest.batch import ABOUT


def devices_of(about: pd.DataFrame, last: pd.DataFrame, sides: Mapping[str, str | None]) -> pd.DataFrame:
    """device, from, site, vendor, firmware, side.

    about: device, from and ABOUT, a line at each change within each part of the rows. last: device, source. sides: by
    source. Raises DataError when two sources give one device different sides.
    """
    ordered = about.sort_values(["device", "from"], kind="stable", ignore_index=True)
    changed = np.ones(len(ordered), dtype=bool)
    changed[1:] = False
    for name in ("device", *ABOUT):
        values = ordered[name].fillna("").to_numpy(dtype=object)
        changed[1:] |= values[1:] != values[:-1]
    lines = ordered.loc[changed, ["device", "from", *ABOUT]]
    return lines.assign(side=lines["device"].map(_sides(last, sides)).astype("str")).reset_index(drop=True)


def _sides(last: pd.DataFrame, sides: Mapping[str, str | None]) -> dict[str, str | None]:
    given: dict[str, str | None] = {}
    for device, source in last[["device", "source"]].drop_duplicates().sort_values(["device", "source"]).to_numpy():
        side = sides[source]
        if given.setdefault(device, side) != side:
            raise DataError(
                f"device {device!r} is on side {given[device]!r} by one source and {side!r} by {source!r}; "
                f"give `side` of both sources the same value in params.yaml"
            )
    return given
