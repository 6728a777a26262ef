"""Problems of an installation, each with the way to mend it."""

from collections import namedtuple
from pathlib import Path

import pytest
import soundfile

from pipeline.support import health
from pipeline.support.health import problems


def test_this_installation_has_none(tmp_path: Path) -> None:
    assert problems(tmp_path / "work") == []


def test_packages_that_are_old_or_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    needs = ["numpy>=99", "absent-package>=1", "numpy>=1", "absent-package>=1; extra == 'bench'"]
    monkeypatch.setattr(health, "requires", lambda name: needs)
    old, missing = problems(tmp_path)
    assert old.startswith("numpy: expected >=99, got 2.")
    assert missing.startswith("absent-package: expected >=1, got none; pip install --constraint")


def test_a_decoder_that_lacks_a_format(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(soundfile, "available_formats", lambda: {"WAV": "", "FLAC": "", "OGG": ""})
    (problem,) = problems(tmp_path)
    assert "it lacks MP3; remove" in problem


def test_a_full_disk_and_a_folder_that_is_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    (problem,) = problems(tmp_path / "file")
    assert problem.startswith(f"work folder: {tmp_path / 'file'} cannot be written")
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(health.shutil, "disk_usage", lambda path: usage(9, 9, 10**9))
    (problem,) = problems(tmp_path / "deep" / "below")
    assert problem.startswith(f"work folder: 1.0 GB are free in {tmp_path}; make room")


def test_kernels_that_cannot_be_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "_cache", lambda: None)
    (problem,) = problems(tmp_path)
    assert "set NUMBA_CACHE_DIR to a folder of your own" in problem
    assert health.description(tmp_path)["compiled kernels"] == "nowhere"
