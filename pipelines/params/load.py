"""Read params.yaml into the typed tree; every error names the key's path and what is allowed there."""

from __future__ import annotations

import dataclasses
import difflib
import typing
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import BaseModel, ValidationError, model_validator
from pydantic_core import ErrorDetails

from pipelines.errors import ParamsError
from pipelines.frozen import Frozen
from pipelines.params.dataset import Compute, DatasetSpec
from pipelines.params.demo import DemoSpec
from pipelines.params.features import stated_or_default, states_list
from pipelines.params.use_case import UseCaseSpec

T = TypeVar("T")
_UNKNOWN_KEY = ("extra_forbidden", "unexpected_keyword_argument")


class ActiveUseCase(Frozen):
    """The entry of an active use case; DVC's foreach reads the dataset from it."""

    dataset: str


class Active(Frozen):
    """What `dvc repro` and `fleetloop run` work on."""

    datasets: tuple[str, ...]
    use_cases: dict[str, ActiveUseCase]


class Params(Frozen):
    """The whole of params.yaml."""

    active: Active
    datasets: dict[str, DatasetSpec]
    use_cases: dict[str, UseCaseSpec]
    compute: Compute = Compute()
    demo: DemoSpec | None = None

    @model_validator(mode="after")
    def _names_agree(self) -> Params:
        for name, entry in self.active.use_cases.items():
            if name not in self.use_cases:
                raise ValueError(f"active.use_cases.{name}: no such use case; {_expected(self.use_cases)}")
            if entry.dataset != self.use_cases[name].dataset:
                raise ValueError(
                    f"active.use_cases.{name}.dataset is {entry.dataset!r} but use_cases.{name}.dataset is "
                    f"{self.use_cases[name].dataset!r}; run `fleetloop activate {name}`"
                )
            if entry.dataset not in self.active.datasets:
                raise ValueError(f"active.datasets lacks {entry.dataset!r}; run `fleetloop activate {name}`")
        for name in self.active.datasets:
            if name not in self.datasets:
                raise ValueError(f"active.datasets: no dataset {name!r}; {_expected(self.datasets)}")
        return self

    def dataset(self, name: str) -> DatasetSpec:
        """The dataset. Raises ParamsError naming the known ones."""
        return pick(self.datasets, name, "dataset", "fleetloop data list")

    def use_case(self, name: str) -> UseCaseSpec:
        """The use case. Raises ParamsError naming the known ones."""
        return pick(self.use_cases, name, "use case", "fleetloop use-cases")


def load_params(root: Path) -> Params:
    """The typed tree of root/params.yaml. Raises ParamsError with the key's path and what is allowed there."""
    path = root / "params.yaml"
    try:
        raw = yaml.safe_load(path.read_text())
    except FileNotFoundError:
        raise ParamsError(f"{path} does not exist; run fleetloop in the folder that holds params.yaml") from None
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} is not valid YAML: {' '.join(str(error).split())}") from None
    if not isinstance(raw, dict):
        raise ParamsError(f"{path} must hold the keys active, datasets and use_cases")
    try:
        return Params.model_validate(_filled(raw))
    except ValidationError as error:
        raise ParamsError(f"{path.name}: {_sentence(_first(error.errors()), raw)}") from None


def _filled(raw: dict[str, Any]) -> dict[str, Any]:
    """The raw tree, in which each use case has features."""
    cases = {}
    for name, case in (raw.get("use_cases") or {}).items():
        datasets = raw.get("datasets") or {}
        dataset = datasets.get(case.get("dataset")) if isinstance(case, dict) else None
        if dataset is None and isinstance(case, dict):
            raise ParamsError(
                f"params.yaml: use_cases.{name}.dataset: no dataset {case.get('dataset')!r}; {_expected(datasets)}"
            )
        if isinstance(dataset, dict) and isinstance(case.get("features") or {}, dict):
            case = case | {"features": stated_or_default(case, dataset)}
        cases[name] = case
    return raw | {"use_cases": cases}


def stated_features(root: Path, use_case: str) -> bool:
    """Whether params.yaml itself says which features a known use case has; else its task does."""
    raw = yaml.safe_load((root / "params.yaml").read_text())
    return states_list(raw["use_cases"][use_case])


def pick(known: dict[str, T], name: str, noun: str, command: str) -> T:
    """The entry called `name`. Raises ParamsError with the near one, the known ones and the listing `command`."""
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    hint = f"did you mean {near[0]!r}? " if near else ""
    raise ParamsError(f"no {noun} {name!r}; {hint}{_expected(known)} (see `{command}`)")


def _expected(known: Any) -> str:
    return f"expected one of {', '.join(known) or '(none)'}"


def _first(errors: list[ErrorDetails]) -> ErrorDetails:
    """A misspelt key causes a second error (the key it meant is missing): show the cause."""
    return next((e for e in errors if e["type"] in _UNKNOWN_KEY), errors[0])


def _sentence(error: ErrorDetails, raw: dict[str, Any]) -> str:
    path, block = _locate(error["loc"], raw)
    where = ".".join(path) or "the file"
    if error["type"] in _UNKNOWN_KEY:
        allowed = sorted(_fields(block))
        near = difflib.get_close_matches(path[-1], allowed, n=1)
        hint = f" (did you mean {near[0]}?)" if near else ""
        return f"{where} is not a known key{hint}; expected one of {', '.join(allowed)}"
    message = error["msg"].removeprefix("Value error, ")
    value = error.get("input")
    shown = "" if isinstance(value, (dict, list, BaseModel)) or value is None else f", got {value!r}"
    return f"{where}: {message}{shown}" if path else message


def _locate(loc: tuple[int | str, ...], raw: Any) -> tuple[list[str], Any]:
    """The error's path in the file, and the type of the block that holds its last key.

    pydantic's location also holds the tags of unions, which are no keys of the file: they narrow the type.
    """
    path: list[str] = []
    node, kind, block = raw, Params, Params
    for i, part in enumerate(loc):
        if isinstance(node, dict) and part not in node and i < len(loc) - 1:
            kind = _tagged(kind, str(part))
            continue
        path.append(str(part))
        node = _child(node, part)
        block, kind = kind, _step(kind, str(part))
    return path, block


def _child(node: Any, part: int | str) -> Any:
    try:
        return node[part]
    except (KeyError, IndexError, TypeError):
        return None


def _fields(kind: Any) -> dict[str, Any]:
    """Keys of a block, with the type of each."""
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        return {name: info.annotation for name, info in kind.model_fields.items()}
    if isinstance(kind, type) and dataclasses.is_dataclass(kind):
        hints = typing.get_type_hints(kind)
        return {field.name: hints[field.name] for field in dataclasses.fields(kind)}
    return {name: hint for member in _members(kind) for name, hint in _fields(member).items()}


def _members(kind: Any) -> list[Any]:
    return [member for member in typing.get_args(kind) if member is not type(None)]


def _tagged(kind: Any, tag: str) -> Any:
    """The member of a union that carries `kind: tag`."""
    for member in _members(kind):
        field = getattr(member, "model_fields", {}).get("kind")
        if field is not None and tag in typing.get_args(field.annotation):
            return member
    return kind


def _step(kind: Any, part: str) -> Any:
    fields = _fields(kind)
    if part in fields:
        return fields[part]
    args = _members(kind)
    return args[-1] if typing.get_origin(kind) is dict else (args[0] if args else kind)
