"""Waveforms in JSON: three forms, bounded memory, and whatever may be wrong with them."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stores_of import indexed

from features.audio import content_hash
from features.tensors.waveform import WaveformRecipe
from pipeline.build.store import build_store
from pipeline.corpus.sides import assign, by_side
from pipeline.corpus.sources.json import source as json_source
from pipeline.corpus.sources.json.settings import JsonCorpus
from pipeline.corpus.sources.json.source import JsonSource
from pipeline.corpus.sources.json.source import _scan_file as scan_file
from pipeline.corpus.sources.json.splitter import MAX_DEPTH, MalformedError, Splitter, TruncatedError
from pipeline.corpus.sources.readers import recording_at
from pipeline.corpus.split import Split
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from stores import open_store

RATE_HZ = 8000
WAVES = [(0.1 * np.sin(np.arange(400 + 7 * n) * (n + 1) / 9)).astype(np.float32) for n in range(6)]
LABELS = ["OK", "NG"] * 3


def together(waves: Any = WAVES, labels: Any = LABELS, **more: Any) -> str:
    waveforms = [list(map(float, wave)) for wave in waves]
    return json.dumps({"waveforms": waveforms, "labels": labels, "fs": RATE_HZ, "metric": "RMS", **more})


def one_by_one(waves: Any = WAVES, labels: Any = LABELS, **more: Any) -> list[dict[str, Any]]:
    pairs = zip(waves, labels, strict=True)
    return [{"Waveform": list(map(float, wave)), "Labels": label, **more} for wave, label in pairs]


def lines(records: list[dict[str, Any]]) -> str:
    return "".join(json.dumps(record) + "\n" for record in records)


def source(root: Path, **options: Any) -> JsonSource:
    return JsonSource(JsonCorpus(root=root, sample_rate_hz=RATE_HZ, **options), "mine.yaml: corpus")


def written(folder: Path, text: str | bytes, name: str = "a.json") -> Path:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(text.encode() if isinstance(text, str) else text)
    return folder


def scanned(root: Path, **options: Any) -> list[dict[str, Any]]:
    """Return the scan of a folder, in the order of the records."""
    found = source(root, **options).scan(root.parent / "index", TaskRunner()).to_pylist()
    return sorted(found, key=lambda row: int(row["id"].split("#")[1]))


FORMS = {
    "together": together(),
    "labels first": json.dumps({"fs": RATE_HZ, "labels": LABELS, "waveforms": [list(map(float, w)) for w in WAVES]}),
    "one by one": json.dumps(one_by_one(labels=[0, 1] * 3)),
    "indented": json.dumps(one_by_one(), indent=2),
    "lines": lines(one_by_one(fs=float(RATE_HZ))),
    "byte order mark": "\ufeff" + together(),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_gives_the_same_recordings(tmp_path: Path, form: str) -> None:
    found = scanned(written(tmp_path / "c", FORMS[form]))
    assert [row["id"] for row in found] == [f"a.json#{n}" for n in range(6)]
    assert [row["label"] for row in found] == LABELS
    assert [row["samples"] for row in found] == [len(wave) for wave in WAVES]
    assert [row["content_hash"] for row in found] == [content_hash(wave, RATE_HZ).hex() for wave in WAVES]
    assert {(row["sample_rate_hz"], row["reason"]) for row in found} == {(RATE_HZ, "")}


def test_integers_are_taken_as_they_are(tmp_path: Path) -> None:
    (found,) = scanned(written(tmp_path / "c", '[{"Waveform": [1, -2, 300, 4.5], "Labels": 1.0}]'))
    assert found["content_hash"] == content_hash(np.array([1, -2, 300, 4.5], np.float32), RATE_HZ).hex()
    assert found["label"] == "NG"


def test_labels_mean_what_the_configuration_says(tmp_path: Path) -> None:
    root = written(tmp_path / "c", json.dumps(one_by_one(labels=["good", 7, "bad", True, "good", "7"])))
    found = scanned(root, labels={"good": "fine", 7: "broken"})
    assert [row["label"] for row in found] == ["fine", "broken", "", "", "fine", "broken"]
    assert found[2]["reason"] == "label 'bad' is none of good, 7; add it under corpus.labels"
    assert "label 'true'" in found[3]["reason"]


@pytest.mark.parametrize("form", ["together", "one by one"])
def test_groups_are_members_of_the_records(tmp_path: Path, form: str) -> None:
    machines = ["x", "x", "y", 3, 3.0, "3"]
    records = [record | {"machine": machine} for record, machine in zip(one_by_one(), machines, strict=True)]
    text = together(machine=machines) if form == "together" else json.dumps(records)
    found = scanned(written(tmp_path / "c", text), group="machine")
    assert [row["group"] for row in found] == ["x", "x", "y", "3", "3", "3"]


def test_groups_may_be_the_files(tmp_path: Path) -> None:
    written(tmp_path / "c", together(), "x.json")
    root = written(tmp_path / "c", together(), "y.jsonl")
    assert {row["group"] for row in scanned(root, group="file")} == {"x.json", "y.jsonl"}
    assert {row["group"] for row in scanned(root)} == {None}


RECORD_FAULTS = {
    "[]": "no samples",
    "[0.1, null, 1]": "sample 1 is null, not a number",
    '["x", 1]': "sample 0 is 'x', not a number",
    "[true, 1]": "sample 0 is True, not a number",
    "[1, [2], 3]": "sample 1 is an array, not a number",
    "[1, {}, 3]": "sample 1 is an object, not a number",
    "[1, NaN]": "sample 1 is not finite",
    "[-Infinity]": "sample 0 is not finite",
    "[1e400]": "sample 0 is not finite",
    "[1e39]": "sample 0 is 1e+39, beyond what float32 holds",
    f"[1{'0' * 400}]": "sample 0 is beyond what float32 holds",
    f"[1, 1{'0' * 30}]": "samples of up to 1e+30 times full scale",
    f"[1{'0' * 9000}]": "not JSON: Exceeds the limit",
    "[1 2]": "not JSON: Expecting ',' delimiter",
    "[01]": "not JSON",
    "[1,]": "not JSON",
    "[0xff]": "not JSON",
    "[2e6]": "samples of up to 2e+06 times full scale",
    "null": "expected an array of numbers",
    '"x"': "expected an array of numbers",
    '{"x": [1]}': "expected an array of numbers",
}


@pytest.mark.parametrize("form", ["together", "one by one"])
@pytest.mark.parametrize("bad", RECORD_FAULTS)
def test_a_bad_waveform_is_quarantined_and_the_rest_goes_on(tmp_path: Path, bad: str, form: str) -> None:
    good = json.dumps(list(map(float, WAVES[0])))
    if form == "together":
        text = f'{{"waveforms": [{good}, {bad}, {good}], "labels": [0, 1, 1]}}'
    else:
        text = f'[{{"Waveform": {good}, "Labels": 0}}, {{"Labels": 1, "Waveform": {bad}}}, '
        text += f'{{"Waveform": {good}, "Labels": 1}}]'
    found = scanned(written(tmp_path / "c", text))
    assert [bool(row["reason"]) for row in found] == [False, True, False]
    assert found[1]["reason"].startswith(RECORD_FAULTS[bad])


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ('{"Waveform": [1], "Labels": 0, "Waveform": [2]}', "two members are named 'Waveform'"),
        ('{"Labels": 0}', "it has no Waveform"),
        ('{"Waveform": [1], "Labels": 2}', "label '2' is none of OK, NG, 0, 1"),
        ('{"Waveform": [1], "Labels": [0]}', "label '[0]' is none of"),
        ('{"Waveform": [1], "Labels": "\\udc00"}', r"'\udc00' is no text: it holds half of a surrogate pair"),
        (f'{{"Waveform": [1], "Labels": 1{"0" * 30}}}', f"label '1{'0' * 30}' is none of OK, NG, 0, 1"),
        (
            f'{{"Waveform": [1], "Labels": "{"x" * 70_000}"}}',
            "expected a label, a group or a rate of at most 65536 bytes",
        ),
        (f'{{"Waveform": [1], "Labels": "{"x" * 100}"}}', f"label '{'x' * 59}… is none of"),
        (f'{{"Waveform": [1], "Labels": 0, "fs": 1{"0" * 30}}}', f"fs 1{'0' * 30} is no rate in whole Hz"),
        ('{"Waveform": [1], "Labels": NG}', "at byte "),
        ('{"Waveform": [1], "Labels": 0, "fs": 0x1f40}', "at byte "),
        ('{"Waveform": [1], "Labels": 0, "fs": 0}', "fs 0 is no rate"),
        ('{"Waveform": [1], "Labels": 0, "fs": 44100.5}', "fs 44100.5 is no rate"),
        ('{"Waveform": [1], "Labels": 0, "fs": NaN}', "fs 'NaN' is no rate"),
        ('{"Waveform": [1], "Labels": 0, "fs": 1e999}', "fs inf is no rate"),
        ("[1, 2]", "expected an object with Waveform and Labels"),
        ("null", "expected an object with Waveform and Labels"),
    ],
)
def test_a_bad_record_is_quarantined(tmp_path: Path, record: str, reason: str) -> None:
    good = json.dumps(one_by_one()[0])
    found = scanned(written(tmp_path / "c", f"[{good}, {record}, {good}]"))
    assert found[1]["reason"].startswith(reason)
    assert found[0]["reason"] == found[2]["reason"] == ""


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        (" \n", "the file is empty"),
        ("hello", "found 'hello'"),
        (b"RIFF\x00\xff\xfe", "found 'RIFF"),
        ("3", "found '3'"),
        ("{}", "found an object with nothing in it"),
        ('{"samples": [1], "label": "OK"}', "found an object with samples, label"),
        ('{"waveforms": [', "expected a value at byte 15, but the text ends"),
        ('{"labels": [0, 1], "wave', "expected a string at byte 19, but the text ends"),
        ('{"waveforms": [0.1, 0.2], "labels": [0]}', "expected a waveform at byte 15, found a number"),
        ("[0.1, 0.2]", "expected an object with Waveform and Labels at byte 1, found a number"),
        ('{"waveforms": 3, "labels": []}', 'expected [ at byte 14, found \'3, "labels":'),
        ('{"waveforms": [[1], [2]], "labels": "OK"}', "expected an array of labels beside the waveforms"),
        ('{"waveforms": [[1], [2]], "labels": ["OK"]}', "expected as many labels as waveforms, found 1 and 2"),
        ('{"waveforms": [[1]], "labels": ["OK", "NG"]}', "expected as many labels as waveforms, found 2 and 1"),
        ('{"waveforms": [[1]], "labels": ["OK"], "labels": ["NG"]}', "two members are named 'labels'"),
        ('{"waveforms": [[1]], "labels": ["OK"]} x', "expected the end at byte 39"),
        ("[" * 100_000, f"more than {MAX_DEPTH} arrays and objects within each other"),
        ('{"x": ' * 100_000, f"more than {MAX_DEPTH} arrays and objects within each other"),
        ("[]", "no file holds a single record"),
        ('{"waveforms": [], "labels": []}', "no file holds a single record"),
    ],
)
def test_a_file_that_cannot_be_read_is_one_line(tmp_path: Path, text: str | bytes, message: str) -> None:
    root = written(tmp_path / "c", text)
    with pytest.raises(InputError) as raised:
        scanned(root)
    said = str(raised.value)
    assert message in said
    assert said.startswith("mine.yaml: corpus.root: ")
    assert 'accepted are {"waveforms"' in said
    assert "\n" not in said


@pytest.mark.parametrize("text", [
    json.dumps([{"Waveform": [1, 2]}, {"Waveform": [3], "Labels": None}]),
    '{"Waveform": [1, 2]}\n{"Waveform": [3], "Labels": null}\n',
    json.dumps({"waveforms": [[1, 2], [3]], "fs": RATE_HZ}),
    json.dumps({"waveforms": [[1, 2], [3]], "labels": None}),
    json.dumps({"waveforms": [[1, 2], [3]], "labels": [None, None]}),
])  # fmt: skip
def test_a_recording_needs_no_label(tmp_path: Path, text: str) -> None:
    found = scanned(written(tmp_path / "c", text))
    assert [(row["label"], row["samples"], row["reason"]) for row in found] == [(None, 2, ""), (None, 1, "")]


def test_names_may_be_escaped(tmp_path: Path) -> None:
    text = FORMS["lines"].replace('"Waveform"', r'"\u0057aveform"').replace('"Labels"', r'"Label\u0073"')
    assert [row["label"] for row in scanned(written(tmp_path / "c", text))] == LABELS
    text = together().replace('"waveforms"', r'"\u0077aveforms"')
    assert [row["label"] for row in scanned(written(tmp_path / "c", text))] == LABELS


@pytest.mark.parametrize("form", ["together", "one by one"])
def test_half_a_character_is_no_group(tmp_path: Path, form: str) -> None:
    machines = ["x", "x", "\ud800", "y", "\udc00", "y"]
    records = [record | {"machine": machine} for record, machine in zip(one_by_one(), machines, strict=True)]
    text = together(machine=machines) if form == "together" else json.dumps(records)
    found = scanned(written(tmp_path / "c", text), group="machine")
    assert [bool(row["reason"]) for row in found] == [False, False, True, False, True, False]
    assert found[2]["reason"] == r"'\ud800' is no text: it holds half of a surrogate pair"


def test_no_json_is_one_line(tmp_path: Path) -> None:
    root = written(tmp_path / "c", "x", "readme.txt")
    with pytest.raises(InputError, match=r"expected files that end in \.json, \.jsonl, \.ndjson, found none"):
        scanned(root)
    with pytest.raises(InputError, match="does not exist"):
        scanned(tmp_path / "nowhere")


def test_what_is_passed_over_is_counted(tmp_path: Path) -> None:
    root = written(tmp_path / "c", together())
    for name in ("readme.txt", "b.jsn", "c.jsn", ".d.jsn"):
        written(root, "x", name)
    found = source(root)
    found.scan(tmp_path / "index", TaskRunner())
    assert str(found.passed_over) == "2 .jsn, 1 .txt"


def test_a_file_name_that_is_no_text_is_one_line(tmp_path: Path) -> None:
    root = written(tmp_path / "c", together())
    (root / "a.json").rename(os.fsdecode(os.fsencode(root) + "/音.json".encode("shift-jis")))
    with pytest.raises(InputError, match="expected file names in UTF-8"):
        scanned(root)


def test_only_files_that_changed_are_read_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    written(tmp_path / "c", together(), "x.json")
    root = written(tmp_path / "c", together(WAVES[:2], LABELS[:2]), "y.json")
    before = source(root).fingerprint()
    indexed(source(root), tmp_path / "index")
    read = []
    monkeypatch.setattr(json_source, "_scan_file", lambda task: read.append(task.file) or scan_file(task))
    written(root, together(WAVES[:3], LABELS[:3]), "y.json")
    assert source(root).fingerprint() != before
    assert len(indexed(source(root), tmp_path / "index")) == 9
    assert read == ["y.json"]


def test_a_store_holds_what_the_file_says(tmp_path: Path) -> None:
    root = written(tmp_path / "c", together())
    recipe = WaveformRecipe(sample_rate_hz=RATE_HZ, samples=500, band_hz=None, n_fft=256, hop_length=64)
    clips = indexed(source(root), tmp_path / "index")
    recordings = source(root).recordings(tmp_path / "index", clips)
    options: dict[str, Any] = {"name": "c", "clips_per_shard": 4, "engine": TaskRunner("joblib", 2)}
    store = open_store(build_store(tmp_path / "stores" / "c", clips, recordings, recipe, **options).path)
    for row, name in enumerate(store.rows["id"].to_pylist()):
        wave = WAVES[int(name.split("#")[1])].astype(np.float64)
        wave = (wave - wave.mean()) / np.abs(wave - wave.mean()).max()
        np.testing.assert_allclose(store.clip(row)[: len(wave)], wave, atol=1e-6)


@pytest.mark.parametrize("files", [1, 3])
@pytest.mark.parametrize("seed", range(5))
def test_no_group_is_on_two_sides_however_many_files_there_are(tmp_path: Path, files: int, seed: int) -> None:
    waves = [np.full(50, number / 100, np.float32) for number in range(60)]
    records = one_by_one(waves, LABELS * 10)
    records = [record | {"machine": number // 3} for number, record in enumerate(records)]
    for part in range(files):
        root = written(tmp_path / "c", json.dumps(records[part::files]), f"{part}.json")
    clips = indexed(source(root, group="machine"), tmp_path / "index")
    sides = by_side(clips, assign(clips, Split(validation=0.3, test=0.3, seed=seed)))
    groups = clips["group"].to_numpy()
    found = [set(groups[rows]) for rows in (sides.train, sides.validation, sides.test)]
    assert all(found)
    assert sum(map(len, found)) == len(set(groups)) == 20


def test_blanks_around_labels_and_groups_are_no_part_of_them(tmp_path: Path) -> None:
    records = one_by_one(WAVES[:4], ["OK", " OK", "NG\t", "NG"])
    groups = ["m1", "m1 ", " m2", "  "]
    text = json.dumps([record | {"machine": group} for record, group in zip(records, groups, strict=True)])
    found = scanned(written(tmp_path / "c", text), group="machine")
    assert [(row["label"], row["group"], row["reason"]) for row in found] == [
        ("OK", "m1", ""),
        ("OK", "m1", ""),
        ("NG", "m2", ""),
        ("NG", None, ""),
    ]


def test_a_record_can_be_named(tmp_path: Path) -> None:
    root = written(tmp_path / "c", FORMS["lines"])
    samples, rate_hz = recording_at(root / "a.json#2").decode()
    np.testing.assert_array_equal(samples, WAVES[2])
    assert rate_hz == RATE_HZ
    for name, message in (("a.json#6", "no record 6; it has 6"), ("b.json#1", "no such file"), ("a.json#x", "no such")):
        with pytest.raises(InputError, match=message):
            recording_at(root / name)


def test_a_record_that_changes_under_the_build_is_noticed(tmp_path: Path) -> None:
    root = written(tmp_path / "c", together())
    clips = indexed(source(root), tmp_path / "index")
    recordings = source(root).recordings(tmp_path / "index", clips)
    for text, message in ((together(WAVES[::-1]), "this file changed"), ("{}", "this file changed")):
        written(root, text)
        options: dict[str, Any] = {"name": "c", "clips_per_shard": 4, "engine": TaskRunner()}
        with pytest.raises(InputError, match=rf"a\.json#\d: {message}"):
            build_store(tmp_path / "stores" / "c", clips, recordings, WaveformRecipe(), **options)


RECORD = json.dumps({"Waveform": [0.123456] * 22_000, "Labels": 0}) + "\n"
ESCAPES = json.dumps({"comment": "\n" * (4 << 20), "Waveform": [0.5], "Labels": 0}) + "\n"


@pytest.mark.parametrize(
    ("text", "size", "limit"),
    [
        pytest.param(RECORD * 1000, 200e6, 120e6, id="200 MB of lines"),
        pytest.param(RECORD[:1000] + "\n" + RECORD * 1000, 200e6, 160e6, id="after a torn line"),
        pytest.param(RECORD + ESCAPES, 8e6, 40e6, id="a string of escapes"),
    ],
)
def test_memory_does_not_grow_with_the_file(tmp_path: Path, text: str, size: float, limit: float) -> None:
    """Beyond what Python and the libraries take: 64 MB of a mapped file stay at a time, and of strings nothing."""
    root = written(tmp_path / "c", text, "a.jsonl")
    script = (
        "import resource, sys, simdjson; from pathlib import Path; "
        "from pipeline.corpus.sources.json.settings import JsonCorpus; "
        "from pipeline.support.executors import TaskRunner; "
        "from pipeline.corpus.sources.json.source import JsonSource; "
        "peak = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_maxrss; before = peak(); "
        "JsonSource(JsonCorpus(root=Path(sys.argv[1])), '').scan(Path(sys.argv[2]), TaskRunner()); "
        "print(peak() - before)"
    )
    command = [sys.executable, "-c", script, str(root), str(tmp_path / "index")]
    result = subprocess.run(command, check=True, capture_output=True, text=True)
    unit = 1 if sys.platform == "darwin" else 1024
    assert (root / "a.jsonl").stat().st_size > size
    assert int(result.stdout) * unit < limit


VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)


class TestSplitter:
    @given(value=VALUES, indent=st.sampled_from([None, 1]), escape=st.booleans())
    def test_any_value_is_gone_past(self, value: Any, indent: int | None, escape: bool) -> None:
        text = json.dumps(value, indent=indent, ensure_ascii=escape).encode()
        splitter = Splitter(b" " + text + b" ,")
        span = splitter.value()
        assert (span.start, span.end) == (1, 1 + len(text))
        assert splitter.next() == b","

    @given(values=st.lists(VALUES, max_size=4))
    def test_the_elements_of_an_array(self, values: list[Any]) -> None:
        text = json.dumps(values).encode()
        splitter = Splitter(text)
        spans = [splitter.value() for _ in splitter.elements()]
        assert [json.loads(text[span.start : span.end]) for span in spans] == values
        assert splitter.next() == b""

    @given(values=st.dictionaries(st.text("abc", max_size=4), VALUES, max_size=4))
    def test_the_members_of_an_object(self, values: dict[str, Any]) -> None:
        text = json.dumps(values).encode()
        splitter = Splitter(text)
        spans = [(name.decode(), splitter.value()) for name in splitter.members()]
        assert {name: json.loads(text[span.start : span.end]) for name, span in spans} == values

    @given(value=VALUES, data=st.data())
    def test_a_text_that_ends_early_says_so(self, value: Any, data: st.DataObject) -> None:
        text = json.dumps([value, "x"]).encode()
        cut = data.draw(st.integers(1, len(text) - 1))
        with pytest.raises(MalformedError):
            Splitter(text[:cut]).value()

    def test_what_ends_early_is_told_from_what_is_wrong(self) -> None:
        for text, kind in ((b"[1, 2", TruncatedError), (b'["x', TruncatedError), (b"", TruncatedError)):
            with pytest.raises(kind):
                Splitter(text).value()
        with pytest.raises(MalformedError, match="expected a value at byte 0, found '}'"):
            Splitter(b"}").value()
