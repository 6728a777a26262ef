"""Sound in Parquet files: labels, sides and groups as the hub has them, row groups, and bad input."""

import builtins
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from corpora import tone
from encoded import encode
from parquets import in_memory, write_parquet
from pydantic import ValidationError

from features.audio import content_hash, decode
from pipeline.corpus.index import update_index
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.corpus.sources.base import SCAN_CACHE
from pipeline.corpus.sources.parquet import rows as rows_module
from pipeline.corpus.sources.parquet import scan as scan_module
from pipeline.corpus.sources.parquet.rows import RowReader, close_row_reader
from pipeline.corpus.sources.parquet.settings import ParquetCorpus
from pipeline.corpus.sources.parquet.sides import side_by_name, sides_by_name
from pipeline.corpus.sources.parquet.source import ParquetSource
from pipeline.corpus.sources.readers import recording_at
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner

RATE_HZ = 8000
WAVES = [tone(200 + 30 * number, 0.1, number, RATE_HZ) for number in range(10)]
SOUNDS = [in_memory(wave, RATE_HZ) for wave in WAVES]


def scan(root: Path, **settings: Any) -> pa.Table:
    source = ParquetSource(ParquetCorpus.model_validate({"root": root, **settings}), "corpus")
    return source.scan(root.parent / "index", TaskRunner())


def column(table: pa.Table, name: str) -> dict[str, Any]:
    return dict(zip(table["id"].to_pylist(), table[name].to_pylist(), strict=True))


def refusal(root: Path, **settings: Any) -> str:
    with pytest.raises(InputError) as caught:
        scan(root, **settings)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def test_numbers_have_the_names_of_the_schema(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x" / "a.parquet", SOUNDS[:4], ["cat", "dog"], label=[1, 0, -1, None])
    assert list(column(scan(tmp_path / "x"), "label").values()) == ["dog", "cat", None, None]


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ([3, 11, None], ["3", "11", None]),
        ([" cat", "", None], ["cat", None, None]),
        ([True, False, None], ["True", "False", None]),
        (pa.array(["b", "a", "b"]).dictionary_encode(), ["b", "a", "b"]),
        (pa.nulls(3), [None] * 3),
        ([["b", "a", "b"], [], None], ["a;b", None, None]),
        ([[2], [10, 9], None], ["2", "10;9", None]),
    ],
)
def test_labels_of_other_types(tmp_path: Path, label: Any, expected: list[str | None]) -> None:
    write_parquet(tmp_path / "x" / "a.parquet", SOUNDS[:3], label=label)
    assert list(column(scan(tmp_path / "x"), "label").values()) == expected


def test_lists_of_numbers_are_several_labels(tmp_path: Path) -> None:
    lists = [[1, 0, 1], [2], []]
    write_parquet(tmp_path / "x" / "a.parquet", SOUNDS[:3], ["rain", "dog", "bell"], label=lists)
    assert list(column(scan(tmp_path / "x"), "label").values()) == ["dog;rain", "bell", None]


def test_a_list_with_a_blank_or_a_separator_is_a_bad_recording(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x" / "a.parquet", SOUNDS[:4], label=[["a"], ["a", " "], ["a", None], ["a;b"]])
    assert list(column(scan(tmp_path / "x"), "reason").values()) == [
        "",
        "its list of labels has an empty one",
        "its list of labels has an empty one",
        "its list of labels has 'a;b'; expected none with a ';'",
    ]


def test_a_number_beyond_the_names_is_a_bad_recording(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x" / "a.parquet", SOUNDS[:3], ["cat", "dog"], label=[1, 2, -2])
    reasons = ["", "label 2 has no name; the schema names 0 to 1", "label -2 has no name; the schema names 0 to 1"]
    assert list(column(scan(tmp_path / "x"), "reason").values()) == reasons


def test_groups_folds_sides_and_no_labels_are_columns(tmp_path: Path) -> None:
    columns = {"who": [7, 7, None], "part": ["dev", "Train", "test"], "fold": [2, 1, 1]}
    write_parquet(tmp_path / "x" / "train.parquet", SOUNDS[:3], **columns)
    found = scan(tmp_path / "x", label=None, group="who", side="part")
    assert found.select(["label", "group", "fold", "side"]).to_pylist() == [
        {"label": None, "group": "7", "fold": None, "side": "validation"},
        {"label": None, "group": "7", "fold": None, "side": "train"},
        {"label": None, "group": None, "fold": None, "side": "test"},
    ]
    assert scan(tmp_path / "x", label=None, fold="fold")["fold"].to_pylist() == [2, 1, 1]
    with pytest.raises(ValidationError, match="say fold or side, not both"):
        ParquetCorpus(root=tmp_path, fold="fold", side="part")


@pytest.mark.parametrize(
    ("name", "side"),
    [
        ("train-00000-of-00004.parquet", "train"),
        ("data/validation-00001-of-00002.parquet", "validation"),
        ("en/dev.clean-00000.parquet", "validation"),
        ("default/test/0000.parquet", "test"),
        ("train/eval-0.parquet", "test"),
        ("training.parquet", "train"),
        ("restraint.parquet", None),
        ("train_test.parquet", None),
        ("0000.parquet", None),
    ],
)
def test_the_nearest_name_says_the_side(name: str, side: str | None) -> None:
    assert side_by_name(name) == side


def test_files_of_several_splits_are_sides(tmp_path: Path) -> None:
    for number, name in enumerate(("train-00000-of-00002", "train-00001-of-00002", "validation-0", "test-0")):
        write_parquet(tmp_path / "x" / f"{name}.parquet", SOUNDS[2 * number :][:2], label=["a", "b"])
    sides = column(scan(tmp_path / "x"), "side")
    assert sides["train-00001-of-00002.parquet#1"] == "train"
    assert (sides["validation-0.parquet#0"], sides["test-0.parquet#1"]) == ("validation", "test")
    assert set(column(scan(tmp_path / "x", sides_by_name=False), "side").values()) == {None}


def test_sides_follow_the_files_that_are_there(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x" / "train.parquet", SOUNDS[:2], label=["a", "b"])
    assert set(column(scan(tmp_path / "x"), "side").values()) == {None}  # nothing to test on: no sides
    write_parquet(tmp_path / "x" / "validation.parquet", SOUNDS[2:4], label=["a", "b"])
    assert list(column(scan(tmp_path / "x"), "side").values()) == ["train", "train", "test", "test"]
    write_parquet(tmp_path / "x" / "test.parquet", SOUNDS[4:5], label=["a"])
    assert set(column(scan(tmp_path / "x"), "side").values()) == {"train", "validation", "test"}


def test_names_that_say_no_side_beside_those_that_do_are_one_line(tmp_path: Path) -> None:
    assert sides_by_name(["other.parquet", "train.parquet"]) == {"other.parquet": None, "train.parquet": None}
    for name in ("train", "test", "unlabelled"):
        write_parquet(tmp_path / "x" / f"{name}.parquet", SOUNDS[:1], label=["a"])
    assert "unlabelled.parquet says none of this; rename it, or say sides_by_name: false" in refusal(tmp_path / "x")


def test_one_file_is_a_corpus(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "calls.parquet", SOUNDS[:2], label=["a", "b"])
    assert scan(path)["id"].to_pylist() == ["calls.parquet#0", "calls.parquet#1"]
    assert ParquetCorpus(root=path).title == "calls"


def test_bytes_alone_are_sound_as_well(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    pq.write_table(pa.table({"wav": pa.array(SOUNDS[:2], pa.large_binary())}), tmp_path / "x" / "a.parquet")
    assert scan(tmp_path / "x", audio="wav", label=None)["reason"].to_pylist() == ["", ""]
    recording = recording_at(tmp_path / "x" / "a.parquet#1")  # of the only column of bytes
    assert decode(_file(tmp_path, SOUNDS[1]))[0].tobytes() == recording.decode()[0].tobytes()


def _file(folder: Path, sound: bytes) -> Path:
    path = folder / "sound.wav"
    path.write_bytes(sound)
    return path


def test_rows_are_what_files_are(tmp_path: Path) -> None:
    """Whatever the format: content hash, length, silence and truncation."""
    sounds = {
        "a.wav": SOUNDS[0],
        "b.flac": in_memory(WAVES[1], RATE_HZ, "flac"),
        "c.ogg": in_memory(tone(300, 1, 2), 22050, "ogg"),
        "d.mp3": in_memory(tone(300, 1, 3), 22050, "mp3"),
        "e.wav": in_memory(np.stack([WAVES[4], WAVES[5]], axis=1), RATE_HZ, subtype="FLOAT"),
        "f.wav": in_memory(np.zeros(800, np.float32), RATE_HZ),
        "g.flac": in_memory(WAVES[6], RATE_HZ, "flac")[:700],
        "h.wav": SOUNDS[7][:-200],
        "i.wav": in_memory(np.full(800, np.nan, np.float32), RATE_HZ, subtype="FLOAT"),
        "j.wav": b"",
        "k.wav": b"no sound at all",
    }
    (tmp_path / "files").mkdir()
    for name, sound in sounds.items():
        (tmp_path / "files" / name).write_bytes(sound)
    write_parquet(tmp_path / "x" / "a.parquet", list(sounds.values()), paths=list(sounds))
    of_rows = scan(tmp_path / "x", label=None, silent="quarantine").to_pylist()
    corpus = AudioCorpus(root=tmp_path / "files", silent="quarantine")
    of_files = AudioSource(corpus, "corpus").scan(tmp_path / "files-index", TaskRunner()).to_pylist()
    by_row = {int(row["id"].split("#")[1]): row for row in of_rows}
    for number, expected in enumerate(of_files):
        for key in ("content_hash", "samples", "sample_rate_hz", "reason"):
            assert by_row[number][key] == expected[key], (expected["id"], key)


def test_bytes_of_another_format_than_the_path_says_are_decoded_by_what_they_are(tmp_path: Path) -> None:
    samples = np.round(WAVES[0] * 32767).astype(np.int16)
    sounds = [in_memory(samples, RATE_HZ, ending) for ending in ("flac", "wav")]
    write_parquet(tmp_path / "x" / "a.parquet", sounds, paths=["0.wav", "1.mp3"])
    hashes = scan(tmp_path / "x", label=None)["content_hash"].to_pylist()
    assert hashes[0] == hashes[1]


def test_bytes_that_only_ffmpeg_decodes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sound = encode(tmp_path / "x.m4a", tone(300, 1), 22050, "aac").read_bytes()
    write_parquet(tmp_path / "x" / "a.parquet", [SOUNDS[0], sound])
    write_parquet(tmp_path / "x" / "b.parquet", [SOUNDS[1]])
    clips = scan(tmp_path / "x", label=None)
    assert clips["reason"].to_pylist() == ["", "", ""]
    recordings = source_of(tmp_path / "x").recordings(tmp_path / "index", clips)(range(3))
    assert [recording.by_codecs for recording in recordings] == [False, True, False]
    samples, rate_hz = recordings[1].decode()
    assert content_hash(samples, rate_hz).hex() == clips["content_hash"][1].as_py()
    before = source_of(tmp_path / "x").fingerprint()
    monkeypatch.setattr(scan_module, "decoder_version", lambda: "0")  # looked at again: what another one decodes
    monkeypatch.setattr("pipeline.corpus.sources.parquet.source.decoder_version", lambda: "0")
    assert source_of(tmp_path / "x").fingerprint() != before
    opened = opened_files(monkeypatch, lambda: scan(tmp_path / "x", label=None))
    assert opened == {"a.parquet"}


def source_of(root: Path, **settings: Any) -> ParquetSource:
    return ParquetSource(ParquetCorpus.model_validate({"root": root, "label": None, **settings}), "corpus")


def opened_files(monkeypatch: pytest.MonkeyPatch, action: Any) -> set[str]:
    opened, real = [], builtins.open

    def watched(path: Any, *arguments: Any, **options: Any) -> Any:
        opened.append(Path(str(path)).name)
        return real(path, *arguments, **options)

    close_row_reader()
    with monkeypatch.context() as patched:
        patched.setattr(builtins, "open", watched)
        action()
    return {name for name in opened if name.endswith(".parquet") and name != SCAN_CACHE}


def test_parts_of_a_row_are_clips_of_one_group(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x" / "a.parquet", SOUNDS[:2], label=["a", "b"])
    table = scan(tmp_path / "x", segments=3)
    assert table["id"].to_pylist()[:3] == [f"a.parquet#0[{part}/3]" for part in (1, 2, 3)]
    assert table["group"].to_pylist() == ["a.parquet#0"] * 3 + ["a.parquet#1"] * 3
    parts = source_of(tmp_path / "x", segments=3).recordings(tmp_path / "index", table)(range(3))
    whole = recording_at(tmp_path / "x" / "a.parquet#0").decode()[0]
    np.testing.assert_array_equal(np.concatenate([part.decode()[0] for part in parts]), whole)
    named = recording_at(tmp_path / "x" / "a.parquet#0[2/3]")
    assert str(named) == str(tmp_path / "x" / "a.parquet#0[2/3]")
    assert named.decode()[0].tobytes() == parts[1].decode()[0].tobytes()


def test_rows_of_a_file_follow_each_other_in_the_index(tmp_path: Path) -> None:
    for name in "ab":
        sounds = [in_memory(WAVES[0] * level, RATE_HZ) for level in np.linspace(0.1, 1, 12) + (name == "b") / 100]
        write_parquet(tmp_path / "x" / f"{name}.parquet", sounds)
    clips = update_index(
        tmp_path / "index", scan(tmp_path / "x", label=None), max_quarantine=0, config_path="corpus"
    ).clips
    names = [name.split("#") for name in clips["id"].to_pylist()]
    assert [int(row) for _, row in names] == [*range(12), *range(12)]
    assert len({file for file, _ in names[:12]}) == 1


def test_a_row_group_is_read_once_for_rows_that_follow_each_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_parquet(tmp_path / "a.parquet", SOUNDS, row_group_size=4)
    monkeypatch.setattr(rows_module, "BATCH_ROWS", 2)
    reader, passes = RowReader(path, "audio"), []
    real = reader.file.iter_batches

    class Watched:
        def iter_batches(self, **options: Any) -> Any:
            passes.append(options["row_groups"])
            assert options["batch_size"] == 2
            return real(**options)

    file, reader.file = reader.file, Watched()
    assert [reader.sound(row) for row in range(10)] == SOUNDS
    assert passes == [[0], [1], [2]]
    assert [reader.sound(row) for row in (1, 3, 2, 9)] == [SOUNDS[row] for row in (1, 3, 2, 9)]
    assert passes[3:] == [[0], [2]]
    assert reader.sound(0) == SOUNDS[0]
    file.close()


def test_a_row_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    write_parquet(tmp_path / "a.parquet", SOUNDS[:2])
    with pytest.raises(ValueError, match="no row 2; it has 2, counted from 0"):
        recording_at(tmp_path / "a.parquet#2").decode()
    for name in ("b.parquet#1", "a.parquet#x"):
        with pytest.raises(InputError, match="no such file"):
            recording_at(tmp_path / name)
    (tmp_path / "c.parquet").write_bytes(b"PAR1 and no more")
    with pytest.raises(InputError, match=r"c\.parquet is truncated"):
        recording_at(tmp_path / "c.parquet#0")


def test_null_rows_are_bad_recordings(tmp_path: Path) -> None:
    path = tmp_path / "x" / "a.parquet"
    write_parquet(path, [None, None, SOUNDS[0], SOUNDS[1]], paths=["far/away.wav", None, None, "b.wav"])
    table = pq.read_table(path)
    rows = table["audio"].to_pylist()
    pq.write_table(pa.table({"audio": pa.array([*rows, None], table["audio"].type)}), path)
    assert list(column(scan(tmp_path / "x", label=None), "reason").values()) == [
        "no sound: the bytes are null, and 'far/away.wav' is a file elsewhere",
        "no sound: the bytes are null",
        "",
        "",
        "no sound: the row is null",
    ]


def test_a_file_without_sound_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "x").mkdir()
    path = tmp_path / "x" / "a.parquet"
    pq.write_table(pa.table({"text": ["x"], "label": ["a"]}), path)
    assert refusal(tmp_path / "x") == f"corpus.audio: {path}: has no column 'audio'; it has text, label"
    pq.write_table(pa.table({"audio": ["x.wav"], "label": ["a"]}), path)
    expected = "column 'audio' is string; expected audio files as binary or as struct<bytes, path>"
    assert refusal(tmp_path / "x") == f"corpus.audio: {path}: {expected}"
    pq.write_table(pa.table({"audio": [{"array": [0.5], "sampling_rate": 8000}], "label": ["a"]}), path)
    assert "column 'audio' is struct<array: list<" in refusal(tmp_path / "x")


def test_columns_that_are_not_as_configured_are_one_line(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x" / "a.parquet", SOUNDS[:2], label=[0.5, 1.5], part=["train", "later"], fold=["1", "x"])
    root = tmp_path / "x"
    assert "column 'label' is double; expected text or whole numbers, or lists of these" in refusal(root)
    hint = "has no column 'species'; it has audio, label, part, fold; label: null says that there are no labels"
    assert refusal(root, label="species").endswith(hint)
    assert "row 1: part should be one of train, training, valid" in refusal(root, label=None, side="part")
    assert refusal(root, label=None, fold="fold").endswith("row 1: fold should be a number, got 'x'")
    assert "column 'audio' is struct" in refusal(root, label=None, group="audio")


def test_files_that_are_no_parquet_are_one_line(tmp_path: Path) -> None:
    root = tmp_path / "x"
    path = write_parquet(root / "a.parquet", SOUNDS[:4], label=list("abab"))
    whole = path.read_bytes()
    for content, fault in {
        b"RIFF....": "is no Parquet file: it begins with b'RIFF'",
        b"": "is no Parquet file: it begins with b''",
        b"version https://git-lfs.github.com/spec/v1\n": "is a pointer of Git LFS and not the file",
        whole[: len(whole) // 2]: "is truncated: it does not end as a Parquet file does; fetch it again",
        whole[:100] + whole[-4:]: "cannot be read as Parquet: ",
    }.items():
        path.write_bytes(content)
        assert refusal(root).startswith(f"corpus.root: {path} {fault}")
    path.unlink()
    assert "expected files that end in .parquet, found none" in refusal(root)
    (root / "sound.wav").write_bytes(SOUNDS[0])
    assert refusal(root).endswith("found none but 1 .wav")
    assert "is another file; correct the path" in refusal(root / "sound.wav")
    write_parquet(root / "a.parquet", [], label=pa.array([], pa.string()))
    assert "no file holds a single row" in refusal(root)


def test_a_damaged_row_group_costs_its_rows_alone(tmp_path: Path) -> None:
    path = write_parquet(tmp_path / "x" / "a.parquet", SOUNDS[:8], row_group_size=4)
    start = pq.read_metadata(path).row_group(1).column(0).dictionary_page_offset
    content = bytearray(path.read_bytes())
    content[start : start + 64] = bytes(64)
    path.write_bytes(content)
    reasons = list(column(scan(tmp_path / "x", label=None), "reason").values())
    assert reasons[:4] == [""] * 4
    assert all(reason.startswith("damaged: its row group cannot be read: ") for reason in reasons[4:])
    assert not any("\n" in reason for reason in reasons)


@pytest.mark.parametrize(
    ("one", "other", "message"),
    [
        (
            {"classes": ["a", "b"], "label": [0, 1]},
            {"classes": ["b", "a"], "label": [0, 1]},
            "a.parquet (numbers of 2 classes, 'a' to 'b') and b.parquet (numbers of 2 classes, 'b' to 'a')",
        ),
        ({"label": [0, 1]}, {"label": ["x", "y"]}, "a.parquet (numbers) and b.parquet (text)"),
        ({"label": ["x", "y"]}, {"label": [["x"], ["y"]]}, "a.parquet (text) and b.parquet (lists of text)"),
    ],
)
def test_files_whose_labels_mean_something_else_are_one_line(
    tmp_path: Path, one: dict[str, Any], other: dict[str, Any], message: str
) -> None:
    write_parquet(tmp_path / "x" / "a.parquet", SOUNDS[:2], **one)
    write_parquet(tmp_path / "x" / "b.parquet", SOUNDS[2:4], **other)
    assert f"corpus.label: {tmp_path / 'x'}: expected the same labels in all files, got {message}" in refusal(
        tmp_path / "x"
    )


def test_files_of_other_columns_are_one_line(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x" / "a.parquet", SOUNDS[:2], label=["a", "b"])
    path = write_parquet(tmp_path / "x" / "b.parquet", SOUNDS[2:4], other=["a", "b"])
    assert refusal(tmp_path / "x").startswith(f"corpus.label: {path}: has no column 'label'; it has audio, other")


def test_files_without_a_single_label_go_with_any(tmp_path: Path) -> None:
    write_parquet(tmp_path / "x" / "train.parquet", SOUNDS[:2], ["a", "b"], label=[0, 1])
    write_parquet(tmp_path / "x" / "test.parquet", SOUNDS[2:4], label=pa.nulls(2))
    assert sorted(scan(tmp_path / "x")["label"].to_pylist(), key=str) == [None, None, "a", "b"]


def test_files_that_moved_on_are_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "x"
    for name in "ab":
        write_parquet(root / f"{name}.parquet", SOUNDS[:2], label=["a", "b"])
    assert opened_files(monkeypatch, lambda: scan(root)) == {"a.parquet", "b.parquet"}
    assert opened_files(monkeypatch, lambda: scan(root)) == set()
    os.utime(root / "b.parquet", ns=(1, 1))
    assert opened_files(monkeypatch, lambda: scan(root)) == {"b.parquet"}
    shutil.copy(root / "a.parquet", root / "c.parquet")
    assert opened_files(monkeypatch, lambda: scan(root)) == {"c.parquet"}
    (root / "a.parquet").unlink()
    assert scan(root)["id"].to_pylist() == ["b.parquet#0", "b.parquet#1", "c.parquet#0", "c.parquet#1"]
    assert opened_files(monkeypatch, lambda: scan(root, silent="quarantine")) == {"b.parquet", "c.parquet"}
