"""Segments of recordings: rows of a table with the seconds from which and to which a clip goes."""

import csv
from argparse import Namespace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
import soundfile
from corpora import RATE_HZ, tone
from indices import index, table

from features.audio import content_hash, decode
from pipeline.__main__ import _index as index_job
from pipeline.build.decoder import Decoder
from pipeline.corpus.index import Index
from pipeline.corpus.recordings import file_name, segment_name, split_segment, whole_name
from pipeline.corpus.repetition import overlapping
from pipeline.corpus.sources.audio import scan as scanning
from pipeline.corpus.sources.audio.probe import probe_all
from pipeline.corpus.sources.audio.recording import AudioFile
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.corpus.sources.readers import recording_at
from pipeline.support.errors import InputError
from pipeline.workflow.jobs import IndexJob

COLUMNS = {"start_s": "start_s", "end_s": "end_s"}
FORMATS = {"wav": None, "flac": None, "au": None, "aiff": None, "ogg": "VORBIS", "mp3": None}
RECORDING = np.concatenate([tone(200 * 2 ** (number % 4), 5.0, number) for number in range(6)])  # three blocks


def write_recording(path: Path, samples: np.ndarray = RECORDING, rate_hz: int = RATE_HZ) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    with soundfile.SoundFile(path, "w", rate_hz, channels, subtype=FORMATS[path.suffix[1:]]) as file:
        for start in range(0, len(samples), 4096):  # the encoder of Vorbis takes no more than some at once
            file.write(samples[start : start + 4096])
    return path


def indexed(folder: Path, rows: str, header: str = "path,start_s,end_s,label", **options: Any) -> Index:
    """Index rows of a table in the folder of the recordings."""
    settings = {"max_quarantine": 1.0, **COLUMNS, **options}
    return index(folder / "index", folder, table=table(folder, f"{header}\n{rows}"), **settings)


def quarantine(folder: Path) -> dict[str, str]:
    with open(folder / "index" / "quarantine.csv", newline="") as lines:
        return dict(list(csv.reader(lines))[1:])


@pytest.mark.parametrize("suffix", FORMATS)
def test_a_segment_is_bit_for_bit_that_part_of_its_recording(tmp_path: Path, suffix: str) -> None:
    stereo = np.stack([RECORDING, 0.5 * RECORDING[::-1]], axis=1)
    path = write_recording(tmp_path / f"x.{suffix}", stereo)
    whole, rate_hz = decode(path)
    spans = [(0.0, 1.0), (0.5, 2.5), (2.25, 2.2501), (11.0, 25.5), (24.00003, 30.0), (12.0, 12.3), (29.0, None)]
    rows = "".join(f"x.{suffix},{start},{'' if end is None else end},a\n" for start, end in spans)
    clips = indexed(tmp_path, rows).clips
    assert quarantine(tmp_path) == {}
    source = AudioSource(AudioCorpus(root=tmp_path), "corpus")
    decoder = Decoder()
    for clip, recording in zip(clips.to_pylist(), source.recordings(Path(), clips)(range(len(clips))), strict=True):
        start, end = recording.span(rate_hz)  # type: ignore[attr-defined]
        expected = whole[start:end]
        alone, _ = recording.decode()
        np.testing.assert_array_equal(alone, expected)
        np.testing.assert_array_equal(decoder.decode(recording)[0], expected)
        assert clip["samples"] == len(expected) > 0
        assert clip["content_hash"] == content_hash(expected, rate_hz).hex()
        soundfile.write(tmp_path / "alone.wav", alone, rate_hz, subtype="FLOAT")
        assert content_hash(*decode(tmp_path / "alone.wav")).hex() == clip["content_hash"]


def test_a_time_is_the_nearest_sample_of_the_file_s_own_rate() -> None:
    assert AudioFile(Path("x"), start_s=0.1, end_s=0.1 + 1.4 / 8000).span(8000) == (800, 801)
    assert AudioFile(Path("x"), start_s=2.5 / 8000, end_s=1.0).span(8000) == (3, 8000)
    assert AudioFile(Path("x"), start_s=35999.99999, end_s=36000.0).span(44100) == (1587600000, 1587600000)


def test_neighbours_share_no_sample_and_leave_none_out(tmp_path: Path) -> None:
    write_recording(tmp_path / "x.flac")
    cuts = [0.0, 1.00001, 3.33333, 7.77777, 30.0]
    rows = "".join(f"x.flac,{start},{end},a\n" for start, end in pairwise(cuts))
    assert sum(indexed(tmp_path, rows).clips["samples"].to_pylist()) == len(RECORDING)


def test_labels_are_per_segment_and_groups_per_recording(tmp_path: Path) -> None:
    for name in ("x", "y", "z"):
        write_recording(tmp_path / f"{name}.wav", RECORDING + 0.001 * ord(name))
    rows = "x.wav,0,1,a,\nx.wav,1,2,b,\nx.wav,,,c,\ny.wav,3,,a,\nz.wav,,,a,\ny.wav,0,1,b,mine\n"
    found = indexed(tmp_path, rows, "path,start_s,end_s,label,speaker", group="speaker").clips.to_pylist()
    groups = {clip["id"]: clip["group"] for clip in found}
    assert {clip["id"]: clip["label"] for clip in found} == {
        "x.wav[0s:1s]": "a",
        "x.wav[1s:2s]": "b",
        "x.wav": "c",
        "y.wav[3s:]": "a",
        "y.wav[0s:1s]": "b",
        "z.wav": "a",
    }
    assert groups["x.wav"] == groups["x.wav[0s:1s]"] == groups["x.wav[1s:2s]"] == "x.wav"
    assert groups["y.wav[3s:]"] == "y.wav"
    assert groups["y.wav[0s:1s]"] == "mine"
    assert groups["z.wav"] not in ("x.wav", "y.wav", "z.wav")  # by its content, as always


def test_segments_of_a_file_follow_each_other_in_the_order_of_time(tmp_path: Path) -> None:
    for name in ("x", "y"):
        write_recording(tmp_path / f"{name}.wav", RECORDING + 0.001 * ord(name))
    starts = [20, 9, 1.5, 10, 0]
    rows = "".join(f"{name}.wav,{start},{start + 2},a\n" for start in starts for name in ("x", "y"))
    names = indexed(tmp_path, rows).clips["id"].to_pylist()
    assert [split_segment(name)[1] for name in names] == 2 * sorted(starts)
    assert len({file_name(name) for name in names[:5]}) == 1


@pytest.mark.parametrize("suffix", ["flac", "mp3"])
def test_a_recording_is_opened_once_for_all_its_segments(
    tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_recording(tmp_path / f"x.{suffix}")
    opened: list[Path] = []
    read = [0]

    class Watched(soundfile.SoundFile):  # type: ignore[misc]
        def __init__(self, path: Path) -> None:
            opened.append(path)
            super().__init__(path)

        def read(self, *arguments: Any, **options: Any) -> Any:
            block = super().read(*arguments, **options)
            read[0] += len(block)
            return block

    monkeypatch.setattr(soundfile, "SoundFile", Watched)
    rows = "".join(f"x.{suffix},{start},{start + 4},a\n" for start in range(0, 24, 3))  # which overlap
    clips = indexed(tmp_path, rows).clips
    assert (opened, read[0] <= len(RECORDING)) == ([path], True)
    opened.clear()
    read[0] = 0
    decoder = Decoder()
    for recording in AudioSource(AudioCorpus(root=tmp_path), "").recordings(Path(), clips)(range(len(clips))):
        decoder.decode(recording)
    assert opened == [path]
    assert read[0] <= (len(RECORDING) if suffix == "mp3" else 8 * 4 * RATE_HZ)


def test_segments_in_another_order_are_decoded_as_well(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "x.mp3")
    decoder = Decoder()
    for start_s in (20.0, 3.0, 25.0, 0.0):
        segment = AudioFile(path, start_s=start_s, end_s=start_s + 1)
        np.testing.assert_array_equal(decoder.decode(segment)[0], segment.decode()[0])


def test_a_file_that_is_written_anew_is_opened_anew(tmp_path: Path) -> None:
    decoder, segment = Decoder(), AudioFile(tmp_path / "x.wav", start_s=1.0, end_s=2.0)
    write_recording(segment.path)
    before, _ = decoder.decode(segment)
    write_recording(segment.path, RECORDING[::-1].copy(), 2 * RATE_HZ)
    after, rate_hz = decoder.decode(segment)
    assert (len(before), len(after), rate_hz) == (RATE_HZ, 2 * RATE_HZ, 2 * RATE_HZ)


def test_equal_parts_of_a_segment_are_clips_of_it(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "x.flac")
    clips = indexed(tmp_path, "x.flac,1,4,a\nx.flac,2,,b\n", segments=3).clips
    names = clips["id"].to_pylist()
    assert names == [f"x.flac[1s:4s][{k}/3]" for k in (1, 2, 3)] + [f"x.flac[2s:][{k}/3]" for k in (1, 2, 3)]
    assert set(clips["group"].to_pylist()) == {"x.flac"}
    assert {whole_name(name) for name in names} == {"x.flac[1s:4s]", "x.flac[2s:]"}
    recordings = AudioSource(AudioCorpus(root=tmp_path), "").recordings(Path(), clips)(range(3))
    decoder = Decoder()
    own = np.concatenate([decoder.decode(recording)[0] for recording in recordings])
    np.testing.assert_array_equal(own, decode(path)[0][RATE_HZ : 4 * RATE_HZ])
    hashes = [content_hash(*recording.decode()).hex() for recording in recordings]
    assert hashes == clips["content_hash"].to_pylist()[:3]


@pytest.mark.parametrize("suffix", ["flac", "mp3"])
@pytest.mark.parametrize(
    ("start", "end", "name", "reason"),
    [
        ("-2", "3", "[-2s:3s]", "the segment begins at -2 s, before the recording"),
        ("5", "3.5", "[5s:3.5s]", "the segment ends at 3.5 s, and begins at 5 s"),
        ("5", "5", "[5s:5s]", "the segment ends at 5 s, and begins at 5 s"),
        ("5", "5.00001", "[5s:5.00001s]", "no samples"),
        ("29", "30.5", "[29s:30.5s]", "the segment ends at 30.5 s, and the recording at 30 s"),
        ("30", "31", "[30s:31s]", "the segment begins at 30 s, and the recording ends at 30 s"),
        ("31", "", "[31s:]", "the segment begins at 31 s, and the recording ends at 30 s"),
        ("12000", "15000", "[12000s:15000s]", "the segment begins at 12000 s, and the recording ends at 30 s"),
    ],
)
def test_a_segment_that_no_recording_has_is_quarantined(
    tmp_path: Path, suffix: str, start: str, end: str, name: str, reason: str
) -> None:
    write_recording(tmp_path / f"x.{suffix}")
    found = indexed(tmp_path, f"x.{suffix},{start},{end},a\nx.{suffix},1,2,a\n")
    assert quarantine(tmp_path) == {f"x.{suffix}{name}": reason}
    assert found.clips["id"].to_pylist() == [f"x.{suffix}[1s:2s]"]


def test_an_end_that_is_rounded_beyond_the_recording_is_its_end(tmp_path: Path) -> None:
    write_recording(tmp_path / "x.flac")
    assert indexed(tmp_path, "x.flac,29,30.01,a\n").clips["samples"].to_pylist() == [RATE_HZ]
    assert indexed(tmp_path, "x.flac,29,30.011,a\nx.flac,1,2,a\n").quarantined == 1


def test_faults_of_a_recording_are_those_of_the_segments_that_have_them(tmp_path: Path) -> None:
    silent = np.concatenate([RECORDING[: 2 * RATE_HZ], np.zeros(2 * RATE_HZ, np.float32), RECORDING[:RATE_HZ]])
    silent[-5] = np.nan
    soundfile.write(tmp_path / "x.wav", silent, RATE_HZ, subtype="FLOAT")
    rows = "x.wav,0,2,a\nx.wav,2,4,a\nx.wav,4,5,a\ny.wav,0,1,a\ny.wav,1,2,a\n"
    assert indexed(tmp_path, rows, silent="quarantine").clips["id"].to_pylist() == ["x.wav[0s:2s]"]
    assert quarantine(tmp_path) == {
        "x.wav[2s:4s]": "silent",
        "x.wav[4s:5s]": "NaN or infinite samples",
        "y.wav[0s:1s]": "no such file",
        "y.wav[1s:2s]": "no such file",
    }


def test_a_recording_that_is_cut_off_has_the_segments_that_are_there(tmp_path: Path) -> None:
    for suffix in ("flac", "wav"):
        path = write_recording(tmp_path / f"x.{suffix}")
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    rows = "".join(f"x.{suffix},{span},a\n" for suffix in ("flac", "wav") for span in ("1,2", "20,21", "22,"))
    assert indexed(tmp_path, rows).clips["id"].to_pylist() == ["x.flac[1s:2s]"]
    reasons = quarantine(tmp_path)
    assert set(reasons) == {"x.flac[20s:21s]", "x.flac[22s:]", "x.wav[1s:2s]", "x.wav[20s:21s]", "x.wav[22s:]"}
    for name, reason in reasons.items():  # libsndfile tells of a WAV before anything is decoded
        assert reason.startswith("undecodable: " if ".flac" in name else "truncated: the header states"), reason


@pytest.mark.parametrize(
    ("rows", "options", "expected"),
    [
        ("x.wav,one,2,a\n", {}, r"corpus\.start_s: .*line 2: start_s should be seconds such as 12\.5, got 'one'"),
        ('x.wav,0,1,a\nx.wav,1,"2,5",a\n', {}, r"corpus\.end_s: .*line 3: end_s should be seconds .*, got '2,5'"),
        ("x.wav,0,nan,a\n", {}, r"line 2: end_s should be seconds such as 12\.5, got 'nan'"),
        ("x.wav,0,inf,a\n", {}, r"line 2: end_s should be seconds such as 12\.5, got 'inf'"),
        ("x.wav,0,1,a\n", {"end_s": "stop"}, r"corpus\.end_s: .* has no column 'stop'"),
        ("x.wav,0,1,a\nx.wav,-0.0,1.0000,b\n", {}, r"names 'x.wav\[0s:1s\]' more than once.*keep one of these rows$"),
        (
            "x.wav,0,1,a\nx.wav,,0.9999999999,b\n",
            {},
            r"corpus\.path: .*meta\.csv names 'x.wav\[0s:1s\]' more than once",
        ),
        (
            "x.wav,0,1,a\nx.wav,1,2,b\n",
            {"start_s": None, "end_s": None},
            "names 'x.wav' more than once.*; start_s and end_s would tell segments apart$",
        ),
    ],
)
def test_a_bad_table_of_segments_is_one_line(tmp_path: Path, rows: str, options: dict[str, Any], expected: str) -> None:
    write_recording(tmp_path / "x.wav")
    with pytest.raises(InputError, match=expected) as caught:
        indexed(tmp_path, rows, **options)
    assert "\n" not in str(caught.value)


def test_segments_need_a_table() -> None:
    with pytest.raises(ValueError, match="start_s is a column of a table, and there is none; name it as table"):
        AudioCorpus(root=Path("x"), start_s="start_s")


def test_overlaps_and_duplicates_are_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    beat = RECORDING[:RATE_HZ]
    write_recording(tmp_path / "x.wav", np.concatenate([beat, beat, beat, RECORDING]))
    rows = "x.wav,0,1,a\nx.wav,1,2,a\nx.wav,2.5,4,b\nx.wav,3,3.5,b\nx.wav,0,1,a\nx.wav,9,10,\n"
    table(tmp_path, f"path,start_s,end_s,label\n{rows}")
    corpus = AudioCorpus(root=tmp_path, table=Path("meta.csv"), **COLUMNS)
    job = IndexJob(corpus=corpus, folder=tmp_path / "c-1234", fingerprint="")
    with caplog.at_level("INFO", "otogura"):
        index_job(job.model_dump_json(), Namespace(config_path="mine.yaml", workers=1))
    assert caplog.messages == [
        "c-1234: 5 recordings, 0 quarantined, 1 without a label, 2 overlap, 2 of the same sound as another, 1 repeated "
        "rows left out"
    ]


def test_overlaps_are_of_one_file_and_of_any_order() -> None:
    def count(*names: str) -> int:
        return overlapping(pa.chunked_array([pa.array(names)]))

    assert count("a", "b") == 0
    assert count("a[0s:1s]", "a[1s:2s]", "b[0.5s:1.5s]") == 0
    assert count("a[0s:9s]", "a[1s:2s]", "a[3s:4s]", "a[9s:]", "b[0s:1s]") == 3
    assert count("a", "a[5s:6s]", "b", "b[1s:][1/2]", "b[1s:][2/2]", "c[1s:2s][1/2]", "c[1s:2s][2/2]") == 4


def test_names_say_segments_and_come_apart_again() -> None:
    for path in ("a.wav", "a[1/2].wav", "a[1s:2s].wav", "new\nline.wav"):
        for start_s, end_s in ((0.0, None), (1.5, None), (0.0, 2.0), (35999.999999999, 36000.125), (-0.5, -0.25)):
            name = segment_name(path, start_s, end_s)
            assert split_segment(name) == (path, start_s, end_s)
            assert file_name(f"{name}[2/3]") == file_name(name) == path
    assert segment_name("a", 1e-10, 1e9) == "a[0s:1000000000s]"


def test_only_segments_that_are_new_are_decoded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_recording(tmp_path / "x.wav")
    before = indexed(tmp_path, "x.wav,0,1,a\nx.wav,1,2,a\n").clips
    opened: list[AudioFile] = []
    monkeypatch.setattr(scanning, "probe_all", lambda task: opened.extend(task.files) or probe_all(task))
    after = indexed(tmp_path, "x.wav,0,1,b\nx.wav,1,2,a\nx.wav,0.5,1.5,a\n").clips
    assert [str(file) for file in opened] == [f"{tmp_path}/x.wav[0.5s:1.5s]"]
    assert after["id"].to_pylist() == [*before["id"].to_pylist(), "x.wav[0.5s:1.5s]"]


def test_a_path_may_name_a_segment(tmp_path: Path) -> None:
    path = write_recording(tmp_path / "x.wav")
    assert recording_at(tmp_path / "x.wav[1.5s:3s]") == AudioFile(path, start_s=1.5, end_s=3.0)
