"""A model of ready-made spectrograms, which reads lines of CSV tables, over HTTP."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from service import Service, service, write_model, written

from features.tensors.spectrogram import SpectrogramRecipe
from pipeline.commands.main import main
from pipeline.serve.models import ServedModel
from pipeline.serve.spool import LARGEST_IN_MEMORY_BYTES
from training.inference.model import TrainedModel
from training.models.resnet_bottleneck.settings import ResNetBottleneckModel

LINES = [
    ",".join([str(number % 3), *(f"{value:.5f}" for value in values)])
    for number, values in enumerate(np.random.default_rng(0).normal(size=(8, 1000)))
]
TABLE = "\n".join(LINES).encode()
BLANK = b"\n" + b" " * LARGEST_IN_MEMORY_BYTES  # makes a table a file


@pytest.fixture(scope="module")
def table_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of a model of spectrograms of 20 × 50 values."""
    folder = tmp_path_factory.mktemp("models") / "table"
    return write_model(folder, recipe=SpectrogramRecipe(rows=20, frames=50), model=ResNetBottleneckModel(blocks=1))


@pytest.fixture(scope="module")
def tables(table_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(table_model, folder=tmp_path_factory.mktemp("service")) as started:
        yield started
        assert started.number("otogura_worker_restarts_total") == 0
        assert not list(started.bodies.iterdir())


@pytest.fixture
def expected(
    table_model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> list[dict[str, Any]]:
    """Rows that `otogura predict` prints for the table."""
    (tmp_path / "table.csv").write_bytes(TABLE)
    words = ["otogura", "predict", str(table_model), str(tmp_path / "table.csv"), "--format", "jsonl"]
    monkeypatch.setattr(sys, "argv", words)
    with pytest.raises(SystemExit):
        main()
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def same(answer: dict[str, Any], row: dict[str, Any]) -> None:
    assert answer["probabilities"] == pytest.approx(row["probabilities"], abs=1e-5)
    assert {name: answer[name] for name in ("class", "sure", "segments", "model_version")} == {
        name: row[name] for name in ("class", "sure", "segments", "model_version")
    }


@pytest.mark.parametrize("more", [b"", BLANK], ids=["in memory", "in a file"])
def test_the_answer_is_that_of_predict(tables: Service, expected: list[dict[str, Any]], more: bytes) -> None:
    assert len(expected) == len(LINES)
    for line, row in zip(LINES, expected, strict=True):
        text = b"\n" + line.encode()
        for status, answer in (
            tables.json("POST", "/predict", text + more, Content_Type="text/csv"),
            tables.form("/predict", ("x.csv", text + more)),
        ):
            assert status == 200, answer
            same(answer, row)
    status, answers = tables.form("/predict/batch", ("a.csv", TABLE + more), ("b.csv", LINES[0].encode()))
    assert status == 200
    assert [answer["file"] for answer in answers] == ["a.csv"] * len(LINES) + ["b.csv"]
    for answer, row in zip(answers, [*expected, expected[0]], strict=True):
        same(answer, row)


@pytest.mark.parametrize(
    ("body", "status", "reason"),
    [
        (b"", 422, "it holds no line of a label and values"),
        (TABLE, 422, "expected one recording, got 8; several are for /predict/batch"),
        (b"1,2,3", 422, "it holds no line of a label and values"),  # but a header
        (b"1,2,3.5", 422, "expected 1000 values, got 2"),
        (LINES[0].replace("1", "x").encode(), 422, None),
        (LINES[0].encode() + b"\n1" + b",1e39" * 1000, 422, None),
        (b"1" + b",1e39" * 1000, 422, None),
        (b"1" + b",nan" * 1000, 422, None),
        (b"\x00\xff" * 500, 422, None),
        (b'"' * 5000, 422, None),
        (written(np.zeros(999)), 422, None),
        (b"1,2.5\n" * 101, 413, "expected at most 100 recordings in a body"),
        (b"1,2.5\n" * 800_000, 413, "expected at most 100 recordings in a body"),
        (b"," * 3_000_000, 422, None),
        (b"\n" * 7_000_000, 413, "expected a table of at most 100 lines"),
    ],
)
def test_bad_tables_are_refused(tables: Service, body: bytes, status: int, reason: str | None) -> None:
    got, answer = tables.json("POST", "/predict", body, Content_Type="text/csv")
    assert got == status
    assert answer.keys() == {"error"}
    assert reason in (None, answer["error"])
    assert "/" not in answer["error"].removesuffix("/predict/batch")


def test_samples_are_refused_by_it(tables: Service) -> None:
    status, answer = tables.json("POST", "/predict", {"waveform": [0.1], "fs": 8000})
    assert (status, answer) == (422, {"error": "expected a ready-made spectrogram on a line of a CSV table, got sound"})
    assert tables.json("POST", "/predict?explain=true", LINES[0].encode())[0] == 200


def test_it_is_warmed_up(table_model: Path) -> None:
    served = ServedModel("table", TrainedModel(table_model, device="cpu"))
    served.warm_up(2)
    assert served.threads in (1, 2)
    described = served.described()
    assert (described["kind"], described["window_s"], described["sample_rate_hz"]) == ("spectrogram", None, None)
