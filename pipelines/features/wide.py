"""Features of a whole use case, some devices at a time: for those who read them, and for a wide table."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from numpy.typing import NDArray

from fleetloop_edge.layout import feature_names
from fleetloop_edge.spec import FeatureSpec
from pipelines.by_device import BLOCK, blocks_of
from pipelines.errors import Refused
from pipelines.features.compute import compute_columns
from pipelines.features.stored import grid_files, made_by
from pipelines.files import Place, replacing_folder


def stream_features(
    place: Place, use_case: str, spec: FeatureSpec, at_once: int = BLOCK
) -> Iterator[tuple[str, pd.DataFrame, NDArray[np.float32]]]:
    """Bucket, keys (device, time, segment, run) and (F, n) features of whole devices, bucket by bucket.

    spec: as the split learnt it. at_once: rows, unless one device has more. Memory does not grow with the number of
    devices; the array is new each time.
    """
    for file in grid_files(place, use_case):
        for block in blocks_of([file], made_by(use_case), rows=at_once):
            grid = block.to_pandas()
            yield file.stem, grid[["device", "time", "segment", "run"]], compute_columns(grid, spec)


def write_wide(place: Place, use_case: str, spec: FeatureSpec, folder: Path, at_once: int = BLOCK) -> int:
    """Write every feature of every row below `folder`, a Parquet file a bucket; the number of rows.

    Raises Refused where the folder already holds something.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Refused(f"{folder} is not empty; name a folder that is, or one that does not exist")
    names, rows = feature_names(spec), 0
    with replacing_folder(folder) as made:
        writer, current = None, ""
        for bucket, keys, features in stream_features(place, use_case, spec, at_once):
            table = pa.Table.from_pandas(keys, preserve_index=False).replace_schema_metadata(None)
            for name, values in zip(names, features, strict=True):
                table = table.append_column(name, pa.array(values))
            if writer is None or bucket != current:
                if writer is not None:
                    writer.close()
                current = bucket
                writer = pq.ParquetWriter(made / f"{bucket}.parquet", table.schema, compression="zstd")
            writer.write_table(table)
            rows += len(keys)
        if writer is not None:
            writer.close()
    return rows
