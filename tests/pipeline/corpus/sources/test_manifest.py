"""Manifests of NeMo's and of Lhotse's kind, and Kaldi folders: what they name, and what is wrong with them."""

import gzip
import json
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import RATE_HZ, tone
from pydantic import ValidationError

from pipeline.config.schema import parse
from pipeline.corpus.sources.readers import source_of
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner

LONG = tone(300, 3.0)


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("data").mkdir()
    soundfile.write("data/long.wav", LONG, RATE_HZ, subtype="FLOAT")
    soundfile.write("data/short.wav", tone(500, 0.5), RATE_HZ, subtype="FLOAT")


def write(path: str, lines: Iterable[Any]) -> None:
    text = "".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines)
    Path(path).parent.mkdir(parents=True, exist_ok=True)
    Path(path).write_bytes(gzip.compress(text.encode()) if path.endswith(".gz") else text.encode())


def corpus(**section: Any) -> Any:
    return parse({"experiments": {"x": {"corpus": section}}}, "mine.yaml").experiments["x"].corpus


def listed(**section: Any) -> list[dict[str, Any]]:
    return source_of(corpus(**section), "corpus").listing().table.to_pylist()


def scanned(**section: Any) -> dict[str, str]:
    table = source_of(corpus(**section), "corpus").scan(Path("index"), TaskRunner())
    return dict(zip(table["id"].to_pylist(), table["reason"].to_pylist(), strict=True))


def nemo(*lines: Any, **section: Any) -> dict[str, Any]:
    write("data/all.jsonl", lines)
    return {"source": "manifest", "manifest": "data/all.jsonl", **section}


class TestNemo:
    def test_files_and_segments(self) -> None:
        section = nemo(
            {
                "audio_filepath": "short.wav",
                "duration": 0.5,
                "label": "bark",
            },  # the whole file, however long it is said
            {"audio_filepath": "./long.wav", "offset": 0.5, "duration": 1.5, "label": 7, "speaker": "ann"},
            "",
            {"audio_filepath": os.path.abspath("data/long.wav"), "offset": 2, "duration": 1.0, "label": None},
        )
        assert [(row["id"], row["label"], row["group"]) for row in listed(**section)] == [
            ("long.wav[0.5s:2s]", "7", "long.wav"),
            ("long.wav[2s:3s]", None, "long.wav"),
            ("short.wav", "bark", None),
        ]
        assert set(scanned(**section).values()) == {""}
        source = source_of(corpus(**section), "corpus")
        table = source.scan(Path("index"), TaskRunner())
        (part,) = source.recordings(Path("index"), table)(range(1))
        np.testing.assert_array_equal(part.decode()[0], LONG[RATE_HZ // 2 : 2 * RATE_HZ])

    def test_a_manifest_for_each_side_each_relative_to_its_own_folder(self) -> None:
        write("lists/train.json.gz", [{"audio_filepath": "../data/long.wav", "label": "a"}])
        write("data/test.json", [{"audio_filepath": "short.wav", "label": "a"}])
        section = {"source": "manifest", "manifest": {"train": "lists/train.json.gz", "test": "data/test.json"}}
        assert [(row["id"], row["side"]) for row in listed(**section)] == [
            ("../data/long.wav", "train"),
            ("../data/short.wav", "test"),
        ]
        assert set(scanned(**section).values()) == {""}

    def test_members_by_their_names(self) -> None:
        line = {"audio_filepath": "short.wav", "custom": {"class": "b", "all": ["rain", "bark"]}, "who": 3}
        members = {"group": "who", "fold": "k"}
        (row,) = listed(**nemo(line | {"k": "2"}, label="custom.class", **members))
        assert (row["label"], row["group"], row["fold"], row["side"]) == ("b", "3", 2, None)
        (row,) = listed(**nemo(line | {"part": "Dev"}, label="custom.all", side="part"))
        assert (row["label"], row["side"]) == ("bark;rain", "validation")

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ("{", r"line 2: expected a JSON object, as \{"),
            ("[1]", "line 2: expected a JSON object"),
            ({"path": "short.wav"}, "line 2: expected the member audio_filepath, or recording_id; it has path"),
            ({"audio_filepath": 3, "label": "a"}, "line 2: audio_filepath: expected a text, got 3"),
            (
                {"audio_filepath": "short.wav"},
                "line 2: expected the member label; it has audio_filepath; label: null says",
            ),
            (
                {"audio_filepath": "short.wav", "offset": "1", "label": "a"},
                'offset: expected seconds such as 12.5, got "1"',
            ),
            (
                {"audio_filepath": "short.wav", "label": ["a", " "]},
                "label: expected a name for each label, got a blank one",
            ),
            (
                {"audio_filepath": "short.wav", "label": ["a", "b", "a"]},
                "label: expected each label once, got 'a' twice",
            ),
            ({"audio_filepath": "short.wav", "label": 0.5}, "label: expected a text, got 0.5"),
            (
                {"recording_id": "r", "label": "a"},
                "it is a supervision of Lhotse's; name the manifest of recordings as",
            ),
            (
                {"audio_filepath": "long.wav", "label": "b"},
                "all.jsonl names 'long.wav' more than once, .* an offset and a duration would",
            ),
        ],
    )
    def test_a_wrong_line_is_one_line(self, line: Any, reason: str) -> None:
        with pytest.raises(InputError, match=reason):
            listed(**nemo({"audio_filepath": "long.wav", "label": "a"}, line))

    @pytest.mark.parametrize(
        ("line", "reason"),
        [
            ({"audio_filepath": "gone.wav"}, "no such file"),
            (
                {"audio_filepath": "long.wav", "offset": 500, "duration": 1500},
                "the segment begins at 500 s, and the recording",
            ),
            (
                {"audio_filepath": "long.wav", "offset": -1, "duration": 2},
                "the segment begins at -1 s, before the recording",
            ),
            (
                {"audio_filepath": "long.wav", "offset": 1, "duration": -0.5},
                "the segment ends at 0.5 s, and begins at 1 s",
            ),
            ({"audio_filepath": "long.wav", "offset": 1, "duration": 0}, "the segment ends at 1 s, and begins at 1 s"),
            (
                {"audio_filepath": "long.wav", "offset": 2, "duration": 9},
                "the segment ends at 11 s, and the recording at 3 s",
            ),
        ],
    )
    def test_a_wrong_recording_is_quarantined(self, line: dict[str, Any], reason: str) -> None:
        found = scanned(**nemo({"audio_filepath": "short.wav", "label": "a"}, line | {"label": "a"}))
        assert found.pop("short.wav") == ""
        assert reason in next(iter(found.values()))

    def test_a_line_that_is_there_twice_counts_once(self) -> None:
        line = {"audio_filepath": "short.wav", "label": "a"}
        source = source_of(corpus(**nemo(line, line)), "corpus")
        assert (len(source.listing().table), source.repeated) == (1, 1)

    @pytest.mark.parametrize(
        ("content", "reason"),
        [
            (None, "'data/all.jsonl' is not there; correct the path"),
            (b"\n\n", "expected lines, found none"),
            (b"\xff\xfe{", "line 1: expected a JSON object"),
        ],
    )
    def test_no_manifest(self, content: bytes | None, reason: str) -> None:
        if content is not None:
            Path("data/all.jsonl").write_bytes(content)
        with pytest.raises(InputError, match=reason):
            listed(source="manifest", manifest="data/all.jsonl")

    def test_a_torn_gzip_is_one_line(self) -> None:
        write("data/all.jsonl.gz", [{"audio_filepath": "short.wav", "label": str(number)} for number in range(900)])
        torn = Path("data/all.jsonl.gz")
        torn.write_bytes(torn.read_bytes()[:200])
        with pytest.raises(InputError, match=r"data/all\.jsonl\.gz: cannot be read: Compressed file ended"):
            listed(source="manifest", manifest="data/all.jsonl.gz")

    @pytest.mark.parametrize(
        ("section", "reason"),
        [
            ({}, "manifest"),
            ({"manifest": 3}, "manifest"),
            ({"manifest": {"train": "a"}}, "manifest"),
            ({"manifest": {"train": "a", "test": "b", "dev": "c"}}, "manifest"),
            ({"manifest": "a", "fold": "f", "side": "s"}, "say fold or side, not both"),
            ({"manifest": {"train": "a", "test": "b"}, "side": "s"}, "say side or manifest: {train: …}, not both"),
        ],
    )
    def test_settings_that_contradict_each_other(self, section: dict[str, Any], reason: str) -> None:
        with pytest.raises((InputError, ValidationError), match=reason):
            corpus(source="manifest", **section)


RECORDING = {
    "id": "r1",
    "sources": [{"type": "file", "channels": [0], "source": "long.wav"}],
    "sampling_rate": RATE_HZ,
}
SUPERVISION = {
    "id": "s1",
    "recording_id": "r1",
    "start": 0.25,
    "duration": 1.25,
    "channel": 0,
    "custom": {"label": "a"},
}


class TestLhotse:
    def section(self, recordings: list[Any], supervisions: list[Any]) -> dict[str, Any]:
        write("data/recordings.jsonl.gz", recordings)
        write("lists/supervisions.jsonl.gz", supervisions)
        manifests = {"manifest": "lists/supervisions.jsonl.gz", "recordings": "data/recordings.jsonl.gz"}
        return {"source": "manifest", **manifests, "label": "custom.label", "group": "speaker"}

    def test_supervisions_are_segments(self) -> None:
        section = self.section([RECORDING], [SUPERVISION, SUPERVISION | {"start": 2, "speaker": "ann"}])
        assert [(row["id"], row["label"], row["group"]) for row in listed(**section)] == [
            ("long.wav[0.25s:1.5s]", "a", "long.wav"),
            ("long.wav[2s:3.25s]", "a", "ann"),
        ]

    @pytest.mark.parametrize(
        ("recording", "supervision", "reason"),
        [
            ({"sources": []}, {}, "sources: expected one, of type file"),
            ({"sources": [{"type": "command", "source": "sox"}]}, {}, "type: expected file, got 'command'"),
            ({}, {"recording_id": "r2"}, r"recordings\.jsonl\.gz has no recording 'r2'"),
            ({"sources": [{"type": "file", "channels": [0, 1], "source": "long.wav"}]}, {}, "'r1' has 2 channels"),
        ],
    )
    def test_what_is_not_read_is_one_line(
        self, recording: dict[str, Any], supervision: dict[str, Any], reason: str
    ) -> None:
        with pytest.raises(InputError, match=reason):
            listed(**self.section([RECORDING | recording], [SUPERVISION | supervision]))


class TestKaldi:
    def test_utterances_are_files_or_segments(self) -> None:
        write("data/wav.scp", ["r1 long.wav", f"r2\t{os.path.abspath('data/short.wav')}"])
        write("data/utt2label", ["r1 a", "r2 two words", "u1 b"])
        assert [(row["id"], row["label"], row["group"]) for row in listed(source="kaldi", root="data")] == [
            ("long.wav", "a", None),
            ("short.wav", "two words", None),
        ]
        write("data/utt2spk", ["u1 ann", "u2 ann"])
        write("data/segments", ["u1 r1 0.50 1.5", "u2 r1 2 -1"])
        assert [(row["id"], row["label"], row["group"]) for row in listed(source="kaldi", root="data")] == [
            ("long.wav[0.5s:1.5s]", "b", "ann"),
            ("long.wav[2s:]", None, "ann"),
        ]
        assert set(scanned(source="kaldi", root="data", labels=None).values()) == {""}

    def test_files_elsewhere(self) -> None:
        write("lists/wav.scp", ["r1 data/long.wav"])
        (row,) = listed(source="kaldi", root="lists", files=".", labels=None)
        assert (row["id"], row["label"]) == ("data/long.wav", None)

    @pytest.mark.parametrize(
        ("tables", "reason"),
        [
            ({}, r"data/wav\.scp: No such file"),
            ({"wav.scp": ["r1 sox a.wav -t wav - |"]}, "wav.scp: r1: expected a file, got the command"),
            ({"wav.scp": ["r1"]}, r"wav\.scp: 'r1' has nothing beside it"),
            ({"wav.scp": ["r1 a.wav", "r1 b.wav"]}, r"wav\.scp: 'r1' is there twice"),
            ({"wav.scp": ["r1 a.wav"]}, r"data/utt2label: No such file"),
            ({"wav.scp": [], "utt2label": []}, "expected utterances, found none"),
            (
                {"wav.scp": ["r1 a.wav"], "utt2label": [], "segments": ["u r2 0 1"]},
                "u: expected a recording of wav.scp",
            ),
            ({"wav.scp": ["r1 a.wav"], "utt2label": [], "segments": ["u r1 0"]}, "two times in seconds, got 'r1 0'"),
            ({"wav.scp": ["r a.wav", "s a.wav"], "utt2label": ["r x", "s y"]}, "data names 'a.wav' more than once"),
        ],
    )
    def test_a_wrong_table_is_one_line(self, tables: dict[str, list[str]], reason: str) -> None:
        for name, lines in tables.items():
            write(f"data/{name}", lines)
        with pytest.raises(InputError, match=reason):
            listed(source="kaldi", root="data")

    def test_no_folder(self) -> None:
        with pytest.raises(InputError, match=r"corpus\.root: expected a folder, but there is no 'gone'"):
            listed(source="kaldi", root="gone")
