"""Parts of a user's own: what a reference names, the hash of their code, and settings from their signatures."""

from pathlib import Path

import pytest
from pydantic import ValidationError, create_model

from features.own import LARGEST_CODE_BYTES, OwnPartError, own_part, settings_of
from features.own_code import PartCode


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a command runs in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))  # so that what is appended goes with it
    (tmp_path / "parts").mkdir()
    return tmp_path


def digest(path: Path) -> str:
    return PartCode.read(path).digest


def write(name: str, text: str) -> Path:
    path = Path("parts", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path.absolute()


def test_a_reference_names_a_class_of_a_file(folder: Path) -> None:
    path = write("mine.py", "class Mine:\n    value = 3\n")
    part = own_part("parts/mine.py:Mine")
    assert part.kind.value == 3
    assert part.version == digest(path)
    assert own_part("parts/mine.py:Mine").kind is part.kind
    assert own_part("mine.py:Mine", folder / "parts").kind is part.kind


@pytest.mark.parametrize(
    ("reference", "message"),
    [
        ("Mine", "expected FILE.py:CLASS, got 'Mine'"),
        ("parts/mine.txt:Mine", "expected FILE.py:CLASS, got 'parts/mine.txt:Mine'"),
        ("parts/mine.py:", "expected FILE.py:CLASS, got 'parts/mine.py:'"),
        ("parts/none.py:Mine", "parts/none.py: no such file; its path is relative to where the command runs"),
        ("parts/two.py:Mine", "parts/two.py: no class Mine in it; known there: First, Second"),
        ("parts/two.py:number", "parts/two.py: no class number in it; known there: First, Second"),
        ("parts/empty.py:Mine", "parts/empty.py: no class Mine in it; it has none"),
        ("parts/wrong.py:Mine", r"parts/wrong.py:2: SyntaxError: '\(' was never closed"),
        ("parts/lacks.py:Mine", "parts/lacks.py:3: ModuleNotFoundError: No module named 'no_such_package'"),
        ("parts/raises.py:Mine", "parts/raises.py:2: ZeroDivisionError: division by zero"),
    ],
)
def test_what_cannot_be_used_is_told_in_one_line(reference: str, message: str) -> None:
    write("two.py", "from pathlib import Path\nnumber = 1\nclass First: ...\nclass Second: ...\n")
    write("empty.py", "")
    write("wrong.py", "x = 1\nprint(\n")
    write("lacks.py", "\n\nimport no_such_package\n")
    write("raises.py", "def divide():\n    return 1 / 0\n\nx = divide()\n")
    with pytest.raises(OwnPartError, match=f"^{message}$"):
        own_part(reference)


def test_its_hash_is_that_of_all_local_code() -> None:
    path = write("net.py", "import torch\nfrom blocks import one\nimport deep.inner\nclass Net: ...\n")
    blocks = write("blocks/one.py", "from . import two\n")
    write("blocks/__init__.py", "")
    two = write("blocks/two.py", "import json\n")
    write("deep/inner.py", "import net\n")  # a circle
    unused = write("unused.py", "")
    assert [name for name, _ in PartCode.read(path).sources] == [
        "blocks/__init__.py",
        "blocks/one.py",
        "blocks/two.py",
        "deep/inner.py",
        "net.py",
    ]
    before = digest(path)
    unused.write_text("x = 1\n")
    assert digest(path) == before
    for edited in (path, blocks, two):
        text = edited.read_text()
        edited.write_text(text + "# edited\n")
        assert digest(path) != before
        edited.write_text(text)
    assert digest(path) == before


def test_the_hash_is_the_same_in_another_folder() -> None:
    text = "import helper\nclass Net: ...\n"
    first, helper = write("one/net.py", text), "x = 1\n"
    write("one/helper.py", helper)
    second = write("two/net.py", text)
    write("two/helper.py", helper)
    assert digest(first) == digest(second)


def test_a_file_that_has_changed_is_imported_again_with_its_local_modules() -> None:
    write("again.py", "from helper import VALUE\nclass Mine:\n    value = VALUE\n")
    write("helper.py", "VALUE = 1\n")
    before = own_part("parts/again.py:Mine")
    assert own_part("parts/again.py:Mine") == before
    write("helper.py", "VALUE = 2\n")  # perhaps in the same second, and as long
    after = own_part("parts/again.py:Mine")
    assert (before.kind.value, after.kind.value) == (1, 2)
    assert after.version != before.version


def test_local_modules_of_one_name_are_told_apart() -> None:
    for folder, value in {"one": 1, "two": 2}.items():
        write(f"{folder}/mine.py", "from shared.deep import VALUE\nclass Mine:\n    value = VALUE\n")
        write(f"{folder}/shared/deep.py", f"VALUE = {value}\n")
    assert [own_part(f"parts/{folder}/mine.py:Mine").kind.value for folder in ("one", "two", "one")] == [1, 2, 1]


def test_a_module_that_a_function_imports_is_that_of_then() -> None:
    text = "class Mine:\n    def value(self):\n        from late import VALUE\n        return VALUE\n"
    write("lazy.py", text)
    write("late.py", "VALUE = 1\n")
    part = own_part("parts/lazy.py:Mine")
    write("late.py", "VALUE = 2\n")
    assert part.kind().value() == 1


def test_a_module_that_only_a_function_needs_may_fail() -> None:
    write("may.py", "class Mine:\n    def value(self):\n        import fails\n")
    write("fails.py", "import no_such_package\n")
    mine = own_part("parts/may.py:Mine").kind()
    with pytest.raises(ImportError):
        mine.value()


def test_local_files_hide_nothing_that_is_installed() -> None:
    path = write("hides.py", "import json, numpy\nclass Mine:\n    modules = json.dumps({}), numpy.pi\n")
    write("json.py", "raise RuntimeError\n")
    write("numpy.py", "raise RuntimeError\n")
    assert own_part("parts/hides.py:Mine").kind.modules[0] == "{}"
    assert [name for name, _ in PartCode.read(path).sources] == ["hides.py"]


def test_a_mere_folder_elsewhere_hides_no_local_module(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / "on_path" / "layers").mkdir(parents=True)
    monkeypatch.syspath_prepend(str(folder / "on_path"))
    path = write("layered.py", "from layers import VALUE\nclass Mine:\n    value = VALUE\n")
    write("layers.py", "VALUE = 1\n")
    assert own_part("parts/layered.py:Mine").kind.value == 1
    assert [name for name, _ in PartCode.read(path).sources] == ["layered.py", "layers.py"]


def test_more_code_than_workers_can_be_sent_is_refused() -> None:
    write("large.py", f"VALUE = '{'x' * LARGEST_CODE_BYTES}'\nclass Mine: ...\n")
    with pytest.raises(OwnPartError, match=r"^parts/large.py: expected at most 4.2 MB of code, .* got 4.2 MB with its"):
        own_part("parts/large.py:Mine")


@pytest.mark.parametrize("stated", ["3", "'3'"])
def test_a_stated_version_replaces_the_hash(stated: str) -> None:
    write(f"v{len(stated)}.py", f"class Net:\n    version = {stated}\nclass Sub(Net): ...\n")
    assert own_part(f"parts/v{len(stated)}.py:Net").version == "3"
    assert own_part(f"parts/v{len(stated)}.py:Sub").version != "3"  # its base class may be of a library


def test_settings_are_the_parameters_of_its_class() -> None:
    write(
        "typed.py",
        "from typing import Annotated\nfrom pydantic import Field\n"
        "class Net:\n"
        "    def __init__(self, classes, width: Annotated[int, Field(gt=0)] = 8, *, name: str): ...\n",
    )
    found = settings_of(own_part("parts/typed.py:Net"), ("classes",))
    settings = create_model("Settings", **found)  # type: ignore[call-overload]  # fields that are computed
    assert settings(name="x").model_dump() == {"width": 8, "name": "x"}
    for refused in ({"name": "x", "width": 0}, {}):
        with pytest.raises(ValidationError):
            settings(**refused)


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ("width=8", "expected a type for the parameter width, as in width: int = 1"),
        ("*widths: int", r"expected settings by their names, got the parameter \*widths: int"),
        ("**widths: int", r"expected settings by their names, got the parameter \*\*widths: int"),
        ("width: 'Missing' = 8", "its signature cannot be read: name 'Missing' is not defined"),
    ],
)
def test_signatures_without_settings_are_refused(parameters: str, message: str) -> None:
    name = f"s{abs(hash(parameters))}.py"
    write(name, f"class Net:\n    def __init__(self, classes, {parameters}): ...\n")
    with pytest.raises(OwnPartError, match=f"^parts/{name}:Net: {message}$"):
        settings_of(own_part(f"parts/{name}:Net"), ("classes",))
