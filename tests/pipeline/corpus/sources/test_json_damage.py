"""Damaged JSON: what is whole is read, what is not is a record with a reason, and nothing is taken for another."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.index import update_index
from pipeline.corpus.sources.json.numbers import parse_samples
from pipeline.corpus.sources.json.records import records
from pipeline.corpus.sources.json.settings import JsonCorpus
from pipeline.corpus.sources.json.source import JsonSource
from pipeline.corpus.sources.json.splitter import MalformedError
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner

COUNT = 10
WAVES = [[number + place / 8 for place in range(3 + number % 3)] for number in range(COUNT)]
RECORDS = [json.dumps({"Labels": number, "Waveform": wave}) for number, wave in enumerate(WAVES)]
TOGETHER = {"waveforms": WAVES, "labels": list(range(COUNT)), "fs": 8000}

Found = list[tuple[list[float], Any, str]]


def read(path: Path, text: str) -> Found:
    """Samples, label and reason of every record; the samples are empty where they are broken."""
    path.write_text(text, newline="")
    data = text.encode()
    found: Found = []
    for record in records(path, JsonCorpus(root=path.parent)):
        samples, reason = [], record.reason
        if not reason:
            try:
                samples = parse_samples(data[record.waveform.start : record.waveform.end]).tolist()
            except ValueError as error:
                reason = str(error)
        found.append((samples, record.label, reason))
    return found


def good(found: Found) -> list[tuple[list[float], Any]]:
    return [(samples, label) for samples, label, reason in found if not reason]


def reasons(found: Found) -> list[str]:
    return [reason for _, _, reason in found if reason]


def without(*numbers: int) -> list[tuple[list[float], Any]]:
    """All records but these."""
    return [(WAVES[number], number) for number in range(COUNT) if number not in numbers]


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\n\n"])
@pytest.mark.parametrize("torn", [(0,), (3,), (9,), (0, 1), (3, 4, 9)])
@pytest.mark.parametrize("cut", [1, 8, 15, 30])
def test_a_torn_line_is_one_record(tmp_path: Path, torn: tuple[int, ...], cut: int, newline: str) -> None:
    lines = [text[:cut] if number in torn else text for number, text in enumerate(RECORDS)]
    found = read(tmp_path / "a.json", newline.join(lines) + newline)
    assert good(found) == without(*torn)
    assert len(found) == COUNT
    assert set(reasons(found)) == {"truncated: the line ends within this record"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("hello", "expected an object with Waveform and Labels"),
        ("1.5], 2]", "expected an object with Waveform and Labels"),
        ('{"Labels": 1, "Waveform": [1}', "truncated: the line ends within this record"),
        ('{"Labels": 1 "Waveform": [1]}', "expected , or } at byte "),
        (RECORDS[1] + " x", "expected the line's end at byte "),
        (RECORDS[1] + RECORDS[2], "expected the line's end at byte "),
        ("{}", "it has no Waveform"),
    ],
)
@pytest.mark.parametrize("place", [0, 4, COUNT])
def test_a_bad_line_is_one_record(tmp_path: Path, place: int, line: str, reason: str) -> None:
    found = read(tmp_path / "a.json", "\n".join([*RECORDS[:place], line, *RECORDS[place:], ""]))
    assert good(found) == without()
    assert len(found) == COUNT + 1
    assert found[place][2].startswith(reason)


def test_the_quarantine_sees_the_share_of_lines(tmp_path: Path) -> None:
    (tmp_path / "corpus").mkdir()
    (tmp_path / "corpus" / "a.json").write_text("\n".join([*RECORDS[:3], RECORDS[3][:20], *RECORDS[4:]]))
    labels = {str(number): "ab"[number % 2] for number in range(COUNT)}
    scan = JsonSource(JsonCorpus(root=tmp_path / "corpus", labels=labels), "").scan(tmp_path / "index", TaskRunner())
    assert update_index(tmp_path / "index", scan, max_quarantine=0.1, config_path="").quarantined == 1
    with pytest.raises(InputError, match="found 1 of 10"):
        update_index(tmp_path / "index", scan, max_quarantine=0.09, config_path="")


ONE_RECORD = [(WAVES[0], 0)]


@pytest.mark.parametrize("text", [
    json.dumps(json.loads(RECORDS[0]), indent=2),
    json.dumps(json.loads(RECORDS[0]), indent=2).replace("\n", "\r\n") + "\r\n",
    RECORDS[0].replace("{", "{\n").replace(", ", ",\n"),
])  # fmt: skip
def test_one_record_may_take_several_lines(tmp_path: Path, text: str) -> None:
    assert good(read(tmp_path / "a.json", text)) == ONE_RECORD
    assert good(read(tmp_path / "a.json", text + "\n" + text)) == ONE_RECORD * 2  # and so may others
    found = read(tmp_path / "a.json", text + "\n" + text[:-5])
    assert good(found) == ONE_RECORD
    assert reasons(found) == [f"truncated: the file ends within this record, of which {len(text) - 5} bytes are there"]


def array(texts: list[str]) -> str:
    return "[" + ", ".join(texts) + "]"


@pytest.mark.parametrize(
    ("broken", "reason"),
    [
        (RECORDS[3][:30], "truncated: the next record begins 32 bytes after this one"),
        (RECORDS[3][:5], "expected : at byte "),
        (RECORDS[3][-9:], "expected an object with Waveform and Labels at byte "),  # numbers and the end
        (RECORDS[3][:12] + RECORDS[3][14:], "expected , or } at byte "),
        ("0.5, 0.25", "expected an object with Waveform and Labels at byte "),
        ('{"other": [', "truncated: the next record begins 13 bytes after this one"),
    ],
)
@pytest.mark.parametrize("place", [0, 3, 9])
def test_a_broken_record_of_an_array_is_one(tmp_path: Path, place: int, broken: str, reason: str) -> None:
    found = read(tmp_path / "a.json", array([*RECORDS[:place], broken, *RECORDS[place:]]))
    assert good(found) == without()
    assert len(found) == COUNT + 1
    assert found[place][2].startswith(reason)


def test_what_an_array_swallows_comes_out_again(tmp_path: Path) -> None:
    """Two broken records are an array once more: the first lacks its end, a later one its beginning."""
    texts = [*RECORDS[:2], '{"Labels": 2, "Waveform": [2.0, 2.125', *RECORDS[3:6], "6.125, 6.25]}", *RECORDS[7:]]
    found = read(tmp_path / "a.json", array(texts))
    assert good(found) == without(2, 6)
    assert len(reasons(found)) == 2


def test_records_may_begin_with_another_member(tmp_path: Path) -> None:
    texts = [text.replace("{", f'{{"id": {number}, ') for number, text in enumerate(RECORDS)]
    texts[4] = texts[4][:40]
    found = read(tmp_path / "a.json", array(texts))
    assert good(found) == without(4)
    assert len(found) == COUNT


def test_objects_within_a_record_are_no_records(tmp_path: Path) -> None:
    texts = [
        text.replace("}", ', "id": 1, "parts": [{"id": 2}, {"id": 3}]}').replace("{", '{"id": 0, ', 1)
        for text in RECORDS
    ]
    assert good(read(tmp_path / "a.json", array(texts))) == without()


@pytest.mark.parametrize("cut", range(1, len(RECORDS[-1]) + 4))
def test_a_cut_array_gives_what_comes_before(tmp_path: Path, cut: int) -> None:
    text = array(RECORDS)
    found = read(tmp_path / "a.json", text[:-cut])
    whole = cut == 1  # only the closing bracket is missing
    assert good(found) == (without() if whole else without(9))
    assert len(reasons(found)) == 1
    assert reasons(found)[0].startswith("truncated: the file ends ")


@given(data=st.data())
def test_whatever_is_missing_the_other_records_are_read(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
) -> None:
    """Bytes fall out of the middle of a file; what they belonged to is lost, and at most its neighbour with it."""
    lines = data.draw(st.booleans(), "lines")
    text = "\n".join(RECORDS) + "\n" if lines else array(RECORDS)
    start = data.draw(st.integers(1, len(text) - 1), "start")
    end = min(len(text), start + data.draw(st.integers(1, 90), "missing"))
    found = read(tmp_path_factory.mktemp("damage") / "a.json", text[:start] + text[end:])
    untouched = []
    for number, record in enumerate(RECORDS):
        place = text.index(record)
        if place + len(record) <= start or place >= end:
            untouched.append((WAVES[number], number))
    missing = [record for record in untouched if record not in good(found)]
    assert len(missing) <= (2 if "\n" in text[start:end] else 1)  # two lines without what was between them are one
    assert not missing or reasons(found)
    assert len([record for record in good(found) if record not in without()]) <= 1  # two halves may fit together


BROKEN = "broken: the "
CUT = "truncated: the file ends "
LABELS_FIRST = '{"labels": [0, 1, 2, 3], "fs": 8000, "waveforms": '


def waveforms(text: str) -> str:
    return '{"waveforms": ' + text + ', "labels": [0, 1, 2, 3], "fs": 8000}'


@pytest.mark.parametrize(
    ("text", "labels", "reason"),
    [
        (waveforms("[[1], [2, 3, [4], [5]]"), [0, 2, 3], BROKEN),  # no end of the second
        (waveforms("[[1], 2, 3], [4], [5]]"), [0, 2, 3], BROKEN),  # no beginning
        (waveforms("[[1], [2, [4], [5, 6]]"), [0, 2, 3], BROKEN),
        (waveforms("[[1] [2], [3], [4]]"), [0, 1, 2, 3], ""),  # no comma
        (waveforms("[[1], [2], [3], [4]"), [0, 1, 2], BROKEN),  # no end of the array, or of its last waveform
        (waveforms("[[1], [2], [3], [4"), [0, 1, 2], BROKEN),
        ('{"labels": [0, 1, 2, 3], "fs": 8000, "waveforms": [[1], [2], [3', [0, 1], f"{CUT}within this waveform"),
        ('{"labels": [0, 1, 2, 3], "fs": 8000, "waveforms": [[1], [2]', [0, 1], f"{CUT}before this waveform"),
        (
            '{"labels": [0, 1, 2, 3], "fs": 8000, "waveforms": [[1], [2], [3], [4',
            [0, 1, 2],
            f"{CUT}within this waveform",
        ),
        (waveforms("[[1], [2], [3], [4]]")[:-1], [], f"{CUT}before it says fs"),  # of which a digit may be missing
        (waveforms("[[1], [2], [3], [4]]")[:-1] + ', "metric": "RM', [0, 1, 2, 3], f"{CUT}after its waveforms"),
        (waveforms("[[1], [2], [3], [4]]")[:50], [], f"{CUT}before it says labels, fs"),
        (waveforms("[[1], [2], [3], [4]]")[:26], [], f"{CUT}before it says labels, fs"),
        ('{"labels": [0, 1], "waveforms": [[1], [2', [], f"{CUT}before it says fs"),
        ('{"waveforms": [[1], [2], [3, "labels: [0, 1, 2], "fs": 8000}', [], BROKEN),
    ],
)
def test_damaged_arrays_of_waveforms(tmp_path: Path, text: str, labels: list[int], reason: str) -> None:
    found = read(tmp_path / "a.json", text)
    assert [label for _, label in good(found)] == labels
    assert bool(reasons(found)) == bool(reason)
    assert all(said.startswith((BROKEN, CUT)) for said in reasons(found))
    assert not reason or any(said.startswith(reason) for said in reasons(found))


def test_labels_that_may_be_anothers_are_refused(tmp_path: Path) -> None:
    with pytest.raises(
        MalformedError, match=r"expected as many labels as waveforms, found 4 and 3; 1 of them are broken, from byte 20"
    ):
        read(tmp_path / "a.json", waveforms("[[1], [2, 3, [5]]"))
