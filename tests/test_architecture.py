"""The rules of the house, read off the code: who may import whom, where heavy libraries live, which names agree."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest
import yaml

from pipelines import DATASET_STAGES, FLOORS, ROOMS, STAGES, USE_CASE_STAGES

ROOT = Path(__file__).parents[1]
SOURCES = {
    "pipelines": ROOT / "pipelines",
    "flows": ROOT / "flows",
    "fleetloop_edge": ROOT / "edge" / "fleetloop_edge",
}
FILES = sorted(file for folder in SOURCES.values() for file in folder.rglob("*.py"))

HEAVY = {  # library -> where it may be imported (a prefix of the module's name)
    "torch": ("pipelines.train",),
    "lightgbm": ("pipelines.train",),
    "great_expectations": ("pipelines.validate",),
    "evidently": ("pipelines.watch",),
    "prefect": ("flows",),
    "onnxruntime": ("fleetloop_edge",),
    "onnx": ("pipelines.train", "pipelines.export"),
    "boto3": ("pipelines.release",),
    "dvc": ("flows",),
    "matplotlib": ("pipelines.report",),
    "pint": ("pipelines.ingest",),
}
NO_ML_IN_FLOWS = {"torch", "lightgbm", "sklearn", "onnx", "onnxruntime", "numpy", "pandas", "pyarrow", "numba",
                  "great_expectations", "evidently"}  # fmt: skip


def name_of(file: Path) -> str:
    for package, folder in SOURCES.items():
        if file.is_relative_to(folder):
            parts = [package, *file.relative_to(folder).with_suffix("").parts]
            return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
    raise AssertionError(file)


@cache
def imports_of(file: Path, at_top: bool = False) -> frozenset[str]:
    """Full names of the modules that a file imports; at_top: only those that importing the file imports."""
    tree = ast.parse(file.read_text())
    nodes = _top(tree) if at_top else list(ast.walk(tree))
    found: set[str] = set()
    for node in nodes:
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            assert node.level == 0, f"{file}: relative imports hide who imports whom"
            found.add(node.module)
            found |= {f"{node.module}.{a.name}" for a in node.names if _is_submodule(node.module, a.name)}
    return frozenset(found)


def _top(tree: ast.Module) -> list[ast.AST]:
    """Nodes that run at import: not inside functions, and not under `if TYPE_CHECKING`."""
    found: list[ast.AST] = []
    todo: list[ast.AST] = list(tree.body)
    while todo:
        node = todo.pop()
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            continue
        if isinstance(node, ast.If) and "TYPE_CHECKING" in ast.dump(node.test):
            continue
        found.append(node)
        todo += list(ast.iter_child_nodes(node))
    return found


@cache
def _file_of(module: str) -> Path | None:
    package, *rest = module.split(".")
    if package not in SOURCES:
        return None
    path = SOURCES[package].joinpath(*rest)
    return next((p for p in (path.with_suffix(".py") if rest else path, path / "__init__.py") if p.is_file()), None)


@cache
def _bound_by_front_door(module: str) -> dict[str, str]:
    """Names that a package's __init__ takes from its modules, with the module."""
    file = _file_of(module)
    if file is None or file.name != "__init__.py":
        return {}
    nodes = [node for node in ast.parse(file.read_text()).body if isinstance(node, ast.ImportFrom) and node.module]
    return {alias.asname or alias.name: str(node.module) for node in nodes for alias in node.names}


def _is_submodule(module: str, name: str) -> bool:
    """A front door may give a function the name of its module: then the name is the function."""
    return name not in _bound_by_front_door(module) and _file_of(f"{module}.{name}") is not None


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "pipelines" and len(parts) > 1 and parts[1] in ROOMS else None


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_the_device_s_code_stands_on_nothing_of_ours(file):
    if name_of(file).startswith("fleetloop_edge"):
        others = {m for m in imports_of(file) if m.split(".")[0] in ("pipelines", "flows")}
        assert not others, f"{name_of(file)} reaches up to {others}"


@pytest.mark.parametrize("file", [f for f in FILES if room_of(name_of(f))], ids=name_of)
def test_a_room_imports_only_earlier_rooms_and_those_by_their_front_door(file):
    room = room_of(name_of(file))
    for module in imports_of(file):
        other = room_of(module)
        assert not module.startswith("flows"), f"{name_of(file)} reaches up to {module}"
        if other and other != room:
            assert ROOMS.index(other) < ROOMS.index(room), f"{name_of(file)} reaches up to {module}"
            assert module == f"pipelines.{other}", f"{name_of(file)} enters the inside of another room: {module}"


@pytest.mark.parametrize("file", [f for f in FILES if name_of(f).startswith("pipelines")], ids=name_of)
def test_a_floor_imports_no_room(file):
    module = name_of(file)
    if room_of(module) is None and module.split(".")[1:2] not in (["simulate"], ["demo"]):
        rooms = {m for m in imports_of(file) if room_of(m)}
        assert not rooms, f"{module} reaches up to {rooms}"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_simulate_is_imported_by_the_command_line_alone(file):
    module = name_of(file)
    if not module.startswith(("flows.cli", "pipelines.simulate")):
        assert not {m for m in imports_of(file) if m.startswith("pipelines.simulate")}, module


@pytest.mark.parametrize("file", [f for f in FILES if name_of(f).startswith("flows")], ids=name_of)
def test_flows_hold_no_ml(file):
    assert not {m.split(".")[0] for m in imports_of(file)} & NO_ML_IN_FLOWS


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_heavy_libraries_are_imported_only_in_their_rooms(file):
    module = name_of(file)
    for library in {m.split(".")[0] for m in imports_of(file)} & set(HEAVY):
        assert module.startswith(HEAVY[library]), f"{module} imports {library}; it belongs in {HEAVY[library]}"


def closure(start: str) -> set[str]:
    """All our modules that importing `start` imports, itself among them."""
    seen: set[str] = set()
    todo = [start]
    while todo:
        module = todo.pop()
        file = _file_of(module)
        if module in seen or file is None:
            continue
        seen.add(module)
        parents = module.split(".")
        todo += [".".join(parts) for parts in (parents[:i] for i in range(1, len(parents)))]
        todo += list(imports_of(file, at_top=True))
    return seen


@pytest.mark.parametrize("package", ["pipelines", *(f"pipelines.{r}" for r in ROOMS), "flows", "flows.cli"])
def test_a_front_door_opens_without_heavy_libraries(package):
    slow = {"torch", "lightgbm", "great_expectations", "evidently", "prefect", "onnxruntime"}
    for module in closure(package):
        file = _file_of(module)
        found = {m.split(".")[0] for m in imports_of(file, at_top=True)} & slow
        assert not found, f"importing {package} imports {found}, by {module}"


def dvc() -> dict:
    return yaml.safe_load((ROOT / "dvc.yaml").read_text())["stages"]


def test_dvc_has_the_stages_that_the_rooms_say():
    assert tuple(dvc()) == STAGES


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_s_command_room_params_and_folders_have_its_name(stage):
    do, room = dvc()[stage]["do"], stage.partition("_")[0]
    key = "${item}" if stage in DATASET_STAGES else "${key}"
    assert do["cmd"] == f"fleetloop stage {stage} {key}"
    assert (ROOT / "pipelines" / room / "stage.py").is_file()
    outs = [
        next(iter(o)) if isinstance(o, dict) else o for kind in ("outs", "metrics", "plots") for o in do.get(kind, [])
    ]
    assert all(o.startswith(f"data/{key}/{room}/") for o in outs), outs


@pytest.mark.parametrize("stage", STAGES)
def test_a_stage_s_params_stand_in_params_yaml(stage):
    params = yaml.safe_load((ROOT / "params.yaml").read_text())
    from pipelines.params import load_params

    tree = load_params(ROOT)
    for entry in dvc()[stage]["do"]["params"]:
        path = entry.replace("${item}", "pumps").replace("${key}", "pumps").replace("${item.dataset}", "pumps")
        node = tree
        for part in path.split("."):
            node = node[part] if isinstance(node, dict) else getattr(node, part)
        top = params
        for part in path.split("."):
            assert part in top, f"{stage} depends on {entry}, which params.yaml does not say for pumps"
            top = top[part]


FREE = {
    "pipelines",
    "pipelines.by_device",
    "pipelines.errors",
    "pipelines.files",
    "pipelines.frozen",
    "fleetloop_edge",
    "fleetloop_edge.errors",
}


@pytest.mark.parametrize("stage", STAGES)
def test_what_a_stage_imports_is_what_dvc_watches(stage):
    """Code that a stage runs and DVC does not know of would leave a stale result "unchanged".

    Left out: errors, file access and the parameter tree, which change no value of an output by themselves.
    """
    watched = [ROOT / d for d in dvc()[stage]["do"]["deps"] if isinstance(d, str) and not d.startswith("data/")]
    room = stage.partition("_")[0]
    missing = []
    for module in sorted(full_closure(f"pipelines.{room}.stage")):
        file = _file_of(module)
        if module in FREE or module.startswith("pipelines.params"):
            continue
        if not any(file == w or file.is_relative_to(w) for w in watched):
            missing.append(module)
    assert not missing, f"{stage} runs {missing}, which its deps in dvc.yaml do not cover"


def full_closure(start: str) -> set[str]:
    """All our modules that a stage runs, with what functions import later.

    A name taken from a room's front door counts as the module that defines it: reading an earlier room's table does
    not run the room. The parameter tree is not followed.
    """
    seen: set[str] = set()
    todo = [start]
    while todo:
        module = todo.pop()
        file = _file_of(module)
        if module in seen or file is None:
            continue
        seen.add(module)
        if not module.startswith("pipelines.params"):
            todo += _uses(file)
    return seen


@cache
def _uses(file: Path) -> tuple[str, ...]:
    found: list[str] = []
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Import):
            found += [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom) and node.module:
            found += [_home(node.module, alias.name) for alias in node.names]
    return tuple(found)


def _home(module: str, name: str) -> str:
    """The module that defines `name` of `module`."""
    if _is_submodule(module, name):
        return f"{module}.{name}"
    source = _bound_by_front_door(module).get(name)
    return _home(source, name) if source else module


def test_use_case_and_dataset_stages_are_told_apart():
    assert DATASET_STAGES + USE_CASE_STAGES == STAGES
    for stage in STAGES:
        over = dvc()[stage]["foreach"]
        assert over == ("${active.datasets}" if stage in DATASET_STAGES else "${active.use_cases}")


def test_every_folder_below_pipelines_is_a_room_or_a_floor():
    folders = {f.name for f in (ROOT / "pipelines").iterdir() if f.is_dir() and not f.name.startswith("__")}
    assert folders <= {*ROOMS, *FLOORS, "simulate", "demo"}, folders


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_a_module_stays_small_enough_to_have_one_reason_to_open_it(file):
    text = file.read_text()
    assert text.count("\n") <= 300, f"{name_of(file)} is {text.count(chr(10))} lines long"
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, (ast.FunctionDef, ast.AsyncFunctionDef)):
            size = (node.end_lineno or node.lineno) - node.lineno + 1
            assert size <= 60, f"{name_of(file)}:{node.lineno}: {node.name} is {size} lines long"


@pytest.mark.parametrize("file", FILES, ids=name_of)
def test_no_module_is_a_drawer(file):
    assert not re.search(r"(utils?|helpers?|common|misc|manager|handler)$", file.stem), name_of(file)
