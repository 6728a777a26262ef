"""The examples run as their headers say, in one folder; the others need what the first has built."""

import re
import runpy
import sys
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[2] / "examples"


def run(name: str, argument: Path) -> None:
    """Run an example as a program."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sys, "argv", [name, str(argument)])
        runpy.run_path(str(EXAMPLES / f"{name}.py"), run_name="__main__")


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A folder in which the first example has run, which the others go on in, and what it printed."""
    folder = tmp_path_factory.mktemp("examples")
    with redirect_stdout(StringIO()) as printed:
        run("own_recordings", folder)
    return folder, printed.getvalue()


def test_own_recordings(first: tuple[Path, str]) -> None:
    lines = first[1].splitlines()
    assert any(line.endswith(": 24 clips × 6 variants of (128, 44, 4))") for line in lines)
    pattern = r"(rising|falling)/\d+\.wav: strongest mel band \d+; pitch drawn [+-]\d\.\d\d semitones"
    assert sum(re.fullmatch(pattern, line) is not None for line in lines) == 24


def test_compare_experiments(first: tuple[Path, str], capfd: pytest.CaptureFixture[str]) -> None:
    run("compare_experiments", first[0])
    captured = capfd.readouterr()
    jobs = captured.err
    assert "split_corpus" in jobs
    assert "build_store" not in jobs  # which the first example has done
    pattern = (
        r"augmented: [01]\.\d{3}, plain: [01]\.\d{3} on 10 test recordings; "
        r"only augmented right: \d+, only plain right: \d+, p = [01]\.\d{3}"
    )
    assert re.fullmatch(pattern, captured.out.splitlines()[-1])
