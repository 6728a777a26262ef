"""The `predict` command as typed: its forms, its exit codes, and what it says of bad recordings."""

import csv
import io
import json
import os
import re
import signal
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import RATE_HZ, tone, write_corpus
from parquets import write_parquet
from trained import ONLY_ORIGINAL, TrainedRun, scored, trained_run
from typed import exit_code

import otogura
from features.tensors.four_channel import Recipe
from features.tensors.spectrogram import SpectrogramRecipe
from features.tensors.waveform import WaveformRecipe
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.csv.settings import CsvCorpus
from pipeline.corpus.sources.json.settings import JsonCorpus

ROOT = Path(__file__).parents[3]
RECIPE = Recipe(frames=24, n_mels=32, variants=ONLY_ORIGINAL)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """Three classes of tones, no longer than 0.75 s each."""
    folder = tmp_path_factory.mktemp("tones")
    return trained_run(folder, AudioCorpus(root=write_corpus(folder / "corpus", "abc", 6)), RECIPE)


class Typed:
    """Types `otogura predict …` in a folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self.monkeypatch, self.capsys = monkeypatch, capsys

    def __call__(self, folder: Path, *words: str | Path) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        self.monkeypatch.chdir(folder)
        code = exit_code(self.monkeypatch, "predict", *words)
        printed = self.capsys.readouterr()
        return code, printed.out, printed.err

    def lines(self, folder: Path, *words: str | Path) -> tuple[int, list[dict[str, Any]]]:
        """Exit code and JSON lines."""
        code, out, err = self(folder, "--format", "jsonl", *words)
        assert err == ""
        return code, [json.loads(line) for line in out.splitlines()]


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(monkeypatch, capsys)


def test_a_folder_is_answered_in_order_as_the_evaluation_did(typed: Typed, run: TrainedRun) -> None:
    expected = scored(run.folder)
    code, rows = typed.lines(run.corpus.parent, "x", "corpus")
    assert code == 0
    assert [row["file"] for row in rows] == [f"corpus/{label}/{number}.wav" for label in "abc" for number in range(6)]
    by_name = {row["file"].removeprefix("corpus/"): row for row in rows}
    for name, (decided, shares) in expected.items():
        assert by_name[name]["class"] == decided
        np.testing.assert_allclose(list(by_name[name]["probabilities"].values()), shares, atol=1e-5)
    assert {row["model_version"] for row in rows} == {run.metrics["model_version"]}
    assert {len(row["segments"]) for row in rows} == {1}
    again = typed.lines(run.corpus.parent, run.folder, "corpus", "--workers", "3")[1]
    assert again == rows


def test_the_facade_gives_what_the_command_prints(typed: Typed, run: TrainedRun) -> None:
    model = otogura.load_model(run.folder)
    assert model.classes == ("a", "b", "c")
    _, (row,) = typed.lines(run.corpus, "../work/runs/x", "a/1.wav")
    assert {"file": "a/1.wav"} | model.predict("a/1.wav").described() == row
    with pytest.raises(ValueError, match="rate_hz: expected with samples alone"):
        model.predict("a/1.wav", 44100)
    with pytest.raises(ValueError, match="hop_s: expected seconds above 0, got -1"):
        model.predict("a/1.wav", hop_s=-1)
    with pytest.raises(OSError, match="nowhere"):
        model.predict("nowhere.wav")


def test_forms_for_people_and_programs(typed: Typed, run: TrainedRun, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", tone(200, 1.6), RATE_HZ)
    words = [run.folder, "long.wav", run.corpus / "b" / "0.wav", "nowhere.wav"]
    code, rows = typed.lines(tmp_path, *words)
    assert code == 1
    assert [segment["start_s"] for segment in rows[0]["segments"]] == pytest.approx(
        [0, 11776 / 22050, 2 * 11776 / 22050]
    )
    assert rows[2] == {"file": "nowhere.wav", "error": "no such file"}
    _, out, _ = typed(tmp_path, *words, "--format", "json")
    assert json.loads(out) == rows
    assert json.loads(typed(tmp_path, run.folder, "nowhere.wav", "--format", "json")[1]) == rows[2:]
    code, out, err = typed(tmp_path, *words, "--format", "csv")
    table = list(csv.DictReader(io.StringIO(out)))
    assert (code, err) == (1, "")
    assert [row["file"] for row in table] == ["long.wav"] * 4 + [str(words[2]), "nowhere.wav"]
    assert [row["start_s"] for row in table] == ["", "0", "0.534059", "1.06812", "", ""]
    assert table[-1]["error"] == "no such file"
    assert float(table[0]["probability a"]) == rows[0]["probabilities"]["a"]
    assert table[1]["sure"] in ("true", "false")
    code, out, err = typed(tmp_path, *words)
    assert (code, err) == (1, "otogura: nowhere.wav: no such file\n")
    lines = out.splitlines()
    assert lines[0].split() == ["class", "confidence", "file"]
    assert lines[1].endswith("  long.wav")
    assert lines[2].endswith("  0:00:00.00 – 0:00:00.53")
    assert len(lines) == 6


def test_a_hop_and_joined_windows(typed: Typed, run: TrainedRun, tmp_path: Path) -> None:
    soundfile.write(tmp_path / "long.wav", np.concatenate([tone(200, 2.0), tone(800, 2.0)]), RATE_HZ)
    _, (row,) = typed.lines(tmp_path, run.folder, "long.wav", "--hop", "0.25")
    starts = [segment["start_s"] for segment in row["segments"]]
    assert starts == pytest.approx([0.25 * number for number in range(len(starts))], abs=1e-4)
    code, (joined,) = typed.lines(tmp_path, run.folder, "long.wav", "--hop", "0.25", "--merge")
    assert code == 0
    classes = [segment["class"] for segment in joined["segments"]]
    assert all(before != after for before, after in pairwise(classes))
    assert joined["probabilities"] == row["probabilities"]
    assert joined["segments"][-1]["end_s"] == pytest.approx(4.0, abs=1e-4)
    code, _, err = typed(tmp_path, run.folder, "long.wav", "--hop", "0")
    assert (code, err) == (2, "otogura: --hop: expected seconds above 0, got 0\n")


def test_models_that_are_not_there(typed: Typed, run: TrainedRun, tmp_path: Path) -> None:
    code, _, err = typed(run.corpus.parent, "y", "corpus")
    assert (code, err) == (
        2,
        "otogura: y: expected a run, its folder or another with model.json, found none; trained below work are x\n",
    )
    (tmp_path / "run" / "fold-1").mkdir(parents=True)
    (tmp_path / "run" / "fold-1" / "model.json").write_text("{}")
    code, _, err = typed(tmp_path, "run", "x.wav")
    assert (code, err) == (
        2,
        "otogura: run: expected one model, found one for each fold; name one, such as run/fold-1\n",
    )
    code, _, err = typed(tmp_path, "run/fold-1", "x.wav")
    assert (code, err.count("\n"), "format: expected 2, got None" in err) == (2, 1, True)
    assert typed(tmp_path, "nothing", "x.wav")[2].endswith("nothing has been trained below work\n")


def test_rows_of_parquet_files_are_answered_as_files_are(typed: Typed, run: TrainedRun, tmp_path: Path) -> None:
    files = [run.corpus / label / "0.wav" for label in "abc"]
    sounds = [path.read_bytes() for path in files]
    write_parquet(tmp_path / "packed" / "x.parquet", [*sounds, None])
    (tmp_path / "packed" / "y.parquet").write_bytes(b"PAR1 and no more")
    write_parquet(tmp_path / "packed" / "z.parquet", [])
    expected = [row["probabilities"] for row in typed.lines(tmp_path, run.folder, *files)[1]]
    code, rows = typed.lines(tmp_path, run.folder, "packed", "packed/x.parquet#1", "packed/x.parquet#7")
    assert code == 1
    assert [row["file"] for row in rows] == [
        *(f"packed/x.parquet#{number}" for number in range(4)),
        "packed/y.parquet",
        "packed/z.parquet",
        "packed/x.parquet#1",
        "packed/x.parquet#7",
    ]
    answered = [expected[row] for row in (0, 1, 2)] + [None, None, None, expected[1], None]
    assert [row.get("probabilities") for row in rows] == answered
    assert [row["error"] for row in rows if "error" in row] == [
        "no sound: the bytes are null, and '3.wav' is a file elsewhere",
        "is truncated: it does not end as a Parquet file does; fetch it again",
        "it holds no row",
        "no row 7; it has 4, counted from 0",
    ]


def test_nothing_that_is_answered_is_another_exit_code(typed: Typed, run: TrainedRun, tmp_path: Path) -> None:
    assert typed(tmp_path, run.folder, "nowhere.wav")[0] == 2
    assert typed(tmp_path, run.folder)[0] == 2
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "notes.txt").write_text("no sound")
    code, (row,) = typed.lines(tmp_path, run.folder, "empty")
    assert (code, row["file"]) == (2, "empty")
    assert row["error"].startswith("expected files that end in .aac, .aif, .aiff, .au")
    assert row["error"].endswith("found none but 1 .txt")


def test_names_that_no_system_takes(typed: Typed, run: TrainedRun, tmp_path: Path) -> None:
    code, rows = typed.lines(tmp_path, run.folder, "x" * 300, "x.wav/y.wav", run.corpus / "a" / "0.wav")
    assert code == 1
    assert [row.get("error") for row in rows] == ["cannot be read: File name too long", "no such file", None]


def encoded(path: Path, form: str, subtype: str | None = None) -> bytes:
    seconds = 0.5 if form == "WAV" else 3.0
    soundfile.write(path, tone(300, seconds), RATE_HZ, format=form, subtype=subtype)
    return path.read_bytes()


BAD = {
    "zero.wav": "empty file",
    "none.wav": "no samples",
    "nan.wav": "NaN or infinite samples",
    "text.wav": "undecodable: ",
    "header.wav": "truncated: the header states 2000000000 bytes of samples, 22050 are there",
    "cut.wav": "truncated: the header states 22050 bytes of samples, 10000 are there",
    "cut.flac": "undecodable: |truncated: ",
    "head.ogg": "undecodable: |no samples",
    "head.mp3": "undecodable: |no samples",
    "loud.wav": "samples of up to 1e\\+09 times full scale",
    "folder.wav": "expected files that end in",
}
GOOD = ("one.wav", "silent.wav", "eight.wav", "fast.wav", "slow.wav", "deep.wav", "cut.ogg", "cut.mp3", "piped.wav")
GOOD += ("-x.wav", "new\nline.wav", "音 ü.wav", "'; $(echo) %s [bold].wav")


@pytest.fixture
def recordings(tmp_path: Path) -> Path:
    """Recordings of every kind of trouble."""
    sound = tone(300, 0.5)
    whole = encoded(tmp_path / "deep.wav", "WAV", "PCM_24")
    whole = encoded(tmp_path / "cut.wav", "WAV", "PCM_16")
    (tmp_path / "cut.wav").write_bytes(whole[:10044])
    for name, stated in (("header.wav", 2_000_000_000), ("piped.wav", 2**31 - 1)):  # which says that it is not known
        (tmp_path / name).write_bytes(whole[:40] + stated.to_bytes(4, "little") + whole[44:])
    flac = encoded(tmp_path / "cut.flac", "FLAC")
    (tmp_path / "cut.flac").write_bytes(flac[: len(flac) // 2])
    for suffix in ("ogg", "mp3"):
        data = encoded(tmp_path / f"cut.{suffix}", suffix.upper())
        (tmp_path / f"cut.{suffix}").write_bytes(data[: len(data) * 2 // 3])
        (tmp_path / f"head.{suffix}").write_bytes(data[:20])
    (tmp_path / "zero.wav").write_bytes(b"")
    (tmp_path / "text.wav").write_text("no sound at all, but words")
    (tmp_path / "folder.wav").mkdir()
    for name, samples, rate_hz in (
        ("none.wav", sound[:0], RATE_HZ),
        ("one.wav", sound[:1], RATE_HZ),
        ("silent.wav", 0 * sound, RATE_HZ),
        ("nan.wav", np.where(np.arange(len(sound)) == 99, np.nan, sound), RATE_HZ),
        ("loud.wav", sound * np.float32(2e9), RATE_HZ),
        ("eight.wav", np.stack([sound] * 8, axis=1), RATE_HZ),
        ("fast.wav", tone(300, 0.5, rate_hz=192_000), 192_000),
        ("slow.wav", tone(300, 0.5, rate_hz=8000), 8000),
        *((name, sound, RATE_HZ) for name in GOOD[9:]),
    ):
        soundfile.write(tmp_path / name, samples, rate_hz, subtype="FLOAT")
    return tmp_path


def test_bad_recordings_are_named_and_the_rest_is_answered(typed: Typed, run: TrainedRun, recordings: Path) -> None:
    names = sorted([*BAD, *GOOD])
    code, rows = typed.lines(recordings, run.folder, "--", *names)
    assert code == 1
    assert [row["file"] for row in rows] == names
    for row in rows:
        if row["file"] in GOOD:
            assert sum(row.get("probabilities", {}).values()) == pytest.approx(1, abs=1e-5), row
        else:
            assert re.match(BAD[row["file"]], row.get("error", "")), row
            assert "\n" not in row["error"]
    code, out, err = typed(recordings, run.folder, "--", *names)
    answers = [line for line in out.splitlines() if " – " not in line]  # and not of their windows
    assert (code, len(answers), len(err.splitlines())) == (1, 1 + len(GOOD), len(BAD))
    assert "new\\nline.wav" in out
    assert "[bold].wav" in out


def test_a_name_that_is_no_utf_8(run: TrainedRun, tmp_path: Path) -> None:
    name = os.fsencode(tmp_path) + b"/\xff.wav"
    soundfile.write(tmp_path / "x.wav", tone(300, 0.5), RATE_HZ)
    os.rename(os.fsencode(tmp_path / "x.wav"), name)
    ended = predict_process(run, os.fsdecode(name), "--format", "jsonl").communicate()[0]
    assert os.fsencode(json.loads(ended)["file"]) == name


def predict_process(run: TrainedRun, *words: str, **options: Any) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "pipeline.commands.main", "predict", str(run.folder), *words],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        **options,
    )


def test_a_reader_that_ends_early_is_no_error(run: TrainedRun) -> None:
    with predict_process(run, *[str(run.corpus)] * 40, "--format", "jsonl") as process:
        assert process.stdout is not None
        assert json.loads(process.stdout.readline())["class"] in "abc"
        process.stdout.close()
        assert process.stderr is not None
        assert process.stderr.read() == b""
    assert process.returncode == 1


def test_ctrl_c_ends_it_without_a_traceback(run: TrainedRun) -> None:
    process = predict_process(
        run,
        *[str(run.corpus)] * 400,
        "--format",
        "jsonl",
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["class"] in "abc"
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=60)
    assert (process.returncode, err) == (130, b"")


class Pipe:
    """Standard input with these bytes."""

    def __init__(self, data: bytes) -> None:
        self.buffer = io.BytesIO(data)


def test_standard_input(typed: Typed, run: TrainedRun, tmp_path: Path) -> None:
    path = run.corpus / "a" / "0.wav"
    _, (expected,) = typed.lines(tmp_path, run.folder, path)
    typed.monkeypatch.setattr(sys, "stdin", Pipe(path.read_bytes()))
    code, (row,) = typed.lines(tmp_path, run.folder, "-")
    assert (code, row) == (0, expected | {"file": "-"})
    samples, rate_hz = soundfile.read(path, dtype="int16")
    raw = np.stack([samples, samples], axis=1).astype("<i2").tobytes()
    typed.monkeypatch.setattr(sys, "stdin", Pipe(raw))
    _, (row,) = typed.lines(tmp_path, run.folder, "-", "--raw-rate-hz", str(rate_hz), "--raw-channels", "2")
    assert row == expected | {"file": "-"}
    typed.monkeypatch.setattr(sys, "stdin", Pipe(b""))
    code, (row,) = typed.lines(tmp_path, run.folder, "-")
    assert (code, row) == (2, {"file": "-", "error": "empty file"})


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A detector of waveforms in JSON, none of which states its rate."""
    folder = tmp_path_factory.mktemp("detector")
    (folder / "corpus").mkdir()
    sounds = [tone(300 + 500 * (number % 2), 0.3, number, rate_hz=8000).tolist() for number in range(20)]
    records = [{"Waveform": sound, "Labels": number % 2} for number, sound in enumerate(sounds)]
    (folder / "corpus" / "some.json").write_text(json.dumps(records))
    recipe = WaveformRecipe(sample_rate_hz=8000, samples=2048, band_hz=(20.0, 3000.0), variants=ONLY_ORIGINAL)
    model = {"name": "cnn1d_attention", "filters": [8, 8], "kernels": [15, 7], "heads": 2, "dense": [8]}
    return trained_run(folder, JsonCorpus(root=folder / "corpus", sample_rate_hz=8000), recipe, model=model)


def test_records_of_json_files_are_answered_one_by_one(typed: Typed, detector: TrainedRun, tmp_path: Path) -> None:
    expected = scored(detector.folder)
    code, rows = typed.lines(detector.corpus, detector.folder, ".")
    assert (code, len(rows)) == (0, 20)
    for name, (decided, shares) in expected.items():
        row = rows[int(name.rpartition("#")[2])]
        assert (row["file"], row["class"]) == (name, decided)
        np.testing.assert_allclose(list(row["probabilities"].values()), shares, atol=1e-5)
    sound = tone(300, 0.3, rate_hz=8000).tolist()
    for text, errors in {
        json.dumps({"waveforms": [sound, ["0.1", "0.2"], [1, [2]]], "fs": 8000}): [
            "",
            "sample 0 is '0.1', not a number",
            "sample 1 is an array, not a number",
        ],
        json.dumps({"Waveform": sound, "fs": "fast"}): ["fs 'fast' is no rate in whole Hz"],
        "[" * 100_000: ["arrays and objects within each other"],
        '{"Waveform": ' + "[" * 100_000: ["more than 64 arrays and objects within each other"],
        "": ["the file is empty"],
        "[]": ["it holds no record"],
        json.dumps({"Waveform": [], "fs": 8000}): ["no samples"],
    }.items():
        (tmp_path / "x.json").write_text(text)
        _, rows = typed.lines(tmp_path, detector.folder, "x.json")
        assert len(rows) == len(errors), text[:40]
        for row, error in zip(rows, errors, strict=True):
            assert error in row.get("error", ""), row
            assert ("error" in row) == bool(error)


def test_records_without_a_rate_for_a_model_of_files(typed: Typed, run: TrainedRun, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps([{"Waveform": tone(300, 0.5).tolist()}]))
    _, (row,) = typed.lines(tmp_path, run.folder, "x.json")
    assert row["error"] == "it states no rate, and the model has learned from none that does not; add fs"
    (tmp_path / "x.json").write_text(json.dumps([{"Waveform": tone(300, 0.5).tolist(), "fs": RATE_HZ}]))
    assert typed.lines(tmp_path, run.folder, "x.json")[0] == 0


def test_lines_of_a_table_for_a_model_of_spectrograms(typed: Typed, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    values = rng.normal(size=(24, 6 * 8)) + np.repeat(np.arange(24) % 2, 48).reshape(24, 48)
    lines = [",".join([str(1 + n % 2), *(f"{value:.5f}" for value in row)]) for n, row in enumerate(values)]
    (tmp_path / "train.csv").write_text("\n".join(lines[:16]))
    (tmp_path / "test.csv").write_text("\n".join(lines[16:]))
    corpus = CsvCorpus(train=tmp_path / "train.csv", test=tmp_path / "test.csv", values=48, classes=2)
    model = {"name": "resnet_bottleneck"}
    given = {"source": "csv", "train": "train.csv", "test": "test.csv"}
    run = trained_run(tmp_path, corpus, SpectrogramRecipe(rows=6, frames=8), model=model, corpus=given)
    typed.capsys.readouterr()
    code, rows = typed.lines(tmp_path, run.folder, "test.csv")
    assert (code, len(rows)) == (0, 8)
    for name, (decided, shares) in scored(run.folder).items():
        row = rows[int(name.rpartition("#")[2]) - 1]
        assert (f"test/{row['file']}", row["class"], row["segments"]) == (name, decided, [])
        np.testing.assert_allclose(list(row["probabilities"].values()), shares, atol=1e-5)
    (tmp_path / "bad.csv").write_text(lines[0] + "\n1,2,3\n" + lines[1].replace("1", "x", 3))
    code, rows = typed.lines(tmp_path, run.folder, "bad.csv", "nowhere.csv")
    assert code == 1
    assert ["error" in row for row in rows] == [False, True, True, True]
    assert rows[1]["error"] == "expected 48 values, got 2"
