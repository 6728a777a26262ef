"""`otogura check` for corpora: sound ones keep the contract, and broken ones are told what they break."""

import sys
from pathlib import Path

import pytest
from corpora import write_corpus

from pipeline.commands.main import main

MINE = """
from pathlib import Path

class Mine:
    def __init__(self, root: str):
        self.root = root
    def recordings(self):
        for path in sorted(Path(self.root).rglob("*.wav")):
            yield {"path": path.relative_to(self.root).as_posix(), "label": path.parent.name}

class Restless(Mine):
    calls = 0
    def recordings(self):
        Restless.calls += 1
        found = list(super().recordings())
        return found if Restless.calls % 2 else found[::-1]

class Shrinks(Restless):
    def recordings(self):
        Shrinks.calls += 1
        return list(Mine.recordings(self))[Shrinks.calls :]

class Twice(Mine):
    def recordings(self):
        yield from super().recordings()
        yield {"path": "a/../a/0.wav", "label": "a"}

class Speaker(Mine):
    def recordings(self):
        return [one | {"speaker": "s"} for one in super().recordings()]

class Outside(Mine):
    def recordings(self):
        return [*super().recordings(), {"path": "../data/a/0.wav"}]

class Missing(Mine):
    def recordings(self):
        return [*super().recordings(), {"path": "a/9.wav"}]

class Linked(Mine):
    def recordings(self):
        return [*super().recordings(), {"path": "linked.mp3", "label": "a"}]

class Text(Mine):
    def recordings(self):
        return [{"path": "notes.txt", "label": "a"}, *super().recordings()]

class Leaks(Mine):
    def recordings(self):
        for number, one in enumerate(super().recordings()):
            yield one | {"side": ("train", "test")[number % 2], "group": "one speaker"}

class SomeFolds(Mine):
    has_folds = True
    def recordings(self):
        return [one | {"fold": 1 if one["label"] == "a" else None} for one in super().recordings()]

class Folded(Mine):
    def recordings(self):
        return [one | {"fold": number} for number, one in enumerate(super().recordings())]

class Padded(Mine):
    def recordings(self):
        return [one | {"label": one["label"] + " "} for one in super().recordings()]

class Empty(Mine):
    def recordings(self): return []

class Raises(Mine):
    def recordings(self): raise KeyError("of its own")
"""


@pytest.fixture(autouse=True)
def _folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("mine.py").write_text(MINE)
    write_corpus(tmp_path / "data", "ab", 5, seconds=0.1)
    (tmp_path / "data" / "notes.txt").write_text("no sound")
    (tmp_path / "elsewhere.mp3").touch()
    (tmp_path / "data" / "linked.mp3").symlink_to(tmp_path / "elsewhere.mp3")


def checked(monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    monkeypatch.setattr(sys, "argv", ["otogura", "check", *words])
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


def test_a_corpus_that_keeps_the_contract(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    assert checked(monkeypatch, "mine.py:Mine", "root=data") == 0
    *lines, time = capsys.readouterr().out.splitlines()
    assert lines == [
        "ok      lists recordings: 10 recordings of 2 labels",
        "ok      known keys, and paths below root",
        "ok      each file once",
        f"ok      each file is there, below root: {Path('data').absolute()}",
        "ok      the same recordings again, in the same order",
        "ok      labels, groups, folds and sides fit together",
        "ok      the first files are decoded: 8 of them",
        "ok      settings travel to jobs",
    ]
    assert time.startswith("ok      time per recording: ")


@pytest.mark.parametrize(
    ("name", "broken"),
    [
        ("Restless", "the same recordings again, in the same order: recording 0: expected {'path': 'a/0.wav', 'label'"),
        ("Shrinks", "the same recordings again, in the same order: recording 0: expected {'path': 'a/1.wav', 'label'"),
        ("Twice", "each file once: expected each file once, got a/0.wav as recordings 0 and 10"),
        ("Speaker", "known keys, and paths below root: recording 0: unknown key 'speaker'; known are path, label, "),
        ("Outside", "known keys, and paths below root: recording 10: path: expected one below root, relative to it"),
        ("Missing", "each file is there, below root: expected a file, got none at a/9.wav"),
        ("Linked", "each file is there, below root: expected files below root, got linked.mp3, a link to /"),
        ("Text", "the first files are decoded: notes.txt: "),
        ("Leaks", "labels, groups, folds and sides fit together: expected one side for each group, got train and test"),
        ("SomeFolds", "labels, groups, folds and sides fit together: expected a fold for all recordings or for none, "),
        ("Folded", "labels, groups, folds and sides fit together: expected has_folds = True in the class where "),
        (
            "Padded",
            "labels, groups, folds and sides fit together: expected labels without spaces around them, got 'a '",
        ),
        ("Empty", "lists recordings: expected at least one recording, got none"),
        ("Raises", "lists recordings: check: mine.py:Raises: recordings: KeyError: 'of its own'"),
    ],
)
def test_what_is_broken_is_told_by_one_check(
    name: str, broken: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(monkeypatch, f"mine.py:{name}", "root=data") == 1
    told = [line for line in capsys.readouterr().out.splitlines() if not line.startswith("ok      ")]
    assert len(told) == 1, told
    assert told[0].startswith(f"BROKEN  {broken}")


def test_built_in_sources_of_audio_files_are_checked(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    Path("data/linked.mp3").unlink()
    assert checked(monkeypatch, "audio", "root=data") == 0
    assert "lists recordings: 10 recordings of 2 labels" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "line"),
    [
        (["mine.py:Mine"], "check: root: expected a value, got none; add this key"),
        (["mine.py:Mine", "rot=data"], "check: rot: unknown key; did you mean 'root'?"),
        (["json", "root=data"], "check: json: expected a corpus of audio files; `otogura index` reads all that is in"),
        (["tags", "root=data", "table=t.csv"], "check: tags: expected a corpus of audio files; "),
    ],
)
def test_mistakes_are_one_line(
    words: list[str], line: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert checked(monkeypatch, *words) == 1
    said = capsys.readouterr().err
    assert said.startswith(f"otogura: {line}")
    assert said.count("\n") == 1
