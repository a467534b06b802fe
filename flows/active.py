"""The `active` block of params.yaml, edited in place: comments and every other byte of the file stay."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

from flows.blocks import make_room
from pipelines.errors import ParamsError
from pipelines.files import write_bytes
from pipelines.params import load_params
from pipelines.params.load import pick


def activate(root: Path, use_case: str) -> bool:
    """Make `use_case` and its dataset active, or a dataset alone; False where they were. Raises ParamsError for an
    unknown name.

    Blocks that the use case leaves out are written, empty: DVC wants to find what it watches.
    """
    if _ActiveBlock(root).is_dataset(use_case):
        return _with_dataset(_ActiveBlock(root), use_case)
    _ActiveBlock(root).dataset_of(use_case)
    filled = make_room(root, use_case)
    file = _ActiveBlock(root)
    dataset = file.dataset_of(use_case)
    changed = file.use_cases.get(use_case) != {"dataset": dataset} or dataset not in file.datasets
    if changed:
        from ruamel.yaml.comments import CommentedMap

        entry = CommentedMap(dataset=dataset)
        entry.fa.set_flow_style()
        if not file.use_cases:
            file.use_cases.fa.set_block_style()
        file.use_cases[use_case] = entry
        if dataset not in file.datasets:
            file.datasets.append(dataset)
        file.write()
    return changed or filled


def deactivate(root: Path, use_case: str) -> bool:
    """Make `use_case` inactive, and its dataset where nothing else uses it; False where it was not active."""
    file = _ActiveBlock(root)
    if file.is_dataset(use_case):
        return _without_dataset(file, use_case)
    file.dataset_of(use_case)
    if use_case not in file.use_cases:
        return False
    dataset = file.use_cases.pop(use_case)["dataset"]
    if dataset in file.datasets and not any(entry["dataset"] == dataset for entry in file.use_cases.values()):
        file.datasets.remove(dataset)
    file.write()
    return True


def _with_dataset(file: _ActiveBlock, dataset: str) -> bool:
    if dataset in file.datasets:
        return False
    file.datasets.append(dataset)
    file.write()
    return True


def _without_dataset(file: _ActiveBlock, dataset: str) -> bool:
    users = [name for name, entry in file.use_cases.items() if entry["dataset"] == dataset]
    if users:
        raise ParamsError(f"dataset {dataset!r} is used by {', '.join(users)}; run `fleetloop deactivate {users[0]}`")
    if dataset not in file.datasets:
        return False
    file.datasets.remove(dataset)
    file.write()
    return True


class _ActiveBlock:
    """params.yaml as text, with its `active` block parsed apart from the rest."""

    def __init__(self, root: Path) -> None:
        from ruamel.yaml import YAML
        from ruamel.yaml.error import YAMLError

        self.path = root / "params.yaml"
        self._yaml = YAML()
        self._yaml.width = 120
        try:
            text = self.path.read_text()
            self._lines = text.splitlines(keepends=True)
            self._tree: Any = self._yaml.load(text)
            self._start, self._end = self._span()
            self._block: Any = self._yaml.load("".join(self._lines[self._start : self._end]))
            self.datasets: Any = self._block["active"]["datasets"]
            self.use_cases: Any = self._block["active"]["use_cases"]
        except (OSError, YAMLError, TypeError, KeyError, AttributeError) as error:
            load_params(root)  # says it better: it names the key or the line
            raise ParamsError(f"{self.path}: active must hold datasets and use_cases ({error})") from None

    def is_dataset(self, name: str) -> bool:
        """Whether it is the name of a dataset and of no use case."""
        return name in self._tree["datasets"] and name not in (self._tree["use_cases"] or {})

    def dataset_of(self, use_case: str) -> str:
        """The dataset of a known use case."""
        return str(pick(self._tree["use_cases"], use_case, "use case", "fleetloop use-cases")["dataset"])

    def write(self) -> None:
        """Put the block back and check that the whole file still loads."""
        stream = io.StringIO()
        self._yaml.dump(self._block, stream)
        text = "".join(self._lines[: self._start]) + stream.getvalue() + "".join(self._lines[self._end :])
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "params.yaml").write_text(text)
            load_params(Path(folder))
        write_bytes(self.path, text.encode())

    def _span(self) -> tuple[int, int]:
        """First line of the block, and the line after its last; blank lines and comments that follow are not its."""
        keys = self._tree.lc
        start = int(keys.key("active")[0])
        end = min((keys.key(key)[0] for key in self._tree if keys.key(key)[0] > start), default=len(self._lines))
        while self._lines[end - 1].lstrip().startswith("#") or not self._lines[end - 1].strip():
            end -= 1
        return start, end
