"""The contract of all sources: settings, scan and recordings behave alike, whatever the files are."""

import builtins
import csv
import doctest
import io
import json
import os
import pickle
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile
from corpora import tone
from pydantic import TypeAdapter, ValidationError

from features.audio import content_hash
from pipeline.config.schema import parse
from pipeline.corpus.index import update_index
from pipeline.corpus.sources import SOURCES, AnyCorpus, base
from pipeline.corpus.sources.base import SCAN, SCAN_CACHE, CorpusSettings, Source, StoredCorpus
from pipeline.corpus.sources.readers import source_of
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner

RATE_HZ = 8000
CONFIG_PATH = "mine.yaml: experiments.x.corpus"
WAVES = [tone(200 + 40 * number, 0.1, number, RATE_HZ) for number in range(6)]
VALUES = 6  # of a ready-made spectrogram


@dataclass(frozen=True)
class Case:
    """A small corpus of one source below the folder in which the test runs; paths are relative to it.

    Attributes
    ----------
    section
        As a user writes it below `corpus:`.
    write
        Write five good recordings.
    add
        Add a good recording, and return the file that holds it.
    spoil
        Add a bad recording, and return its id and a part of its reason.
    read
        Return samples and rate in Hz of the recording of an id, without the source's own code.
    tables
        Files that name recordings or hold all of them; each scan may read them.
    """

    section: dict[str, Any]
    title: str
    write: Callable[[], None]
    add: Callable[[], str]
    spoil: Callable[[], tuple[str, str]]
    read: Callable[[str], tuple[np.ndarray, int]]
    tables: tuple[str, ...] = ()
    labels: Path | None = None

    def settings(self) -> CorpusSettings:
        return SOURCES[self.section["source"]].model_validate(self.section)

    def stored(self) -> StoredCorpus:
        return self.settings().stored(self.labels)

    def source(self) -> Source:
        return source_of(self.stored(), CONFIG_PATH)


def wave(path: str, number: int) -> None:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, WAVES[number], RATE_HZ, subtype="FLOAT")


def append(path: str, text: str) -> str:
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    with open(path, "a") as file:
        file.write(text)
    return path


def read_sound(path: str) -> tuple[np.ndarray, int]:
    return soundfile.read(path, dtype="float32")


def audio_case() -> Case:
    def write() -> None:
        for number in range(5):
            wave(f"data/{'ab'[number % 2]}/{number}.wav", number)

    def add() -> str:
        wave("data/a/5.wav", 5)
        return "data/a/5.wav"

    def spoil() -> tuple[str, str]:
        append("data/b/bad.wav", "no sound")
        return "b/bad.wav", "undecodable"

    return Case({"source": "audio", "root": "data"}, "data", write, add, spoil, lambda name: read_sound(f"data/{name}"))


def json_case() -> Case:
    def record(number: int, **more: Any) -> dict[str, Any]:
        return {"Waveform": WAVES[number].tolist(), "Labels": number % 2, "fs": RATE_HZ, **more}

    def write() -> None:
        append("data/a.json", json.dumps([record(0), record(1)]))
        append("data/b.jsonl", "".join(json.dumps(record(number)) + "\n" for number in (2, 3, 4)))

    def add() -> str:
        return append("data/c.jsonl", json.dumps(record(5)) + "\n")

    def spoil() -> tuple[str, str]:
        append("data/b.jsonl", json.dumps(record(5, Waveform=[0.5, None])) + "\n")
        return "b.jsonl#3", "sample 1 is null"

    def read(name: str) -> tuple[np.ndarray, int]:
        file, number = name.split("#")
        text = Path("data", file).read_text()
        records = json.loads(text) if file == "a.json" else [json.loads(line) for line in text.splitlines()]
        return np.array(records[int(number)]["Waveform"], np.float32), RATE_HZ

    return Case({"source": "json", "root": "data"}, "data", write, add, spoil, read)


def csv_case() -> Case:
    def line(number: int) -> str:
        return f"{number % 2 + 1}," + ",".join(str(value) for value in WAVES[number][:VALUES]) + "\n"

    def write() -> None:
        append("data/train.csv", "".join(map(line, range(3))))
        append("data/test.csv", "".join(map(line, (3, 4))))

    def add() -> str:
        return append("data/train.csv", line(5))

    def spoil() -> tuple[str, str]:
        append("data/test.csv", "1,0.5,0.5\n")
        return "test/test.csv#3", "got 3 fields"

    def read(name: str) -> tuple[np.ndarray, int]:
        file, number = name.split("/")[1].split("#")
        with open(Path("data", file)) as lines:
            fields = list(csv.reader(lines))[int(number) - 1]
        return np.array(fields[1:], np.float64).astype(np.float32), 0

    tables = ("data/train.csv", "data/test.csv")
    section = {"source": "csv", "train": tables[0], "test": tables[1], "values": VALUES}
    return Case(section, "train", write, add, spoil, read, tables)


def esc50_case() -> Case:
    table = "data/meta/esc50.csv"

    def row(number: int) -> str:
        return f"{number}.wav,{number % 5 + 1},0,{'dog' if number % 2 else 'rain'},True,{number},A\n"

    def write() -> None:
        append(table, "filename,fold,target,category,esc10,src_file,take\n" + "".join(map(row, range(5))))
        for number in range(5):
            wave(f"data/audio/{number}.wav", number)

    def add() -> str:
        wave("data/audio/5.wav", 5)
        append(table, row(5))
        return "data/audio/5.wav"

    def spoil() -> tuple[str, str]:
        append(table, row(9))
        return "9.wav", "no such file"

    section = {"source": "esc50", "root": "data"}
    return Case(section, "data", write, add, spoil, lambda name: read_sound(f"data/audio/{name}"), (table,))


def tags_case() -> Case:
    table = "labels/labels.csv"  # as mining writes it

    def write() -> None:
        append(table, "path,label,group\n" + "".join(f"{number}.wav,{'ab'[number % 2]},\n" for number in range(5)))
        for number in range(5):
            wave(f"data/{number}.wav", number)

    def add() -> str:
        wave("data/5.wav", 5)
        append(table, "5.wav,a,\n")
        return "data/5.wav"

    def spoil() -> tuple[str, str]:
        append("data/9.wav", "")
        append(table, "9.wav,a,\n")
        return "9.wav", "empty file"

    section = {"source": "tags", "root": "data", "table": "tracks.csv"}
    return Case(section, "data", write, add, spoil, lambda name: read_sound(f"data/{name}"), (table,), Path(table))


def manifest_case() -> Case:
    manifest = "data/all.jsonl"

    def line(number: int) -> str:
        return json.dumps({"audio_filepath": f"{number}.wav", "duration": 0.1, "label": "ab"[number % 2]}) + "\n"

    def write() -> None:
        append(manifest, "".join(map(line, range(5))))
        for number in range(5):
            wave(f"data/{number}.wav", number)

    def add() -> str:
        wave("data/5.wav", 5)
        append(manifest, line(5))
        return "data/5.wav"

    def spoil() -> tuple[str, str]:
        append(manifest, line(9))
        return "9.wav", "no such file"

    section = {"source": "manifest", "manifest": manifest}
    return Case(section, "data", write, add, spoil, lambda name: read_sound(f"data/{name}"), (manifest,))


def kaldi_case() -> Case:
    scp, labels = "data/wav.scp", "data/utt2label"

    def say(number: int) -> None:
        append(scp, f"utt{number} {number}.wav\n")
        append(labels, f"utt{number} {'ab'[number % 2]}\n")

    def write() -> None:
        for number in range(5):
            say(number)
            wave(f"data/{number}.wav", number)

    def add() -> str:
        wave("data/5.wav", 5)
        say(5)
        return "data/5.wav"

    def spoil() -> tuple[str, str]:
        say(9)
        return "9.wav", "no such file"

    section = {"source": "kaldi", "root": "data"}
    return Case(section, "data", write, add, spoil, lambda name: read_sound(f"data/{name}"), (scp, labels))


def parquet_case() -> Case:
    def sound(number: int) -> dict[str, Any]:
        file = io.BytesIO()
        soundfile.write(file, WAVES[number], RATE_HZ, subtype="FLOAT", format="WAV")
        return {"bytes": file.getvalue(), "path": f"{number}.wav"}

    def put(path: str, sounds: Sequence[dict[str, Any]]) -> str:
        Path(path).parent.mkdir(parents=True, exist_ok=True)
        labels = ["ab"[place % 2] for place in range(len(sounds))]
        pq.write_table(pa.table({"audio": sounds, "label": labels}), path, row_group_size=2)
        return path

    def write() -> None:
        put("data/a.parquet", [sound(0), sound(1), sound(2)])
        put("data/more/b.parquet", [sound(3), sound(4)])

    def add() -> str:
        return put("data/c.parquet", [sound(5)])

    def spoil() -> tuple[str, str]:
        put("data/a.parquet", [sound(0), sound(1), sound(2), {"bytes": None, "path": "5.wav"}])
        return "a.parquet#3", "the bytes are null, and '5.wav' is a file elsewhere"

    def read(name: str) -> tuple[np.ndarray, int]:
        file, row = name.split("#")
        table = pq.read_table(f"data/{file}").to_pylist()
        samples, rate_hz = soundfile.read(io.BytesIO(table[int(row)]["audio"]["bytes"]), dtype="float32")
        return samples, rate_hz

    return Case({"source": "parquet", "root": "data"}, "data", write, add, spoil, read)


CASES = {
    "audio": audio_case,
    "json": json_case,
    "csv": csv_case,
    "esc50": esc50_case,
    "parquet": parquet_case,
    "tags": tags_case,
    "manifest": manifest_case,
    "kaldi": kaldi_case,
}


@pytest.fixture(params=CASES)
def case(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Case:
    monkeypatch.chdir(tmp_path)
    case = CASES[request.param]()
    case.write()
    return case


def scan(case: Case, folder: str = "index") -> pa.Table:
    return case.source().scan(Path(folder), TaskRunner())


def test_the_example_runs() -> None:
    assert doctest.testmod(base).failed == 0


def test_every_source_has_a_case() -> None:
    assert set(CASES) == set(SOURCES)


def test_a_scan_is_a_table_of_known_columns_in_the_order_of_unique_ids(case: Case) -> None:
    table = scan(case)
    assert table.schema.equals(SCAN)
    ids = table["id"].to_pylist()
    assert ids == sorted(set(ids))
    assert len(ids) == 5
    assert table["reason"].to_pylist() == [""] * 5
    assert len(set(table["content_hash"].to_pylist())) == 5
    assert all(samples > 0 for samples in table["samples"].to_pylist())


def test_a_corpus_is_the_same_in_every_scan(case: Case) -> None:
    first = scan(case)
    assert scan(case).equals(first)
    assert scan(case, "other").equals(first)
    assert Path("index", SCAN_CACHE).read_bytes() == Path("other", SCAN_CACHE).read_bytes()


def test_the_fingerprint_is_that_of_the_files(case: Case) -> None:
    seen = [case.source().fingerprint()]
    assert case.source().fingerprint() == seen[0]
    scan(case)
    assert case.source().fingerprint() == seen[0]
    added = case.add()
    seen.append(case.source().fingerprint())
    os.utime(added, ns=(1, 1))
    seen.append(case.source().fingerprint())
    for path in case.tables:
        append(path, "\n")
        seen.append(case.source().fingerprint())
    assert len(set(seen)) == len(seen)


def test_a_second_scan_opens_only_what_changed(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[str] = []
    real = builtins.open

    def watched(path: Any, *arguments: Any, **options: Any) -> Any:
        opened.append(str(path))
        return real(path, *arguments, **options)

    def scanned() -> set[str]:
        opened.clear()
        scan(case)
        return {path for path in opened if path.startswith("data")} - set(case.tables)

    files = {str(path) for path in Path("data").rglob("*.*")} - set(case.tables)
    monkeypatch.setattr(builtins, "open", watched)
    assert scanned() == files
    assert scanned() == set()
    added = case.add()
    assert scanned() == {added} - set(case.tables)


def test_a_bad_recording_is_quarantined_with_its_reason(case: Case) -> None:
    name, reason = case.spoil()
    table = scan(case)
    bad = [row for row in table.to_pylist() if row["reason"]]
    assert [row["id"] for row in bad] == [name]
    assert reason in bad[0]["reason"]
    index = update_index(Path("index"), table, max_quarantine=0.5, config_path=CONFIG_PATH)
    assert (len(index.clips), index.quarantined) == (5, 1)
    with open("index/quarantine.csv", newline="") as lines:
        assert list(csv.reader(lines)) == [["id", "reason"], [name, bad[0]["reason"]]]


def test_recordings_of_rows_hold_the_samples_of_the_files(case: Case) -> None:
    table = scan(case)
    clips = table.take([3, 0, 4, 1, 2])  # a store has rows in an order of its own
    recordings = case.source().recordings(Path("index"), clips)
    for rows in (range(5), range(1, 3), range(4, 5), range(0)):
        part = recordings(rows)
        assert len(part) == len(rows)
        for row, recording in zip(rows, part, strict=True):
            samples, rate_hz = recording.decode()
            expected, expected_hz = case.read(clips["id"][row].as_py())
            assert samples.dtype == np.float32
            np.testing.assert_array_equal(samples, expected)
            assert rate_hz == expected_hz == clips["sample_rate_hz"][row].as_py()
            assert len(samples) == clips["samples"][row].as_py()
            assert content_hash(samples, rate_hz).hex() == clips["content_hash"][row].as_py()


def test_a_recording_can_be_sent_to_a_worker(case: Case) -> None:
    clips = scan(case)
    for recording in case.source().recordings(Path("index"), clips)(range(5)):
        assert pickle.loads(pickle.dumps(recording)) == recording  # noqa: S301
        assert str(recording).startswith("data")


def test_resolved_settings_are_those_of_any_folder(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    clips, resolved, index = scan(case), case.stored().resolved(), Path("index").absolute()
    expected = [case.read(name)[0] for name in clips["id"].to_pylist()]
    assert type(resolved) is type(case.stored())
    Path("elsewhere").mkdir()
    monkeypatch.chdir("elsewhere")
    recordings = source_of(resolved, CONFIG_PATH).recordings(index, clips)(range(5))
    for recording, samples in zip(recordings, expected, strict=True):
        np.testing.assert_array_equal(recording.decode()[0], samples)


def test_settings_come_back_from_json(case: Case) -> None:
    settings, stored = case.settings(), case.stored()
    assert settings.source == case.section["source"]
    assert type(settings).model_validate_json(settings.model_dump_json()) == settings
    assert type(settings).model_validate(settings.model_dump(mode="json")) == settings
    back = TypeAdapter(AnyCorpus).validate_json(stored.model_dump_json())
    assert type(back) is type(stored)
    assert back == stored
    assert stored.stored() == stored
    with pytest.raises(ValidationError, match="frozen"):
        settings.source = "other"


def test_the_title_is_a_name_for_folders(case: Case) -> None:
    assert case.stored().title == case.title


def test_a_misspelt_key_is_one_line(case: Case) -> None:
    with pytest.raises(InputError) as caught:
        parse({"experiments": {"x": {"corpus": case.section | {"max_quarantin": 0.1}}}}, "mine.yaml")
    assert str(caught.value) == f"{CONFIG_PATH}.max_quarantin: unknown key; did you mean 'max_quarantine'?"


def test_a_corpus_that_is_not_there_is_one_line_and_leaves_the_index_alone(case: Case) -> None:
    scan(case)
    before = Path("index", SCAN_CACHE).read_bytes()
    shutil.rmtree("data")
    for call in (lambda: scan(case), lambda: scan(case, "other"), lambda: case.source().fingerprint()):
        with pytest.raises(InputError) as caught:
            call()
        assert str(caught.value).startswith(CONFIG_PATH)
        assert "\n" not in str(caught.value)
    assert Path("index", SCAN_CACHE).read_bytes() == before
    assert not Path("other").exists()
