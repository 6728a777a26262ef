"""Files that modules run, by their imports: compared with whole syntax trees, and with what Python really loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from training import imports
from training.fit import code_digest, weights_code
from training.imports import PACKAGES, ROOT, imported_files, imported_modules, module_path
from training.models import NETWORKS

MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for package in PACKAGES
    for path in (ROOT / package).rglob("*.py")
}


def names(files: list[Path]) -> set[str]:
    return {path.relative_to(ROOT).as_posix() for path in files}


def test_no_import_is_missed() -> None:
    """Also none that is relative, which would have to be looked for in another way."""
    assert MODULES["pipeline.build.store"] == module_path("pipeline.build.store")
    for name, path in MODULES.items():
        tree = ast.parse(path.read_text())
        assert imports._imports_of(path) == imported_modules(tree), name
        assert not [node for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.level], name


@pytest.mark.parametrize("module", ["pipeline.runs.train", "pipeline.build.store"])
def test_what_python_loads_is_in_it(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.split()
    ours = {MODULES[name] for name in loaded if name in MODULES}
    assert len(ours) > 20
    assert ours <= set(imported_files([module]))


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Modules in place of our own."""
    monkeypatch.setattr(imports, "ROOT", tmp_path)
    files = {
        "stores/__init__.py": "from stores.files import read",
        "stores/files.py": "",
        "features/__init__.py": "",
        "features/recipe.py": '"""Prose:\nfrom features it begins like an import.\n"""\nimport features.draws',
        "features/draws.py": "from features.recipe import (\n    Recipe,  # (a bracket)\n    more,\n)",
        "features/late.py": "",
        "training/__init__.py": "",
        "training/fit.py": "import os\n\ndef fit():\n    from features import late, gone\n    import stores",
        "training/page.py": "import training.fit, features.recipe",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    return tmp_path


@pytest.mark.parametrize(
    ("modules", "options", "expected"),
    [
        (["stores.files"], {}, ["stores/__init__", "stores/files"]),
        (["features.draws"], {}, ["features/__init__", "features/draws", "features/recipe"]),
        (
            ["training.fit"],
            {},
            [
                "features/__init__",
                "features/late",
                "stores/__init__",
                "stores/files",
                "training/__init__",
                "training/fit",
            ],
        ),
        (["training.page"], {"within": ["training"]}, ["training/__init__", "training/fit", "training/page"]),
        (
            ["training.page"],
            {"without": ["training.fit", "features"]},
            ["features/draws", "features/recipe", "training/__init__", "training/page"],
        ),
    ],
)
def test_imports_are_followed(
    tree: Path, modules: list[str], options: dict[str, list[str]], expected: list[str]
) -> None:
    found = imported_files(modules, **options)
    assert found == sorted(tree / f"{name}.py" for name in expected)


def test_a_package_that_walks_over_its_path_imports_all_below(tree: Path) -> None:
    files = {
        "training/parts/__init__.py": "from pkgutil import iter_modules\n\nPARTS = [*iter_modules(__path__)]",
        "training/parts/one.py": "import features.late",
        "training/parts/two/__init__.py": "",
        "training/parts/two/inner.py": "import stores.files",
    }
    for name, text in files.items():
        (tree / name).parent.mkdir(exist_ok=True)
        (tree / name).write_text(text)
    names = {path.relative_to(tree).as_posix() for path in imported_files(["training.parts"])}
    inits = {f"{package}/__init__.py" for package in ("features", "stores", "training")}
    assert names == {*files, *inits, "features/late.py", "stores/files.py"}
    assert set(imported_files(["training.parts.one"])) == set(imported_files(["training.parts"]))


def test_a_module_that_is_not_there_is_an_error(tree: Path) -> None:
    with pytest.raises(ValueError, match=r"features\.gone: no such module below"):
        imported_files(["training.fit", "features.gone"])


def test_what_decides_weights_is_what_training_imports() -> None:
    files = names(weights_code("cnn"))
    assert {f"training/{name}.py" for name in ("models/__init__", "models/crops", "models/cnn", "order")} <= files
    assert not {f"training/{name}.py" for name in ("evaluation", "report", "page", "detection")} & files
    assert not {f"training/models/{name}.py" for name in NETWORKS if name != "cnn"} & files
    assert {name.split("/")[0] for name in files} == {"training"}
    assert code_digest("cnn") != code_digest("cnn8")
    assert len(code_digest("cnn")) == 32


def test_networks_share_no_code() -> None:
    """Else one that another is built of would be left out of what decides that one's weights."""
    networks = {network.__module__ for network in NETWORKS.values()}
    assert networks == {f"training.models.{name}" for name in NETWORKS}
    for module in networks:
        assert not imported_modules(ast.parse(MODULES[module].read_text())) & (networks - {module})
