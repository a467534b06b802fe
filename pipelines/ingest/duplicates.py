"""Rows that say the same twice, or two things about one moment.

The rule: of rows of one device and time, the one received first stands (of those received together, the one whose
values sort first; of those that are equal, the one of the file and record that sort first). A later one that adds no
value is a duplicate; one that fills channels the first left empty is kept beside it; one that contradicts it is
quarantined. `kernels` applies it.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

KEPT, DUPLICATE, CONFLICT = 0, 1, 2
CONFLICT_RULE = "conflict"

Status = NDArray[np.int8]
