"""The examples run as their headers say, one after the other in one folder."""

import re
import runpy
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder that the examples share; each of them begins where the one before it ended."""
    return tmp_path_factory.mktemp("examples")


def run(name: str, argument: Path) -> None:
    """Run an example as a program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, str(argument)])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


def test_own_recordings(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run("own_recordings", folder)
    lines = capfd.readouterr().out.splitlines()
    assert any(line.endswith(": 24 clips × 6 variants of (128, 44, 4))") for line in lines)
    pattern = r"(rising|falling)/\d+\.wav: strongest mel band \d+; pitch drawn [+-]\d\.\d\d semitones"
    assert sum(re.fullmatch(pattern, line) is not None for line in lines) == 24


def test_torch_loop(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (store,) = (folder / "work" / "stores").iterdir()
    run("torch_loop", store)
    losses = [float(line.split()[-1]) for line in capsys.readouterr().out.splitlines()]
    assert len(losses) == 5
    assert losses[-1] < losses[0]


def test_compare_experiments(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run("compare_experiments", folder)
    captured = capfd.readouterr()
    jobs = captured.err
    assert "split_corpus" in jobs
    assert "build_store" not in jobs  # which the first example has done
    pattern = (
        r"augmented: [01]\.\d{3}, plain: [01]\.\d{3} on 10 test recordings; "
        r"only augmented right: \d+, only plain right: \d+, p = [01]\.\d{3}"
    )
    assert re.fullmatch(pattern, captured.out.splitlines()[-1])
