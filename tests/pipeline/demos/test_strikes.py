"""The demo of struck parts: deterministic, in all three JSON forms, five good parts to a defective one."""

from pathlib import Path

import numpy as np
import pytest

from pipeline.corpus.sources.json.settings import JsonCorpus
from pipeline.corpus.sources.json.source import JsonSource
from pipeline.demos import strikes
from pipeline.support.executors import TaskRunner


def test_the_same_strike_is_the_same_every_time() -> None:
    assert strikes.synthesise(3, 4).tobytes() == strikes.synthesise(3, 4).tobytes()
    assert strikes.synthesise(3, 4).tobytes() != strikes.synthesise(3, 5).tobytes()
    assert strikes.synthesise(3, 4).tobytes() != strikes.synthesise(4, 4).tobytes()


@pytest.mark.parametrize("source", range(6))
def test_every_kind_of_part_rings_and_fades(source: int) -> None:
    for number in (0, strikes.DEFECTIVE_EVERY - 1):
        strike = strikes.synthesise(source, number)
        assert len(strike) == round(strikes.SECONDS * strikes.RATE_HZ)
        assert 0.2 <= np.abs(strike).max() <= 0.9
        energy = np.square(strike).reshape(5, -1).sum(axis=1)
        assert energy[1] > 10 * energy[4]


def test_files_have_the_three_forms_and_two_bad_records(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(strikes, "SOURCES", 6)
    strikes.write(tmp_path / "strikes", tmp_path / "strikes.json")
    files = sorted((tmp_path / "strikes").iterdir())
    assert [path.read_text()[:15] for path in files] == ['{"waveforms": [', '[{"Waveform": [', '{"source": "sta']
    scan = JsonSource(JsonCorpus(root=tmp_path / "strikes", group="source"), "").scan(tmp_path / "index", TaskRunner())
    rows = scan.to_pylist()
    good = [row for row in rows if not row["reason"]]
    assert len(good) == 6 * strikes.STRIKES == len(rows) - 2
    assert len({row["content_hash"] for row in good}) == len(good)
    assert len({row["group"] for row in good}) == 6
    assert sum(row["label"] == "NG" for row in good) * strikes.DEFECTIVE_EVERY == len(good)
    before = [path.read_bytes() for path in files]
    strikes.write(tmp_path / "strikes", tmp_path / "strikes.json")
    assert [path.read_bytes() for path in files] == before
