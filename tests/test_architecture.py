"""Imports go one way: features and stores know nobody, training knows them, pipeline composes."""

import ast
import re
import subprocess
import sys
import tomllib
from collections.abc import Callable, Iterable
from fnmatch import fnmatch
from graphlib import TopologicalSorter
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from core_environment import core_requirements
from packaging.utils import canonicalize_name

from training.imports import discovered_modules

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "features": {"features"},
    "stores": {"stores"},
    "training": {"training", "features", "stores"},
    "pipeline": {"pipeline", "training", "features", "stores"},
}


def imported(path: Path) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


@pytest.mark.parametrize("package", MAY_IMPORT)
def test_imports_go_one_way(package: str) -> None:
    files = sorted((ROOT / package).rglob("*.py"))
    assert files
    ours = {*MAY_IMPORT, "otogura", "benchmarks"}
    for file in files:
        assert imported(file) & ours <= MAY_IMPORT[package], file


# A docstring that begins so says nothing by itself; see CONTRIBUTING.
NO_SENTENCE = re.compile(r"(What|Of|As|The same|How|Where|Those|Whether)\b")
LARGEST_MODULE_BYTES = 12 * 1024


@pytest.mark.parametrize("package", [*MAY_IMPORT, "benchmarks", "docs", "examples", "tests"])
def test_docstrings_begin_as_sentences_do(package: str) -> None:
    kinds = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    for path in (ROOT / package).rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, kinds) and (text := ast.get_docstring(node)):
                assert not NO_SENTENCE.match(text), f"{path}: {text.splitlines()[0]}"


def test_a_room_shows_what_is_in_it() -> None:
    assert {path.name for path in (ROOT / "pipeline").glob("*.py")} == {"__init__.py", "__main__.py"}
    for package in MAY_IMPORT:
        for path in (ROOT / package).rglob("*.py"):
            assert path.stat().st_size <= LARGEST_MODULE_BYTES, f"{path}: split it where it does two things"


def needed(packages: Iterable[str], walk: Callable[[ast.Module], Iterable[ast.AST]]) -> dict[str, set[str]]:
    """Return, for each module, those of ours that importing it runs, by the import statements that `walk` gives."""
    paths = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    modules = {".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path for path in paths}
    needs = {}
    for module, path in modules.items():
        names = set()
        for node in walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Import):
                names |= {alias.name for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and node.module:
                names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
        if path.name == "__init__.py":  # which may import what it finds in its folder
            names |= discovered_modules(path)
        run = {".".join(name.split(".")[:depth]) for name in names for depth in range(1, name.count(".") + 2)}
        own = {".".join(module.split(".")[:depth]) for depth in range(1, module.count(".") + 2)}  # run before it anyway
        needs[module] = (run & set(modules)) - own
    return needs


def test_no_imports_go_round_in_a_circle() -> None:
    """Whichever module is imported first: importing one runs the packages that it lies in."""
    needs = needed(MAY_IMPORT, lambda tree: tree.body)  # an import inside a function runs later and closes no circle
    assert needs["training.models"] >= {"training.models.cnn.settings"}
    assert needs["pipeline.build.store"] >= {"features.extractor", "features", "stores.writer"}
    assert list(TopologicalSorter(needs).static_order())  # or it names the circle


def test_stores_have_no_circle_of_later_imports_either() -> None:
    needs = needed(["stores"], ast.walk)
    assert "stores.hdf5" in needs["stores.opening"]
    assert list(TopologicalSorter(needs).static_order())


# Packages of the extra `serve`, and starlette, on which FastAPI and h11, on which uvicorn is built.
SERVE_IMPORTS = ("fastapi", "uvicorn", "python_multipart", "prometheus_client", "starlette", "h11")
IMPORTS_OF_EXTRAS = {"codecs": {"av"}, "embedding": {"onnxruntime"}, "remote": {"obstore"}}  # by folder


def test_every_import_is_a_declared_dependency() -> None:
    """Also those inside functions."""
    declared = {canonicalize_name(requirement.name) for requirement in core_requirements()}
    distributions = packages_distributions()
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    for path in [ROOT / "otogura.py", *(path for package in MAY_IMPORT for path in (ROOT / package).rglob("*.py"))]:
        # A tracker of an extra has its name, and need not be installed. The service is an extra as well.
        extra = {path.stem} if path.parent.name == "trackers" and path.stem in extras else set()
        if ROOT / "pipeline" / "serve" in path.parents:
            extra |= set(SERVE_IMPORTS)
        extra |= IMPORTS_OF_EXTRAS.get(path.parent.name, set())
        for name in imported(path) - sys.stdlib_module_names - {*MAY_IMPORT, "otogura"} - extra:
            owners = {canonicalize_name(owner) for owner in distributions[name]}
            assert owners & declared, f"{path}: {name} is of {owners}, which pyproject.toml does not declare"


def test_the_oracle_imports_nothing_of_ours() -> None:
    assert not imported(ROOT / "tests" / "support" / "oracle.py") & {*MAY_IMPORT, "otogura"}


@pytest.mark.parametrize(
    ("module", "heavy"),
    [
        ("pipeline.build.shards", {"librosa", "torch", "zarr"}),  # what a worker imports
        ("training.report.comparison", {"librosa", "torch", "zarr", "numba"}),  # what a comparison imports
        ("pipeline.runs.cost", {"librosa", "torch", "zarr", "numba"}),
        (
            "pipeline.workflow.plan",
            {"librosa", "torch", "zarr", "numba", "scipy"},
        ),  # what a look at the Snakefile imports
    ],
)
def test_what_starts_often_imports_little(module: str, heavy: set[str]) -> None:
    code = f"import sys, {module}; print(*{heavy} & {{*sys.modules}})"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == ""


def test_tests_are_looked_for_in_every_folder(pytestconfig: pytest.Config) -> None:
    folders = {path.parent.relative_to(ROOT) for path in (ROOT / "tests").rglob("test_*.py")}
    for pattern in pytestconfig.getini("norecursedirs"):
        assert not [folder for folder in folders if any(fnmatch(part, pattern) for part in folder.parts)], pattern
