"""Files that are replaced as a whole, and left untouched where nothing changed."""

import json
from pathlib import Path

import pytest

from stores.files import replacing, write_json


def test_an_unchanged_file_is_left_untouched(tmp_path: Path) -> None:
    assert write_json(tmp_path / "x.json", {"a": 1})
    before = (tmp_path / "x.json").stat().st_mtime_ns
    assert not write_json(tmp_path / "x.json", {"a": 1})
    assert (tmp_path / "x.json").stat().st_mtime_ns == before
    assert write_json(tmp_path / "x.json", {"a": 2})
    assert json.loads((tmp_path / "x.json").read_text()) == {"a": 2}


def test_replacing_keeps_the_old_file_after_an_error(tmp_path: Path) -> None:
    path = tmp_path / "x"
    path.write_bytes(b"old")

    def fail() -> None:
        with replacing(path) as file:
            file.write(b"new")
            raise RuntimeError("midway")

    with pytest.raises(RuntimeError, match="midway"):
        fail()
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]
