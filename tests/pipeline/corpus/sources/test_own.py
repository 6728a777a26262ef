"""Corpora of users' own: their settings, what their class lists, and what is refused."""

from pathlib import Path
from typing import Any

import pytest
from corpora import write_corpus
from pydantic import TypeAdapter

from pipeline.config.corpora import Corpus
from pipeline.config.schema import parse
from pipeline.corpus.sources import AnyCorpus
from pipeline.corpus.sources.own import OwnCorpus
from pipeline.corpus.sources.readers import source_of
from pipeline.support.errors import InputError

FILE = """
from pathlib import Path

class Mine:
    def __init__(self, root: str, few: bool = False):
        self.root, self.few = root, few
    def recordings(self):
        for path in sorted(Path(self.root).rglob("*.wav"))[: 2 if self.few else None]:
            yield {"path": path.relative_to(self.root).as_posix(), "label": path.parent.name}

class Sided(Mine):
    def recordings(self):
        for number, one in enumerate(super().recordings()):
            yield one | {"side": ("train", "validation", "test")[number % 3], "group": f"g{number % 3}"}

class Folded(Mine):
    has_folds = True
    def recordings(self):
        for number, one in enumerate(super().recordings()):
            yield one | {"fold": number % 2}

class Cut(Mine):
    def recordings(self):
        one, *_ = super().recordings()
        for start in (0, 0.05):
            yield one | {"start_s": start, "end_s": start + 0.05}
        yield one | {"start_s": 0.08}

class Wrong(Mine):
    def __init__(self, root: str, how: str):
        super().__init__(root)
        self.how = how
    def recordings(self):
        one, two, *_ = super().recordings()
        if self.how == "raises":
            raise KeyError("of its own")
        yield one
        match self.how:
            case "twice": yield {"path": f"./{one['path']}"}
            case "tuple": yield (two["path"], "b")
            case "key": yield two | {"speaker": "s"}
            case "number": yield two | {"label": 3}
            case "blank label": yield two | {"label": ["b", " "]}
            case "repeated label": yield two | {"label": ["b", "a", "b"]}
            case "label of no text": yield two | {"label": ["b", 3]}
            case "outside": yield {"path": "../x.wav"}
            case "absolute": yield {"path": "/x.wav"}
            case "side": yield two | {"side": "left"}
            case "some sides": yield two | {"side": "train"}
            case "folds": yield two | {"fold": 1}
            case "no seconds": yield two | {"start_s": float("nan")}
            case "seconds as text": yield two | {"end_s": "1.5"}

class Several(Mine):
    def recordings(self):
        for labels, one in zip((["b", "a"], [], ["b"], "a;b"), super().recordings()):
            yield one | {"label": labels}

class Empty(Mine):
    def recordings(self): return []

class NoRoot(Mine):
    def __init__(self, root: str): ...

class Raises(Mine):
    def __init__(self, root: str):
        raise KeyError("of its own")

class NoMethod: ...
"""


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("mine.py").write_text(FILE)
    write_corpus(tmp_path / "data", "ab", 2, seconds=0.1)


def corpus(name: str = "Mine", **settings: Any) -> OwnCorpus:
    made = TypeAdapter(Corpus).validate_python({"class": f"mine.py:{name}", "root": "data"} | settings)
    assert isinstance(made, OwnCorpus)
    return made


def listed(settings: OwnCorpus) -> list[dict[str, Any]]:
    listing: list[dict[str, Any]] = source_of(settings, "c").listing().table.to_pylist()  # type: ignore[attr-defined]
    return listing


def test_its_settings_outlive_json() -> None:
    settings = corpus(few=True, segments=2)
    assert (settings.title, settings.segments, settings.has_folds) == ("data", 2, False)
    assert TypeAdapter(AnyCorpus).validate_json(settings.model_dump_json()) == settings
    assert settings != corpus()


def test_it_lists_what_its_class_yields() -> None:
    assert [(row["id"], row["label"], row["side"]) for row in listed(corpus())] == [
        ("a/0.wav", "a", None),
        ("a/1.wav", "a", None),
        ("b/0.wav", "b", None),
        ("b/1.wav", "b", None),
    ]
    assert [row["side"] for row in listed(corpus("Sided"))] == ["train", "validation", "test", "train"]
    assert [row["fold"] for row in listed(corpus("Folded"))] == [0, 1, 0, 1]
    assert corpus("Folded").has_folds
    parts = listed(corpus(segments=2, few=True))
    assert [(row["id"], row["group"]) for row in parts][:2] == [
        ("a/0.wav[1/2]", "a/0.wav"),
        ("a/0.wav[2/2]", "a/0.wav"),
    ]


def test_it_lists_segments() -> None:
    assert [(row["id"], row["group"]) for row in listed(corpus("Cut"))] == [
        ("a/0.wav[0.05s:0.1s]", "a/0.wav"),
        ("a/0.wav[0.08s:]", "a/0.wav"),
        ("a/0.wav[0s:0.05s]", "a/0.wav"),
    ]


def test_a_list_of_labels_is_text_in_the_listing() -> None:
    assert [row["label"] for row in listed(corpus("Several"))] == ["a;b", None, "b", "a;b"]


def test_its_fingerprint_is_of_the_listing_and_the_files() -> None:
    before = source_of(corpus(), "c").fingerprint()
    assert source_of(corpus(), "c").fingerprint() == before
    assert source_of(corpus(few=True), "c").fingerprint() != before
    Path("data/a/0.wav").write_bytes(b"other")
    assert source_of(corpus(), "c").fingerprint() != before


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"rot": "data"}, "rot: unknown key; did you mean 'root'?"),
        (
            {"few": "perhaps"},
            "few: input should be a valid boolean, unable to interpret input, got 'perhaps'",
        ),
        ({"segments": 0}, "segments: input should be greater than 0, got 0; see docs/configuration.md"),
        ({"class": "mine.py:NoMethod"}, "class: mine.py:NoMethod: expected the method recordings, found none"),
        (
            {"class": "mine.py:NoRoot"},
            "class: mine.py:NoRoot: expected the attribute root, the folder of the recordings",
        ),
        ({"class": "mine.py:Raises"}, "class: mine.py:Raises: KeyError: 'of its own'"),
        ({"version": "0"}, "class: version: expected 0, got "),
        ({"class": "none.py:Mine"}, "class: none.py: no such file; its path is relative to where the command runs"),
    ],
)
def test_mistakes_are_one_line(section: dict[str, Any], message: str) -> None:
    whole = {"class": "mine.py:Mine", "root": "data"} | section
    with pytest.raises(InputError) as told:
        parse({"experiments": {"x": {"corpus": whole}}}, "c.yaml")
    assert str(told.value).startswith(f"c.yaml: experiments.x.corpus.{message}")


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("raises", "KeyError: 'of its own'"),
        ("twice", "recording 1: names a/0.wav again; expected each file or segment once"),
        ("tuple", "recording 1: expected a dict with the key path, got ('a/1.wav', 'b')"),
        ("key", "recording 1: unknown key 'speaker'; known are path, label, group, fold, side, start_s, end_s"),
        ("number", "recording 1: label: expected str, got 3"),
        ("blank label", "recording 1: label: expected a name for each label, got a blank one"),
        ("repeated label", "recording 1: label: expected each label once, got 'b' twice"),
        ("label of no text", "recording 1: label: expected str, got 3"),
        ("outside", "recording 1: path: expected one below root, relative to it, got '../x.wav'"),
        ("absolute", "recording 1: path: expected one below root, relative to it, got '/x.wav'"),
        ("side", "recording 1: side: expected one of train, validation, test, got 'left'"),
        ("some sides", "expected a side for all recordings or for none, got some without"),
        ("no seconds", "recording 1: start_s: expected seconds, got nan"),
        ("seconds as text", "recording 1: end_s: expected float, got '1.5'"),
        ("folds", "expected a fold for all recordings or for none, got some without"),
    ],
)
def test_what_is_no_listing_is_told(how: str, message: str) -> None:
    with pytest.raises(InputError) as told:
        listed(corpus("Wrong", how=how))
    assert str(told.value) == f"c: mine.py:Wrong: recordings: {message}"


def test_a_corpus_without_recordings_or_folder_is_told() -> None:
    with pytest.raises(InputError, match=r"^c: mine\.py:Empty: recordings: expected at least one recording, got none$"):
        listed(corpus("Empty"))
    with pytest.raises(InputError, match=r"^c: mine.py:Mine: root: no such folder: .*/elsewhere$"):
        source_of(corpus(root="elsewhere"), "c").listing()  # type: ignore[attr-defined]  # a corpus of files
