"""Training from a notebook: mistakes are one line, and what is printed is there without a log of the program's own."""

import json
import logging
import signal
from pathlib import Path

import pytest
from corpora import write_corpus

from pipeline.support.errors import InputError
from pipeline.support.logs import printed_log
from pipeline.workflow.notebook import train_from

log = logging.getLogger("otogura")


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    experiments = {"x": {"corpus": {"root": "missing"}}, "y": {"corpus": {"root": "corpus"}}}
    (tmp_path / "mine.yaml").write_text(json.dumps({"experiments": experiments}))
    return Path("mine.yaml")


def test_a_file_that_is_not_there(config: Path) -> None:
    with pytest.raises(InputError, match=r"yours\.yaml: expected a configuration file, found none"):
        train_from(Path("yours.yaml"), "x")


def test_an_unknown_experiment(config: Path) -> None:
    with pytest.raises(InputError, match=r"mine\.yaml: expected one of the experiments x, y, got 'z'"):
        train_from(config, "z")


def test_what_snakemake_fails_at(config: Path, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(InputError, match=r"^mine\.yaml: experiments\.x\.corpus\.root: ") as caught:
        train_from(config, "x")
    assert f"otogura: {caught.value}" in capsys.readouterr().err


def test_an_interruption_ends_the_jobs(config: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_corpus(tmp_path / "corpus")
    printed: list[str] = []

    def interrupt(line: str, **_: object) -> None:
        printed.append(line)
        raise KeyboardInterrupt

    monkeypatch.setattr("builtins.print", interrupt)
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # which a shell ignores for what runs behind it
    try:
        with pytest.raises(KeyboardInterrupt):
            train_from(config, "y")
    finally:
        signal.signal(signal.SIGINT, before)
    assert len(printed) == 1
    assert not list(tmp_path.glob("work/stores/*/current.json"))


def test_a_log_is_printed_where_there_is_none(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(log, "propagate", False)  # pytest has handlers at the root
    before = log.level
    with printed_log():
        log.info("an epoch")
        with printed_log():
            log.info("another")
    log.info("nothing")
    assert capsys.readouterr().err == "an epoch\nanother\n"
    assert log.level == before
    assert not log.handlers
