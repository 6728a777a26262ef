"""Changes of a corpus between two indices: counted by kind, told before anything is built, and what they cost."""

from argparse import Namespace
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import soundfile
from corpora import RATE_HZ, tone, write_corpus
from indices import table

from features.tensors.log_mel import LogMelRecipe
from pipeline.__main__ import _index as index_job
from pipeline.build.store import Built, build_store
from pipeline.corpus.changes import KINDS, changes
from pipeline.corpus.index import read_index
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.support.executors import TaskRunner
from pipeline.workflow.jobs import IndexJob

HEADER = "path,label,group,fold\n"
ROWS = [f"a/{number}.wav,{'xy'[number % 2]},g{number},{number % 3}" for number in range(6)]


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "c", "a", 8)


def told(root: Path, rows: list[str], caplog: pytest.LogCaptureFixture) -> list[str]:
    """Index the rows of a table, and return the messages."""
    table(root, HEADER + "\n".join(rows))
    job = IndexJob(corpus=corpus(root), folder=root.parent / "index", fingerprint="")
    caplog.clear()
    with caplog.at_level("INFO", "otogura"):
        index_job(job.model_dump_json(), Namespace(config_path="mine.yaml", workers=1))
    return caplog.messages


def corpus(root: Path) -> AudioCorpus:
    return AudioCorpus(root=root, table=Path("meta.csv"), group="group", fold="fold")


def build(root: Path) -> Built:
    source, clips = AudioSource(corpus(root), ""), read_index(root.parent / "index")
    options: dict[str, Any] = {"name": "x", "clips_per_shard": 2, "engine": TaskRunner()}
    recipe = LogMelRecipe(frames=20)
    return build_store(root.parent / "stores" / "x", clips, source.recordings(Path(), clips), recipe, **options)


def test_each_kind_is_counted() -> None:
    before = [
        ("stays", "x", "g", 1, "train", "00"),
        ("goes", "x", "g", 1, "train", "01"),
        ("other label", "x", "g", 1, "train", "02"),
        ("first label", None, "g", 1, "train", "03"),
        ("other group", "x", "g", 1, "train", "04"),
        ("other fold", "x", "g", 1, "train", "05"),
        ("other side", "x", "g", 1, None, "06"),
        ("other sound", "x", "07", None, None, "07"),
        ("nothing known", None, "08", None, None, "08"),
    ]
    after = [
        ("comes", "x", "g", 1, "train", "09"),
        ("other sound", "x", "10", None, None, "10"),
        ("other side", "x", "g", 1, "test", "06"),
        ("other fold", "x", "g", None, "train", "05"),
        ("other group", "x", "h", 1, "train", "04"),
        ("first label", "x", "g", 1, "train", "03"),
        ("other label", "y", "g", 1, "train", "02"),
        ("stays", "x", "g", 1, "train", "00"),
        ("nothing known", None, "08", None, None, "08"),
    ]
    names = ["id", "label", "group", "fold", "side", "content_hash"]
    old, new = (
        pa.table(dict(zip(names, map(list, zip(*rows, strict=True)), strict=True))).select(["id", *KINDS])
        for rows in (before, after)
    )
    assert changes(old.column, new) == {
        "added": 1,
        "removed": 1,
        "with other sound": 1,
        "relabelled": 2,
        "in another group": 1,
        "in another fold": 1,
        "on another side": 1,
    }
    assert changes(old.column, old) == {}


def test_a_table_that_changed_says_what_has_changed(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert told(root, ROWS, caplog) == ["index: 6 recordings, 0 quarantined"]
    assert told(root, ROWS, caplog) == ["index: 6 recordings, 0 quarantined"]
    soundfile.write(root / "a" / "3.wav", tone(900, 0.4), RATE_HZ)
    moved = ["a/1.wav,z,g1,1", "a/2.wav,z,g4,2", "a/5.wav,y,g5,0", "a/6.wav,x,g6,1", "a/7.wav,x,g7,1"]
    assert told(root, [ROWS[3], ROWS[4], *moved], caplog)[1:] == [
        "index: since the last index: 2 added, 1 removed, 1 with other sound, 2 relabelled, 1 in another group, "
        "1 in another fold"
    ]


def test_clips_that_are_relabelled_move_no_tensor(root: Path, caplog: pytest.LogCaptureFixture) -> None:
    def shards(built: Built) -> dict[str, int]:
        files = (path for path in built.path.rglob("c.*"))
        return {str(path.relative_to(built.path)): path.stat().st_ino for path in files}

    told(root, ROWS, caplog)
    before = build(root)
    told(root, [row.replace(",x,", ",z,").replace(",g4,", ",h,") for row in ROWS], caplog)
    after = build(root)
    assert after.path != before.path
    assert (after.computed, after.copied, after.reused) == (0, 0, before.computed)
    assert shards(after) == shards(before) != {}  # the same files on disk
