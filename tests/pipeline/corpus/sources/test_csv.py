"""Tables of spectrograms: with a header and without, and whatever may be wrong with them."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from stores_of import indexed

from features.tensors.spectrogram import SpectrogramRecipe
from pipeline.build.store import build_store
from pipeline.corpus.sides import by_fold
from pipeline.corpus.sources.csv.settings import CsvCorpus
from pipeline.corpus.sources.csv.source import CsvSource
from pipeline.corpus.split import Split
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from stores import open_store

ROWS, FRAMES = 3, 4
VALUES = np.random.default_rng(0).standard_normal((16, ROWS * FRAMES)).round(3).astype(np.float32)
LABELS = [1, 2, 3, 4] * 4


def line(label: Any, values: Any) -> str:
    return ",".join([str(label), *(f"{value:.3f}" for value in values)])


LINES = [line(label, values) for label, values in zip(LABELS, VALUES, strict=True)]
HEADER = ",".join(["label", *(f"v{number}" for number in range(ROWS * FRAMES))])
NUMBERED = ",".join(["label", *map(str, range(ROWS * FRAMES))])  # as pandas names columns


def source(folder: Path, train: list[str] | bytes, test: list[str] | None = None, **options: Any) -> CsvSource:
    (folder / "train.csv").write_bytes(train if isinstance(train, bytes) else "\n".join(train).encode())
    if test is not None:
        (folder / "test.csv").write_text("\n".join(test) + "\n")
    there = None if test is None else folder / "test.csv"
    corpus = CsvCorpus(train=folder / "train.csv", test=there, values=ROWS * FRAMES, classes=4, **options)
    return CsvSource(corpus, "mine.yaml: corpus")


def scanned(found: CsvSource, folder: Path) -> list[dict[str, Any]]:
    return sorted(found.scan(folder / "index", TaskRunner()).to_pylist(), key=lambda row: int(row["id"].split("#")[1]))


def refused(found: CsvSource, folder: Path) -> str:
    with pytest.raises(InputError) as caught:
        indexed(found, folder / "index", CsvCorpus.model_fields["max_quarantine"].default)
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "first"),
    [
        ("\n".join(LINES), 1),
        ("\r\n".join([HEADER, *LINES, ""]), 2),
        ("\n".join([NUMBERED, *LINES, "", ""]), 2),
        ("\n".join([",".join(map(str, range(13))), *LINES]), 2),
        ("\n".join([",".join(map(str, range(1, 14))), *LINES]), 2),
        ("\ufeff" + "\n".join(LINES), 1),
        ("\n\n" + "\n".join(LINES), 3),
        ("\n".join(text.replace(",", ".0,", 1) for text in LINES), 1),
        ("\n".join([HEADER, *LINES]).replace(",", ";"), 2),
        ("\n".join([HEADER, *LINES]).replace(",", "\t"), 2),
        ("\n".join('"' + text.replace(",", '","') + '"' for text in (HEADER, *LINES)), 2),
        ("\n".join('"' + text.replace(",", '";"') + '"' for text in LINES), 1),
        ("\n".join(["my table", *LINES]).replace(",", ";"), 2),
    ],
    ids=[
        "plain",
        "header",
        "numbered header",
        "numbers from 0",
        "numbers from 1",
        "byte order mark",
        "empty lines",
        "labels as 1.0",
        "semicolons",
        "tabs",
        "quotes",
        "quotes and semicolons",
        "a title",
    ],
)
def test_every_way_to_write_a_table_gives_the_same(tmp_path: Path, text: str, first: int) -> None:
    rows = scanned(source(tmp_path, text.encode()), tmp_path)
    assert [row["id"] for row in rows] == [f"train/train.csv#{first + number}" for number in range(16)]
    assert [row["label"] for row in rows] == list(map(str, LABELS))
    assert not any(row["reason"] for row in rows)
    plain = scanned(source(tmp_path, LINES), tmp_path)
    assert [row["content_hash"] for row in rows] == [row["content_hash"] for row in plain]


@pytest.mark.parametrize("between", [",", ";", '","'])
def test_a_store_holds_the_numbers_of_the_table(tmp_path: Path, between: str) -> None:
    quote = between.strip(",;")[:1]
    lines = [quote + text.replace(",", between) + quote for text in (HEADER, *LINES)]
    found = source(tmp_path, lines[:9], lines[9:])
    clips = indexed(found, tmp_path / "index")
    options: dict[str, Any] = {"name": "table", "clips_per_shard": 4, "engine": TaskRunner()}
    recipe = SpectrogramRecipe(rows=ROWS, frames=FRAMES)
    recordings = found.recordings(tmp_path / "index", clips)
    built = build_store(tmp_path / "stores", clips, recordings, recipe, **options)
    store = open_store(built.path)
    assert store.variants == ("original",)
    for row, name in enumerate(store.rows["id"].to_pylist()):
        number = int(name.split("#")[1])
        expected = VALUES[number - 2] if name.startswith("train/") else VALUES[number + 7]
        np.testing.assert_array_equal(store.clip(row), expected.reshape(ROWS, FRAMES, 1))
        mean, sd = store.statistics()[row, 0]
        assert (mean, sd) == pytest.approx((expected.mean(dtype=np.float64), expected.std(dtype=np.float64)))
    again = build_store(tmp_path / "stores", clips, recordings, recipe, **options)
    assert (built.computed, again.computed) == (16, 0)


def test_the_test_table_is_tested_on_and_no_line_of_it_trains(tmp_path: Path) -> None:
    train = [*LINES[:12], LINES[12]]  # the last one is in both
    clips = indexed(source(tmp_path, train, LINES[12:]), tmp_path / "index")
    sides = by_fold(clips, 2, Split(validation=0.4))
    names = np.array(clips["id"].to_pylist())
    assert set(names[sides.test]) == {f"test/test.csv#{number}" for number in range(1, 5)}
    assert names[sides.left_out].tolist() == ["train/train.csv#13"]
    assert len(sides.train)
    assert len(sides.validation)


def with_line(text: str) -> list[str]:
    return [*LINES[:5], text, *LINES[5:]]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        (with_line(line(5, VALUES[0])), "train/train.csv#6 (line 6: expected a label from 1 to 4, got '5')"),
        (with_line(line(0, VALUES[0])), "line 6: expected a label from 1 to 4, got '0'"),
        (with_line(line(1.5, VALUES[0])), "line 6: expected a label from 1 to 4, got '1.5'"),
        (with_line(line("nan", VALUES[0])), "line 6: expected a label from 1 to 4, got 'nan'"),
        ([line("x", VALUES[0]), *LINES], "line 1: expected a label from 1 to 4, got 'x'"),  # no header
        (with_line(line(1, VALUES[0][:-1])), "line 6: expected a label and 12 values between commas, got 12 fields"),
        (with_line(line(1, [*VALUES[0], 1])), "line 6: expected a label and 12 values between commas, got 14 fields"),
        (with_line(LINES[0].replace(",", ";")), "line 6: expected a label and 12 values between commas, got 1 fields"),
        (with_line(line(1, VALUES[0][:-1]) + ",loud"), "line 6: value 12 is 'loud', not a number"),
        (with_line(line(1, VALUES[0][:-1]) + ","), "line 6: value 12 is '', not a number"),
        (with_line(line(1, VALUES[0][:-1]) + ",inf"), "line 6: value 12 is inf, not a finite number of float32"),
        (with_line(line(1, VALUES[0][:-1]) + ",1e39"), "line 6: value 12 is 1e+39, not a finite number of float32"),
    ],
)
def test_a_bad_line_is_named_with_its_reason(tmp_path: Path, lines: list[str], reason: str) -> None:
    said = refused(source(tmp_path, lines), tmp_path)
    assert said.startswith("corpus.max_quarantine: expected at most 0 of the recordings to be bad, found 1 of 17")
    assert reason in said
    assert not (tmp_path / "index" / "clips.parquet").exists()
    clips = indexed(source(tmp_path, lines), tmp_path / "index", 0.1)
    assert len(clips) == 16
    assert reason.split(": ", 1)[1].rstrip(")") in (tmp_path / "index" / "quarantine.csv").read_text()


def test_what_stands_between_the_numbers_is_said(tmp_path: Path) -> None:
    said = refused(source(tmp_path, [text.replace(",", ";").replace(".", ",") for text in LINES]), tmp_path)
    assert f"value 1 is '{VALUES[0][0]:.3f}', not a number; write its decimal comma".replace(".", ",") in said
    said = refused(source(tmp_path, [text.replace(",", ";") + ";1" for text in LINES]), tmp_path)
    assert "line 1: expected a label and 12 values between semicolons, got 14 fields" in said
    said = refused(source(tmp_path, [text.replace(",", " ") for text in LINES]), tmp_path)
    assert "expected a label and 12 values between commas, got 1 fields" in said


@pytest.mark.parametrize("text", [[], [HEADER], ["", ""]])
def test_an_empty_table(tmp_path: Path, text: list[str]) -> None:
    said = refused(source(tmp_path, text), tmp_path)
    assert said.startswith("mine.yaml: corpus.train: ")
    assert said.endswith("train.csv: expected lines of a label and values, found none")


def test_a_table_that_is_not_there(tmp_path: Path) -> None:
    found = source(tmp_path, LINES, LINES)
    (tmp_path / "test.csv").unlink()
    assert "mine.yaml: corpus.test: expected a CSV table, but" in refused(found, tmp_path)
    assert "does not exist; correct the path" in refused(found, tmp_path)
    (tmp_path / "test.csv").mkdir()
    assert "is a folder; correct the path" in refused(found, tmp_path)


@pytest.mark.parametrize(("train", "test", "said"), [
    (LINES, [LINES[0]], "train.csv alone has 2, 3, 4"),
    (LINES[:2], LINES, "test.csv alone has 3, 4"),
])  # fmt: skip
def test_tables_with_different_labels(tmp_path: Path, train: list[str], test: list[str], said: str) -> None:
    found = refused(source(tmp_path, train, test), tmp_path)
    assert found.startswith("mine.yaml: corpus: expected the same labels in both tables, but ")
    assert found.endswith(said)


def test_one_table_for_both(tmp_path: Path) -> None:
    corpus = CsvCorpus(train=tmp_path / "train.csv", test=tmp_path / "." / "train.csv", values=12, classes=4)
    (tmp_path / "train.csv").write_text("\n".join(LINES))
    assert "corpus.test: expected another table than for training" in refused(CsvSource(corpus, "corpus"), tmp_path)


def test_the_fingerprint_is_that_of_both_files(tmp_path: Path) -> None:
    found = source(tmp_path, LINES, LINES)
    before = found.fingerprint()
    assert found.fingerprint() == before
    (tmp_path / "test.csv").write_text("\n".join(LINES[:8]))
    between = found.fingerprint()
    assert between != before
    (tmp_path / "train.csv").write_text("\n".join(LINES[:8]))
    assert found.fingerprint() not in (before, between)
