"""ESC-50 in its own layout: the subset, the folds, and what may be wrong with the table."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import tone
from stores_of import indexed

from pipeline.corpus.sides import by_fold
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.corpus.sources.esc50.settings import Esc50Corpus
from pipeline.corpus.split import Split
from pipeline.demos import environment
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner

HEADER = "filename,fold,target,category,esc10,src_file,take"
RATE_HZ = 8000


def written(root: Path, lines: list[str] | None = None) -> Path:
    """Five folds of three classes, two of which are of ESC-10, with two takes of each source."""
    (root / "audio").mkdir(parents=True)
    (root / "meta").mkdir()
    rows = []
    for fold in range(1, 6):
        for target, category in ((0, "dog"), (10, "rain"), (1, "rooster")):
            for take in "AB":
                source = 100 * fold + target
                name = f"{fold}-{source}-{take}-{target}.wav"
                soundfile.write(root / "audio" / name, tone(200 + 10 * source, 0.2, ord(take), RATE_HZ), RATE_HZ)
                rows.append(f"{name},{fold},{target},{category},{target != 1},{source},{take}")
    (root / "meta" / "esc50.csv").write_text("\n".join([HEADER, *(rows if lines is None else lines)]) + "\n")
    return root


def source(root: Path, **options: Any) -> AudioSource:
    return AudioSource(Esc50Corpus(root=root, **options).stored(), "mine.yaml: experiments.x.corpus")


def refused(root: Path, **options: Any) -> str:
    with pytest.raises(InputError) as caught:
        source(root, **options).scan(root.parent / "index", TaskRunner())
    assert not (root.parent / "index").exists()
    return str(caught.value)


def test_the_layout_as_it_is_unpacked(tmp_path: Path) -> None:
    clips = indexed(source(written(tmp_path / "ESC-50")), tmp_path / "index")
    assert len(clips) == 30
    assert sorted(set(clips["label"].to_pylist())) == ["dog", "rain", "rooster"]
    for row in clips.to_pylist():
        fold, src_file, *_ = row["id"].split("-")
        assert (row["fold"], row["group"]) == (int(fold), src_file)


def test_the_ten_classes_alone(tmp_path: Path) -> None:
    clips = indexed(source(written(tmp_path / "ESC-50"), subset="esc10"), tmp_path / "index")
    assert sorted(set(clips["label"].to_pylist())) == ["dog", "rain"]
    assert len(clips) == 20


def test_files_that_the_table_does_not_name_are_no_part_of_it(tmp_path: Path) -> None:
    root = written(tmp_path / "ESC-50")
    before = source(root).fingerprint()
    (root / "audio" / "9-9-A-9.wav").write_bytes((root / "audio" / "1-100-A-0.wav").read_bytes())
    assert len(indexed(source(root), tmp_path / "index")) == 30
    assert source(root).fingerprint() == before


def test_a_file_that_is_named_but_absent_is_quarantined(tmp_path: Path) -> None:
    root = written(tmp_path / "ESC-50")
    (root / "audio" / "3-300-B-0.wav").unlink()
    assert len(indexed(source(root), tmp_path / "index")) == 29
    assert '"3-300-B-0.wav","no such file"' in (tmp_path / "index" / "quarantine.csv").read_text()


def test_a_fold_that_no_clip_has(tmp_path: Path) -> None:
    clips = indexed(source(written(tmp_path / "ESC-50")), tmp_path / "index")
    with pytest.raises(InputError, match="fold 6 does not exist; there are 1, 2, 3, 4, 5"):
        by_fold(clips, 6, Split())


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("1-1-A-0.wav,,0,dog,True,1,A", "line 2: fold should be a number, got ''"),
        ("1-1-A-0.wav,one,0,dog,True,1,A", "line 2: fold should be a number, got 'one'"),
        (",1,0,dog,True,1,A", "line 2: column 'filename' is empty"),
        ("../x.wav,1,0,dog,True,1,A\n../x.wav,1,0,cat,True,1,A", "names '../x.wav' more than once"),
        ("1-1-A-0.wav,1,0,dog", "expected a CSV table in UTF-8 with commas and a header line"),
    ],
)
def test_mistakes_in_the_table(tmp_path: Path, line: str, said: str) -> None:
    assert said in refused(written(tmp_path / "ESC-50", [line]))


def test_an_empty_table(tmp_path: Path) -> None:
    assert "esc50.csv: expected rows, found none" in refused(written(tmp_path / "ESC-50", []))


def test_a_table_without_the_ten_classes(tmp_path: Path) -> None:
    root = written(tmp_path / "ESC-50", ["1-1-A-0.wav,1,0,dog,False,1,A"])
    assert "corpus.only: " in refused(root, subset="esc10")
    assert refused(root, subset="esc10").endswith("has no row left whose esc10 is 'True'")
    (root / "meta" / "esc50.csv").write_text("filename,fold,category,src_file\n1-1-A-0.wav,1,dog,1\n")
    assert "no column 'esc10'" in refused(root, subset="esc10")


def test_a_root_without_its_table(tmp_path: Path) -> None:
    root = written(tmp_path / "ESC-50")
    (root / "meta" / "esc50.csv").unlink()
    assert "corpus.table: " in refused(root)


def test_the_demo_has_this_layout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(environment, "FOLDS", 3)
    monkeypatch.setattr(environment, "SOURCES", 1)
    monkeypatch.setattr(environment, "SECONDS", 0.5)
    environment.write(tmp_path / "demo", tmp_path / "demo.json")
    corpus = Esc50Corpus(**environment.corpus(tmp_path / "demo"))
    clips = indexed(AudioSource(corpus.stored(), ""), tmp_path / "index")
    assert len(clips) == 3 * 10 * 2
    assert len(set(clips["content_hash"].to_pylist())) == len(clips)
    folds, groups = (np.array(clips[name].to_pylist()) for name in ("fold", "group"))
    assert all(len(set(folds[groups == group])) == 1 for group in groups)
    before = {path: path.read_bytes() for path in (tmp_path / "demo").rglob("*.*")}
    environment.write(tmp_path / "demo", tmp_path / "demo.json")
    assert {path: path.read_bytes() for path in (tmp_path / "demo").rglob("*.*")} == before
