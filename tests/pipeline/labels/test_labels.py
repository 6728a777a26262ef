"""Labels mined from tags: reading the tables, the words of tags, classes, and whatever may be wrong."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console
from typer.testing import CliRunner

from pipeline.commands.main import app
from pipeline.config.schema import parse
from pipeline.corpus.sources.tags.settings import TagsCorpus
from pipeline.labels.labelling import BETWEEN, NEGATIVE, NO_CLASS, POSITIVE, TWO_CLASSES
from pipeline.labels.mine import Mined, fingerprint, mine, write_labels
from pipeline.labels.page import tables, write_labels_page
from pipeline.labels.polarity import read_polarity
from pipeline.labels.tracks import NO_FILE, SEVERAL_FILES, TWICE, split_tags
from pipeline.labels.words import Tokeniser
from pipeline.support.errors import InputError

DICTIONARY = (
    "明るい:あかるい:形容詞:0.9\n楽しい:たのしい:形容詞:0.8\n暗い:くらい:形容詞:-0.9\n悲しい:かなしい:形容詞:-0.7\n"
)


def write(root: Path, rows: Sequence[Sequence[str]], files: Sequence[str], encoding: str = "utf-8") -> None:
    """`tracks.csv` and empty recordings, none of which is opened."""
    for name in files:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"")
    with open(root / "tracks.csv", "w", encoding=encoding, newline="") as file:
        csv.writer(file).writerows([["title", "tags", "description"], *rows])


def mined(root: Path, **options: Any) -> Mined:
    return mine(TagsCorpus(root=root, table=Path("tracks.csv"), **options), "mine.yaml: corpus")


def labels(found: Mined) -> dict[str, str]:
    """By title: the label, or why there is none."""
    return {part.track.title: part.label or part.reason for part in found.decisions}


def test_tags_are_separated_by_whatever_separates_them() -> None:
    mixed = "ロック、ギター,Piano / 夜　ﾋﾟｱﾉ;ポップ・ロック、ロック"
    assert split_tags(mixed) == ("ロック", "ギター", "piano", "夜", "ピアノ", "ポップ・ロック")
    assert split_tags(" 、, ") == ()


RECORDINGS = ["夜.flac", "朝.wav", "sub/Dawn.mp3", "四.flac", "五.flac", "六.flac"]


def test_a_track_has_the_class_of_its_words_if_there_is_one(tmp_path: Path) -> None:
    rows = [
        ["夜", "ハードロック、夜", ""],  # a compound, in which the word is found
        ["朝", "Classical music", ""],
        ["dawn", "ロック/クラシカル", ""],
        ["四", "散歩", "静かなクラシックの曲です。"],
        ["五", "ﾛｯｸ", ""],
        ["六", "ポップス", ""],
    ]
    write(tmp_path, rows, RECORDINGS)
    classes = {"rock": ("ロック",), "classical": ("クラシック", "クラシカル", "classical")}
    found = mined(tmp_path, labels=classes)
    assert labels(found) == {
        "夜": "rock",
        "朝": "classical",
        "dawn": TWO_CLASSES,
        "四": NO_CLASS,
        "五": "rock",
        "六": NO_CLASS,
    }
    assert found.left_out == {NO_CLASS: 2, TWO_CLASSES: 1}
    assert found.sizes == {"rock": 2, "classical": 1}
    with_description = mined(tmp_path, labels=classes, read_description=True)
    assert labels(with_description)["四"] == "classical"


def test_a_tag_that_stands_for_a_class_is_not_split(tmp_path: Path) -> None:
    """An electric guitar is no guitar here, and the middle dot of its name does not matter."""
    rows = [["夜", "エレキギター", ""], ["朝", "エレキ・ギター", ""], ["四", "アコースティックギター", ""],
            ["五", "シンセサイザー", ""], ["六", "ピアノ", ""]]  # fmt: skip
    write(tmp_path, rows, RECORDINGS)
    found = labels(mined(tmp_path, labels="instrument"))
    assert [found[title] for title in "夜朝四五六"] == ["electric", "electric", "guitar", "synthesiser", "piano"]


def test_the_polarity_is_the_mean_of_the_words_that_the_dictionary_has(tmp_path: Path) -> None:
    rows = [
        ["夜", "暗く、悲しげ", ""],  # inflected: -0.9 and -0.7
        ["朝", "明るい、散歩、楽しい", ""],
        ["dawn", "散歩", ""],
        ["四", "楽しい、悲しい", ""],
        ["五", "暗い,夜", ""],
        ["六", "明るい 朝", ""],
    ]
    write(tmp_path, rows, RECORDINGS)
    (tmp_path / "polarity.dic").write_bytes(DICTIONARY.encode("euc_jp"))
    found = mined(tmp_path, labels="emotion", dictionary="polarity.dic", each=2)
    scores = {part.track.title: part.score for part in found.decisions}
    expected = {"夜": -0.8, "朝": 0.85, "dawn": 0, "四": 0.05, "五": -0.9, "六": 0.9}
    assert scores == pytest.approx(expected)
    assert labels(found) == {
        "夜": NEGATIVE,
        "五": NEGATIVE,
        "朝": POSITIVE,
        "六": POSITIVE,
        "dawn": BETWEEN,
        "四": BETWEEN,
    }
    halves = mined(tmp_path, labels="emotion", dictionary="polarity.dic")
    assert halves.sizes == {NEGATIVE: 3, POSITIVE: 3}
    assert halves.unscored == 1
    assert "1 of those labelled have no word in the dictionary" in halves.summary()
    write(tmp_path, [[title, "散歩", ""] for title in ("夜", "朝", "dawn", "四", "五", "六")], [])
    with pytest.raises(InputError, match=r"3 lowest and the 3 highest tracks, but both are 0; lower corpus\.each"):
        mined(tmp_path, labels="emotion", dictionary="polarity.dic")


def test_one_way_of_writing_is_read_in_several_ways(tmp_path: Path) -> None:
    path = tmp_path / "p.dic"
    path.write_text("辛い:からい:形容詞:-0.2\n辛い:つらい:形容詞:-0.8\n辛い:つらい:形容詞:-0.6\n")
    polarity = read_polarity(path, "dictionary")
    assert polarity.score("辛い", "カライ") == pytest.approx(-0.2)
    assert polarity.score("辛い", "ツライ") == pytest.approx(-0.7)
    assert polarity.score("辛い") == pytest.approx(-0.45)
    assert polarity.score("甘い", "アマイ") is None


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp932", "euc_jp"])
def test_all_usual_encodings_are_read(tmp_path: Path, encoding: str) -> None:
    text = DICTIONARY.replace("\n", "\r\n")
    (tmp_path / "p.dic").write_bytes(text.encode(encoding))
    polarity = read_polarity(tmp_path / "p.dic", "dictionary")
    assert sorted(polarity.scores) == sorted(["明るい", "楽しい", "暗い", "悲しい"])
    assert polarity.faults == []
    write(tmp_path, [["夜", "ロック", ""], ["朝", "クラシック", ""]], ["夜.flac", "朝.flac"], encoding)
    classes = {"rock": ("ロック",), "classical": ("クラシック",)}
    assert labels(mined(tmp_path, labels=classes)) == {"夜": "rock", "朝": "classical"}


def test_bad_lines_of_a_dictionary_are_named_and_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "p.dic"
    path.write_text(DICTIONARY + "楽しい:たのしい:0.8\n\n寒い:さむい:形容詞:cold\n熱い:あつい:形容詞:1.5\n")
    assert read_polarity(path, "dictionary").faults == [
        "line 5: expected 4 fields between colons, got 3",
        "line 7: expected a score, got 'cold'",
        "line 8: expected a score from -1 to 1, got 1.5",
    ]
    write(tmp_path, [["夜", "暗い", ""], ["朝", "明るい", ""]], ["夜.flac", "朝.flac"])
    assert (
        "3 lines of the dictionary passed over (line 5:"
        in mined(tmp_path, labels="emotion", dictionary="p.dic").summary()
    )


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "but it is empty"),
        (b"word,score\n", "1 of 1 lines are not, such as line 1: expected 4 fields between colons, got 1"),
        (b"\x82", "expected text in UTF-8, Shift-JIS or EUC-JP; convert it to UTF-8"),
    ],
)
def test_what_is_no_dictionary_is_refused(tmp_path: Path, content: bytes, said: str) -> None:
    (tmp_path / "p.dic").write_bytes(content)
    with pytest.raises(InputError, match=said):
        read_polarity(tmp_path / "p.dic", "dictionary")


def test_rows_without_one_recording_are_counted(tmp_path: Path) -> None:
    rows = [["朝", "クラシック", ""], *([title, "ロック", ""] for title in ("夜", "昼", "五", "五", "六"))]
    write(tmp_path, rows, ["夜.flac", "朝.wav", "五.flac", "六.flac", "sub/六.wav"])
    found = mined(tmp_path, labels={"rock": ("ロック",), "classical": ("クラシック",)})
    assert labels(found) == {"夜": "rock", "朝": "classical", "昼": NO_FILE, "五": TWICE, "六": SEVERAL_FILES}
    assert found.left_out == {TWICE: 2, NO_FILE: 1, SEVERAL_FILES: 1}


def test_recordings_may_be_named_by_a_column(tmp_path: Path) -> None:
    write(tmp_path, [["a.flac", "ロック", "x"], ["sub/b.flac", "クラシック", "x"]], ["a.flac", "sub/b.flac"])
    found = mined(
        tmp_path, path="title", title="description", labels={"rock": ("ロック",), "classical": ("クラシック",)}
    )
    assert [part.track.path for part in found.decisions] == ["a.flac", "sub/b.flac"]


ROCK = {"rock": ("ロック",), "classical": ("クラシック",)}


@pytest.mark.parametrize(
    ("rows", "options", "said"),
    [
        (
            [["夜", "ロック", ""]],
            {"labels": ROCK},
            "labels: no track is of class 'classical' alone, by the words クラシック",
        ),
        ([["夜", "ロック", ""]], {"labels": {"a": ("ロック",), "b": ("ﾛｯｸ",)}}, "'ロック' stands for a and for b"),
        ([["昼", "ロック", ""]], {"labels": ROCK}, "none of the 1 tracks .* can be used, such as line 2 .no file."),
        ([], {"labels": ROCK}, "expected rows below the header line, found none"),
        ([["夜", "ロック"]], {"labels": ROCK}, "line 2: expected 3 fields, got 2"),
        ([["夜", "ロック", ""]], {"tags": "tag"}, "tags: .* has no column 'tag'; it has title, tags, description"),
        ([["夜", "ロック", ""]], {"dictionary": "no.dic"}, "dictionary: 'no.dic' is neither here nor in"),
    ],
)
def test_a_table_that_is_not_as_configured_is_refused(
    tmp_path: Path, rows: list[list[str]], options: dict[str, Any], said: str
) -> None:
    write(tmp_path, rows, ["夜.flac"])
    with pytest.raises(InputError, match=said):
        mined(tmp_path, **options)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"lables": "genre"}, "experiments.bgm.corpus.lables: unknown key; did you mean 'labels'?"),
        ({"labels": "moods"}, "experiments.bgm.corpus.labels: input should be 'emotion', 'genre' or 'instrument', got"),
        ({"labels": {"a": ["x"]}}, "experiments.bgm.corpus.labels"),
        ({"labels": {"a": [], "b": ["x"]}}, "experiments.bgm.corpus.labels"),
    ],
)
def test_a_mistake_in_the_section_is_one_line(options: dict[str, Any], said: str) -> None:
    corpus = {"source": "tags", "root": "bgm", "table": "tracks.csv"} | options
    with pytest.raises(InputError) as caught:
        parse({"experiments": {"bgm": {"corpus": corpus}}}, "mine.yaml")
    assert said in str(caught.value)


def test_emotion_needs_a_dictionary() -> None:
    corpus = {"source": "tags", "root": "bgm", "table": "tracks.csv", "labels": "emotion"}
    with pytest.raises(InputError, match=r"experiments.bgm.corpus: the labels emotion need a polarity dictionary"):
        parse({"experiments": {"bgm": {"corpus": corpus}}}, "mine.yaml")


def test_equal_tables_give_equal_files_and_another_fingerprint_follows_a_change(tmp_path: Path) -> None:
    write(tmp_path, [["夜", "ロック", ""], ["朝", "クラシック、散歩", ""]], ["夜.flac", "朝.flac"])
    corpus = TagsCorpus(root=tmp_path, table=Path("tracks.csv"), labels=ROCK)
    before = fingerprint(corpus, "corpus")
    for name in ("one", "two"):
        found = mine(corpus, "corpus")
        write_labels(found, tmp_path / name)
        write_labels_page(found, tmp_path / name, "mine")
    for name in ("labels.csv", "decisions.csv", "labels.html"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes()
    assert (tmp_path / "one" / "labels.csv").read_text() == "path,label,group\n夜.flac,rock,\n朝.flac,classical,\n"
    assert "散歩" in (tmp_path / "one" / "labels.html").read_text()
    assert fingerprint(corpus, "corpus") == before
    (tmp_path / "夜.flac").write_bytes(b"longer")
    assert fingerprint(corpus, "corpus") != before


def test_the_command_shows_tags_and_writes_the_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "bgm", [["夜", "ロック", ""], ["朝", "クラシック、散歩", ""]], ["夜.flac", "朝.flac"])
    (tmp_path / "c.yaml").write_text(
        "experiments:\n  bgm:\n    corpus: {source: tags, root: bgm, table: tracks.csv,"
        " labels: {rock: [ロック], classical: [クラシック]}}\n  other: {}\n"
    )
    monkeypatch.chdir(tmp_path)
    result = CliRunner().invoke(app, ["labels", "bgm", "--configfile", "c.yaml"])
    assert result.exit_code == 0, result.output
    assert "散歩" in result.output
    (folder,) = (tmp_path / "work" / "labels").iterdir()
    assert {path.name for path in folder.iterdir()} == {"labels.csv", "decisions.csv", "labels.html"}
    for name, said in (("bmg", "has no experiment 'bmg'; it has bgm, other"), ("other", "do not come from tags")):
        with pytest.raises(InputError, match=said):
            CliRunner().invoke(app, ["labels", name, "--configfile", "c.yaml"], catch_exceptions=False)


def test_tags_are_shown_as_they_are_written(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Neither as the markup of a terminal nor as a formula."""
    tags = ("[/]", "[red]", ":smile:", "$x_$", "$\\frac$")
    rows = [[str(number), f"ロック、{tag}", ""] for number, tag in enumerate(tags)] + [["朝", "クラシック", ""]]
    write(tmp_path, rows, [f"{row[0]}.flac" for row in rows])
    found = mined(tmp_path, labels={"$a_$": ["ロック"], "b[/]": ["クラシック"]})
    for table in tables(found):
        Console(width=80).print(table)
    shown = capsys.readouterr().out
    write_labels_page(found, tmp_path, "own")
    page = (tmp_path / "labels.html").read_text()
    for text in (*tags, "$a_$", "b[/]"):
        assert text in shown
        assert text in page


def test_words_are_read_as_their_base_forms_are() -> None:
    words = {word.base: word.reading for word in Tokeniser().words("切なく美しい夜、楽しかった。")}
    assert words == {"切ない": "セツナイ", "美しい": "ウツクシイ", "夜": "ヨル", "楽しい": "タノシイ"}
