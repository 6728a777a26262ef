"""Audio files: listed by folders or by a table, with the mistakes that a table may hold, and their equal parts."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import RATE_HZ, write_corpus
from indices import index, table

from features.audio import content_hash, decode
from pipeline.build.decoder import Decoder
from pipeline.corpus.index import update_index
from pipeline.corpus.sources.audio import scan as scanning
from pipeline.corpus.sources.audio.probe import probe_all
from pipeline.corpus.sources.audio.recording import AudioFile
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.corpus.sources.base import PassedOver
from pipeline.corpus.sources.readers import recording_at
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner

HEADER = "path,label,fold\n"
ROWS = "".join(f"a/{n}.wav,{'xxyy'[n]},1\n" for n in range(4))
ROWS_OF_SIDES = HEADER + "a/0.wav,x,train\na/1.wav,x, Test \na/2.wav,y,dev\na/3.wav,y,TRAINING\n"


def test_a_table_gives_labels_groups_and_folds(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c", labels="a", clips=4)
    rows = [f"a/{n}.wav,{'xy'[n % 2]},g{n},{n + 1}" for n in range(4)]
    meta = table(root, "\n".join(["file,kind,source,part", *rows]))
    options = {"table": meta, "path": "file", "label": "kind", "group": "source", "fold": "part"}
    found = index(tmp_path / "i", root, **options).clips.sort_by("id")
    assert found["label"].to_pylist() == ["x", "y", "x", "y"]
    assert found["group"].to_pylist() == ["g0", "g1", "g2", "g3"]
    assert found["fold"].to_pylist() == [1, 2, 3, 4]


def test_a_table_gives_sides(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c", labels="a", clips=4)
    found = index(tmp_path / "i", root, table=table(root, ROWS_OF_SIDES), side="fold").clips.sort_by("id")
    assert found["side"].to_pylist() == ["train", "test", "validation", "train"]


def test_blanks_around_labels_and_groups_are_no_part_of_them(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c", labels="a", clips=4)
    meta = table(root, "path,label,group\na/0.wav,x,rec1\na/1.wav, x,rec1 \na/2.wav,y\t, rec2\na/3.wav,y,  \n")
    found = index(tmp_path / "i", root, table=meta, group="group").clips.sort_by("id")
    assert found["label"].to_pylist() == ["x", "x", "y", "y"]
    assert found["group"].to_pylist()[:3] == ["rec1", "rec1", "rec2"]
    assert found["group"][3] == found["content_hash"][3]  # none is given


@pytest.mark.parametrize("separator", [";", "\t", '";"'])
def test_a_table_may_have_semicolons_or_tabs(tmp_path: Path, separator: str) -> None:
    root = write_corpus(tmp_path / "c", labels="a", clips=4)
    quote = '"' * ('"' in separator)
    rows = [
        quote + separator.join(row) + quote for row in [("kind, so", "path"), *(("x,y", f"a/{n}.wav") for n in "0123")]
    ]
    options = {"table": table(root, "\n".join(rows)), "label": "kind, so"}
    listing = AudioSource(AudioCorpus(root=root, **options), "").listing().table
    assert listing["label"].to_pylist() == ["x,y"] * 4
    assert listing["id"].to_pylist() == [f"a/{n}.wav" for n in range(4)]


def test_endings_are_counted_in_bounded_memory() -> None:
    passed_over = PassedOver()
    for number in range(3000):
        passed_over.add(f"x.{number % 2500}")
    assert len(passed_over.counts) == 1001
    assert str(passed_over) == "2 .0, 2 .1, 2 .10, 2 .100, 2 .101, 2 .102, 2988 others"


def test_what_is_passed_over_is_counted_by_its_ending(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c", labels="ab", clips=2)
    for name in ("a/x.ape", "a/y.APE", "b/z.ape", "b/notes.txt", "LICENSE", "a/.hidden.ape"):
        (root / name).write_bytes(b"x")
    source = AudioSource(AudioCorpus(root=root), "")
    for _ in range(2):
        source.scan(tmp_path / "i", TaskRunner())
        assert str(source.passed_over) == "3 .ape, 1 .txt, 1 without an ending"
    named = AudioSource(AudioCorpus(root=root, table=table(root, "path,label\na/0.wav,x\na/x.ape,y\n")), "")
    found = named.scan(tmp_path / "j", TaskRunner()).to_pylist()
    assert not str(named.passed_over)
    assert found[1]["reason"].startswith("undecodable: files that end in .ape are not decoded; expected .aac, ")


@pytest.mark.parametrize(
    ("text", "options", "expected"),
    [
        (
            HEADER + ROWS,
            {"label": "genre"},
            r"corpus\.label: .*has no column 'genre'; it has path, label, fold; label: null",
        ),
        (HEADER + ROWS, {"fold": "folds"}, r"corpus\.fold: .*has no column 'folds'"),
        (HEADER + ROWS + "./a/0.wav,y,1\n", {}, "names 'a/0.wav' more than once"),
        (HEADER + ROWS + " ,x,1\n", {}, "line 6: column 'path' is empty"),
        (HEADER + ROWS + "b,x,tst\n", {"side": "fold"}, "line 2: fold should be one of train, .*, got '1'"),
        (ROWS_OF_SIDES.replace("dev", "de v"), {"side": "fold"}, "line 4: fold should be one of .*, got 'de v'"),
        (
            HEADER + ROWS.replace("3.wav,y,1", "3.wav,y,one"),
            {"fold": "fold"},
            "line 5: fold should be a number, got 'one'",
        ),
        (HEADER + ROWS.replace("3.wav,y,1", "3.wav,y,²"), {"fold": "fold"}, "line 5: fold should be a number"),
        (HEADER + ROWS.replace("3.wav,y,1", "3.wav,y,"), {"fold": "fold"}, "line 5: fold should be a number, got ''"),
        ("path,label,label\n" + ROWS, {}, "two columns 'label'"),
        ("file;label\na/0.wav;x\n", {}, "no column 'path'; it has file, label"),
        (
            "path;label\na/0.wav;x;y\n",
            {},
            "with semicolons and a header line: .*Expected 2 columns, got 3",
        ),
        (HEADER + ROWS + "/etc/x.wav,x,1\n", {}, "expected paths relative to the root"),
        (HEADER, {}, "expected rows, found none"),
        (HEADER + "a/9.wav,x,1\n", {"max_quarantine": 1.0}, "expected a good recording, found none; see .*quarantine"),
        (HEADER + "a,b\n", {}, "expected a CSV table in UTF-8"),
        ("", {}, "expected a CSV table in UTF-8"),
    ],
)
def test_a_bad_table_is_one_line(tmp_path: Path, text: str, options: dict[str, Any], expected: str) -> None:
    root = write_corpus(tmp_path / "c", labels="a")
    with pytest.raises(InputError, match=expected) as caught:
        index(tmp_path / "i", root, table=table(root, text), **options)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["path,lab\xe9l\n", "path,label\na/0.wav,\xe9\n"])
def test_a_table_in_another_encoding_is_one_line(tmp_path: Path, text: str) -> None:
    root = write_corpus(tmp_path / "c", labels="a")
    (root / "meta.csv").write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError, match="expected a CSV table in UTF-8"):
        index(tmp_path / "i", root, table=Path("meta.csv"))


def test_a_byte_order_mark_is_no_part_of_a_name(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c", labels="a")
    (root / "meta.csv").write_text(HEADER + ROWS, encoding="utf-8-sig")
    assert len(index(tmp_path / "i", root, table=Path("meta.csv")).clips) == 4


def test_links_are_followed_but_not_in_circles(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c", labels="ab", clips=2)
    outside = write_corpus(tmp_path / "elsewhere", labels="d", clips=2)
    (root / "a" / "loop").symlink_to(root)
    (root / "d").symlink_to(outside / "d")
    (root / "a" / "broken.wav").symlink_to(root / "nowhere.wav")
    (root / "b" / "self").symlink_to(root / "b" / "self")
    found = index(tmp_path / "i", root)
    assert sorted(found.clips["id"].to_pylist()) == [f"{label}/{n}.wav" for label in "abd" for n in range(2)]
    assert '"a/broken.wav","no such file"' in (tmp_path / "i" / "quarantine.csv").read_text()


def test_a_file_name_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    import os

    root = write_corpus(tmp_path / "c", labels="a")
    os.rename(root / "a" / "0.wav", os.fsencode(root / "a") + "/音.wav".encode("shift-jis"))
    with pytest.raises(InputError, match="expected file names in UTF-8"):
        index(tmp_path / "i", root)


def test_files_of_a_table_are_in_the_fingerprint_wherever_they_lie(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c", labels="a")
    (root / "a" / "0.wav").rename(tmp_path / "outside.wav")
    (root / "a" / "1.wav").rename(root / "a" / ".hidden.wav")
    rows = "../outside.wav,x\na/.hidden.wav,x\na/2.wav,x\n"
    source = AudioSource(AudioCorpus(root=root, table=table(root, "path,label\n" + rows)), "")
    seen = {source.fingerprint()}
    for path in (tmp_path / "outside.wav", root / "a" / ".hidden.wav", root / "a" / "2.wav"):
        path.touch()
        seen.add(source.fingerprint())
    assert len(seen) == 4
    (root / "a" / "3.wav").touch()
    assert source.fingerprint() in seen


def test_another_decoder_looks_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_corpus(tmp_path / "c")
    index(tmp_path / "i", root)
    schema = scanning.FILES.with_metadata({"probe": "0"})
    monkeypatch.setattr(scanning, "FILES", schema)
    opened = []
    monkeypatch.setattr(scanning, "probe_all", lambda task: opened.extend(task.files) or probe_all(task))
    index(tmp_path / "i", root)
    assert len(opened) == 12


def test_a_file_named_but_absent_is_quarantined(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c", labels="a")
    found = index(tmp_path / "i", root, table=table(root, HEADER + ROWS + "a/absent.wav,x,1\n"))
    assert found.quarantined == 1
    assert '"a/absent.wav","no such file"' in (tmp_path / "i" / "quarantine.csv").read_text()


@pytest.mark.parametrize("case", ["absent", "file", "empty", "no table"])
def test_a_bad_root_is_one_line(tmp_path: Path, case: str) -> None:
    root = write_corpus(tmp_path / "c", labels="a")
    options: dict[str, Any] = {}
    if case == "absent":
        root = tmp_path / "nowhere"
    elif case == "file":
        root = root / "a" / "0.wav"
    elif case == "empty":
        shutil.rmtree(root / "a")
        (root / "x.ape").write_bytes(b"x")
    else:
        options["table"] = Path("absent.csv")
    expected = {
        "absent": "does not exist",
        "file": "is a file",
        "empty": r"expected audio files .*, found none but 1 \.ape",
        "no table": "absent.csv' is neither here nor in",
    }[case]
    with pytest.raises(InputError, match=expected):
        index(tmp_path / "i", root, **options)


def test_the_fingerprint_changes_with_any_file(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c")
    source = AudioSource(AudioCorpus(root=root), "")
    seen = {source.fingerprint()}
    (root / "a" / "0.wav").touch()
    seen.add(source.fingerprint())
    (root / "a" / "0.wav").unlink()
    seen.add(source.fingerprint())
    assert len(seen) == 3
    (root / "notes.txt").write_text("x")
    assert source.fingerprint() in seen


def test_equal_parts_of_a_recording_are_clips_of_one_group(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "corpus", "ab", 3)
    source = AudioSource(AudioCorpus(root=root, segments=3), "corpus")
    clips = update_index(
        tmp_path / "index", source.scan(tmp_path / "index", TaskRunner()), max_quarantine=0, config_path=""
    ).clips
    ids, groups = clips["id"].to_pylist(), clips["group"].to_pylist()
    assert sorted(ids) == [f"{label}/{n}.wav[{k}/3]" for label in "ab" for n in range(3) for k in (1, 2, 3)]
    assert groups == [name.split("[")[0] for name in ids]
    whole, _ = decode(root / "a" / "1.wav")
    parts = {str(file): file for file in source.recordings(tmp_path / "index", clips)(range(len(clips)))}
    own = [parts[str(root / f"a/1.wav[{k}/3]")].decode()[0] for k in (1, 2, 3)]
    assert np.array_equal(np.concatenate(own), whole)
    hashes = dict(zip(ids, clips["content_hash"].to_pylist(), strict=True))
    assert hashes["a/1.wav[2/3]"] == content_hash(own[1], RATE_HZ).hex()
    assert recording_at(root / "a/1.wav[2/3]") == AudioFile(root / "a/1.wav", 1, 3)
    assert source.fingerprint() == AudioSource(AudioCorpus(root=root), "corpus").fingerprint()


def test_a_recording_is_decoded_once_for_all_its_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_corpus(tmp_path / "corpus", "ab", 3)
    opened: list[Path] = []
    real = soundfile.SoundFile
    monkeypatch.setattr(soundfile, "SoundFile", lambda path: opened.append(path) or real(path))
    source = AudioSource(AudioCorpus(root=root, segments=3), "corpus")
    clips = index(tmp_path / "index", root, segments=3).clips
    assert sorted(opened) == sorted(root.glob("*/*.wav"))
    opened.clear()
    decoder = Decoder()
    recordings = source.recordings(tmp_path / "index", clips)(range(len(clips)))
    decoded = [decoder.decode(recording) for recording in recordings]
    assert sorted(opened) == sorted(root.glob("*/*.wav"))
    for (samples, rate_hz), recording in zip(decoded, recordings, strict=True):
        expected, expected_hz = recording.decode()
        assert np.array_equal(samples, expected)
        assert rate_hz == expected_hz
