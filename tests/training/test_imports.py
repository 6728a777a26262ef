"""Files that modules run, by their imports: compared with whole syntax trees, and with what Python really loads."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

from training import imports
from training.fit import code_digest, weights_code
from training.imports import PACKAGES, ROOT, imported_files, imported_modules, module_path
from training.models import MODELS

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
        "training/models/__init__.py": """for part in pkgutil.iter_modules(__path__):
            import_module(f"{__name__}.{part.name}.settings")""",
        "training/models/one/__init__.py": "",
        "training/models/two/__init__.py": "",
        "training/models/build.py": 'import training.models\nimport_module(f"training.models.{name}.network")',
        "training/models/one/settings.py": "import features.late",
        "training/models/one/network.py": "from training.models.shared import layer",
        "training/models/two/settings.py": "",
        "training/models/two/network.py": "",
        "training/models/shared.py": "",
        "pipeline/__init__.py": "",
        "pipeline/demos/__init__.py": "from pkgutil import iter_modules\nPARTS = [*iter_modules(__path__)]",
        "pipeline/demos/tones.py": "import stores",
        "pipeline/demos/speech/__init__.py": "",
        "pipeline/demos/speech/words.py": "",
    }
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True, parents=True)
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
            ["training.models"],
            {"within": ["training"]},
            [
                "training/__init__",
                "training/models/__init__",
                *(f"training/models/{name}/{part}" for name in ("one", "two") for part in ("__init__", "settings")),
            ],
        ),
        (
            ["training.models.build"],
            {"within": ["training"]},
            [
                "training/__init__",
                *(f"training/models/{name}" for name in ("__init__", "build", "shared")),
                *(f"training/models/one/{part}" for part in ("__init__", "settings", "network")),
                *(f"training/models/two/{part}" for part in ("__init__", "settings", "network")),
            ],
        ),
        (
            ["training.models.build", "training.models.one.network"],
            {"within": ["training"], "discovered": False},
            [
                "training/__init__",
                *(f"training/models/{name}" for name in ("__init__", "build", "shared", "one/__init__", "one/network")),
            ],
        ),
        (
            ["pipeline.demos"],
            {"within": ["pipeline"]},
            [
                "pipeline/__init__",
                *(f"pipeline/demos/{name}" for name in ("__init__", "tones", "speech/__init__", "speech/words")),
            ],
        ),
    ],
)
def test_imports_are_followed(
    tree: Path, modules: list[str], options: dict[str, list[str]], expected: list[str]
) -> None:
    found = imported_files(modules, **options)
    assert found == sorted(tree / f"{name}.py" for name in expected)


def test_a_module_that_is_not_there_is_an_error(tree: Path) -> None:
    with pytest.raises(ValueError, match=r"features\.gone: no such module below"):
        imported_files(["training.fit", "features.gone"])


def test_what_decides_weights_is_what_training_imports() -> None:
    files = names(weights_code(MODELS["cnn"]()))
    shared = ("models/__init__", "models/base", "models/build", "models/network", "models/crops", "order")
    own = ("models/cnn/__init__", "models/cnn/settings", "models/cnn/network")
    assert {f"training/{name}.py" for name in (*shared, *own)} <= files
    assert not [file for file in files if file.startswith(("training/evaluation/", "training/report/"))]
    assert {name.split("/")[2] for name in files if name.count("/") == 3} == {"cnn"}
    assert {name.split("/")[0] for name in files} == {"training"}
    assert code_digest(MODELS["cnn"]()) != code_digest(MODELS["cnn8"]())
    assert len(code_digest(MODELS["cnn"]())) == 32


@pytest.mark.parametrize("model", MODELS)
def test_each_network_has_its_own_files(model: str) -> None:
    """Its folder alone among those of networks, unless it imports another's."""
    folders = {f"training/models/{name}/" for name in MODELS if name != model}
    files = names(weights_code(MODELS[model]()))
    assert {f"training/models/{model}/{name}.py" for name in ("__init__", "settings", "network")} <= files
    assert not [file for file in files if file.startswith(tuple(folders))]
