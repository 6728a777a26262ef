"""Order of arrival, groups and quarantine of an index, and the files that it opens again."""

import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import RATE_HZ, tone, tree, write_corpus
from indices import index, table

from features.audio import decode
from pipeline.__main__ import _index as index_job
from pipeline.commands import corpus as commands
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from pipeline.workflow.jobs import IndexJob


def test_labels_are_the_folders_and_the_order_is_scattered(tmp_path: Path) -> None:
    found = index(tmp_path / "i", write_corpus(tmp_path / "c")).clips
    assert sorted(found["label"].to_pylist()) == sorted("abc" * 4)
    assert found["label"].to_pylist() != sorted(found["label"].to_pylist())
    assert all(clip["id"].startswith(f"{clip['label']}/") for clip in found.to_pylist())
    assert found["group"].to_pylist() == found["content_hash"].to_pylist()


def test_the_index_is_a_function_of_the_files(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c")
    first, second = (index(tmp_path / name, root) for name in "ij")
    assert first.clips.equals(second.clips)
    assert (tmp_path / "i" / "clips.parquet").read_bytes() == (tmp_path / "j" / "clips.parquet").read_bytes()


def test_only_what_changed_is_opened_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_corpus(tmp_path / "c")
    before = index(tmp_path / "i", root).clips
    opened = []

    def watch(self: TaskRunner, function: Any, tasks: Any, count: int) -> Any:
        for task in tasks:
            opened.extend(file.path for file in task.files)
            yield function(task)

    monkeypatch.setattr(TaskRunner, "run", watch)
    (root / "a" / "0.wav").touch()
    files = tree(tmp_path / "i")
    assert index(tmp_path / "i", root).clips.equals(before)
    assert opened == [root / "a" / "0.wav"]
    assert {name for name, data in tree(tmp_path / "i").items() if data != files[name]} == {"seen.parquet"}


def test_new_clips_follow_the_old_ones(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c")
    before = index(tmp_path / "i", root).clips["id"].to_pylist()
    write_corpus(tmp_path / "c", clips=6)
    after = index(tmp_path / "i", root).clips["id"].to_pylist()
    assert after[: len(before)] == before
    assert len(after) == 18
    (root / before[3]).unlink()
    assert index(tmp_path / "i", root).clips["id"].to_pylist() == [name for name in after if name != before[3]]


def test_bad_recordings_are_quarantined_with_their_reasons(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c")
    (root / "a" / "empty.wav").write_bytes(b"")
    (root / "b" / "text.flac").write_text("x")
    found = index(tmp_path / "i", root)
    assert (len(found.clips), found.quarantined) == (12, 2)
    lines = (tmp_path / "i" / "quarantine.csv").read_text().splitlines()
    assert lines[0] == '"id","reason"'
    assert lines[1] == '"a/empty.wav","empty file"'
    assert lines[2].startswith('"b/text.flac","undecodable')


def test_too_many_bad_recordings_stop_the_run(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c")
    (root / "a" / "empty.wav").write_bytes(b"")
    with pytest.raises(InputError, match=r"max_quarantine.*1 of 13.*a/empty.wav \(empty file\)"):
        index(tmp_path / "i", root, max_quarantine=0.05)


def test_a_duplicate_joins_the_groups_that_hold_it(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c", labels="ab", clips=3)
    sound = (tone(900, 0.5) * 32767).astype("int16")
    soundfile.write(root / "a" / "twin.wav", sound, RATE_HZ)
    soundfile.write(root / "b" / "twin.flac", sound, RATE_HZ)
    lines = ["path,label,group"]
    lines += [f"{label}/{n}.wav,{label},{label}{n}" for label in "ab" for n in range(3)]
    lines += ["a/twin.wav,a,a0", "b/twin.flac,b,b2"]
    meta = table(root, "\n".join(lines))
    found = index(tmp_path / "i", root, table=meta, group="group").clips
    groups = dict(zip(found["id"].to_pylist(), found["group"].to_pylist(), strict=True))
    assert groups["a/twin.wav"] == groups["b/twin.flac"] == groups["a/0.wav"] == groups["b/2.wav"] == "a0"
    assert len(set(groups.values())) == 5


def test_recordings_without_a_label_have_features_all_the_same(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c", labels="a", clips=2)
    soundfile.write(root / "alone.wav", tone(900, 0.5), RATE_HZ)
    found = index(tmp_path / "i", root).clips.sort_by("id")
    assert found["label"].to_pylist() == ["a", "a", None]
    meta = table(root, "path,label\na/0.wav,x\na/1.wav, \n")
    assert index(tmp_path / "j", root, table=meta).clips.sort_by("id")["label"].to_pylist() == ["x", None]
    meta = table(root, "path\na/0.wav\na/1.wav\n")
    assert index(tmp_path / "k", root, table=meta, label=None).clips["label"].to_pylist() == [None, None]


def test_a_new_recording_with_the_sound_of_a_known_one_renames_no_group(tmp_path: Path) -> None:
    """Its own group may be earlier in the alphabet; the side of the known group goes by its name elsewhere."""
    root = write_corpus(tmp_path / "c", labels="a", clips=3)
    meta = table(root, "path,label,group\na/1.wav,x,m\na/2.wav,x,n\n")
    before = index(tmp_path / "i", root, table=meta, group="group").clips
    assert before.sort_by("id")["group"].to_pylist() == ["m", "n"]
    shutil.copy(root / "a" / "1.wav", root / "a" / "0.wav")
    meta = table(root, "path,label,group\na/0.wav,x,a\na/1.wav,x,m\na/2.wav,x,n\n")
    assert index(tmp_path / "i", root, table=meta, group="group").clips.sort_by("id")["group"].to_pylist() == [
        *("m", "m", "n")
    ]


def test_what_is_passed_over_is_said(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    root = write_corpus(tmp_path / "c", labels="ab", clips=2)
    (root / "a" / "x.ape").write_bytes(b"x")
    commands.index(root)
    assert f"{root}: passed over 1 .ape\n4 recordings, 0 bad\n" in capsys.readouterr().out
    job = IndexJob(corpus=AudioCorpus(root=root), folder=tmp_path / "c-1234", fingerprint="")
    with caplog.at_level("INFO", "otogura"):
        index_job(job.model_dump_json(), Namespace(config_path="mine.yaml", workers=1))
    assert caplog.messages[0] == "c-1234: passed over 1 .ape"


def test_recordings_that_share_a_part_are_one_group(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "corpus", "ab", 3)
    sound, _ = decode(root / "a" / "0.wav")
    half = sound[len(sound) // 2 :]
    soundfile.write(root / "a" / "9.wav", np.concatenate([half, half[::-1]]), RATE_HZ)
    found = index(tmp_path / "index", root, segments=2).clips.to_pylist()
    groups = {clip["id"]: clip["group"] for clip in found}
    assert groups["a/9.wav[2/2]"] == groups["a/0.wav[1/2]"] != groups["a/1.wav[1/2]"]
