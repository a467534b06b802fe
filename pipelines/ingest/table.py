"""Records of a file as columns, whatever its format."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from pipelines.ingest.batch import Quarantined

Ints = NDArray[np.int64]


@dataclass
class Table:
    """The well-formed records of a file, by column, and the others.

    columns: name -> (n,) its cells, text (or codes into its words) or, in formats that have them, numbers and times;
    null: nothing said; a format may read a column only when it is asked for. record: (n,) the number of each record in
    its file (its line, from 1). place: (n,) which record of the file it is, from 1 (header and blank lines are none).
    raw: the bytes of one of the n.
    """

    columns: Mapping[str, pa.Array]
    record: Ints
    place: Ints
    raw: Callable[[int], bytes]
    records: int
    quarantined: list[Quarantined] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.record)

    def fields(self) -> Iterator[dict[str, Any]]:
        """Each record as named fields, with "row", its place in the file."""
        names = list(self.columns)
        columns = [self.columns[name].to_pylist() for name in names]
        for i, place in enumerate(self.place.tolist()):
            yield {"row": place} | {name: column[i] for name, column in zip(names, columns, strict=True)}


def matches(name: str, patterns: tuple[str, ...]) -> bool:
    """Whether a column is named, or fits a pattern."""
    return name in patterns or any(fnmatchcase(name, pattern) for pattern in patterns)
