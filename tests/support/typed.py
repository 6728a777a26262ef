"""Commands typed in this process."""

import sys
from pathlib import Path

import pytest

from pipeline.commands.main import main


def exit_code(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> int:
    """Type `otogura …` where the test stands, and return its exit code."""
    monkeypatch.setattr(sys, "argv", ["otogura", *map(str, words)])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)
