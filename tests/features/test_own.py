"""Parts of a user's own: what a reference names, the hash of their code, and settings from their signatures."""

from pathlib import Path

import pytest
from pydantic import ValidationError, create_model

from features.own import OwnPartError, code_hash, local_files, own_part, settings_of


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that a command runs in."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path / "elsewhere"))  # so that what is appended goes with it
    (tmp_path / "parts").mkdir()
    return tmp_path


def write(name: str, text: str) -> Path:
    path = Path("parts", name)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path.absolute()


def test_a_reference_names_a_class_of_a_file(folder: Path) -> None:
    path = write("mine.py", "class Mine:\n    value = 3\n")
    part = own_part("parts/mine.py:Mine")
    assert part.kind.value == 3
    assert part.version == code_hash(path)
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
    assert [file.relative_to(path.parent).as_posix() for file in local_files(path)] == [
        "blocks/__init__.py",
        "blocks/one.py",
        "blocks/two.py",
        "deep/inner.py",
        "net.py",
    ]
    before = code_hash(path)
    unused.write_text("x = 1\n")
    assert code_hash(path) == before
    for edited in (path, blocks, two):
        text = edited.read_text()
        edited.write_text(text + "# edited\n")
        assert code_hash(path) != before
        edited.write_text(text)
    assert code_hash(path) == before


def test_the_hash_is_the_same_in_another_folder() -> None:
    text = "import helper\nclass Net: ...\n"
    first, helper = write("one/net.py", text), "x = 1\n"
    write("one/helper.py", helper)
    second = write("two/net.py", text)
    write("two/helper.py", helper)
    assert code_hash(first) == code_hash(second)


def test_a_file_that_has_changed_is_imported_again_with_its_local_modules() -> None:
    write("again.py", "from helper import VALUE\nclass Mine:\n    value = VALUE\n")
    write("helper.py", "VALUE = 1\n")
    before = own_part("parts/again.py:Mine")
    assert own_part("parts/again.py:Mine") == before
    write("helper.py", "VALUE = 22\n")
    after = own_part("parts/again.py:Mine")
    assert (before.kind.value, after.kind.value) == (1, 22)
    assert after.version != before.version


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
