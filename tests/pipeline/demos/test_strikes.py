"""The demo of struck parts: deterministic, in all three JSON forms, and not to be solved without the order in time."""

from pathlib import Path

import numpy as np
import pytest
import scipy.signal
import scipy.stats

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


def test_no_simple_model_of_levels_tells_a_crack() -> None:
    """Moments over time of all bins' levels leave both a linear model and a forest near chance, for stands left out."""
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    stands, cracked, numbers = [], [], []
    for stand in range(40):
        for number in range(strikes.STRIKES):
            strike = strikes.synthesise(stand, number)
            strike /= np.abs(strike).max()
            _, _, spectrum = scipy.signal.stft(strike, strikes.RATE_HZ, nperseg=512, noverlap=384)
            levels_db = 20 * np.log10(np.abs(spectrum) + 1e-6)
            moments = [np.mean, np.std, scipy.stats.skew, scipy.stats.kurtosis]
            shape = [strike.std(), scipy.stats.skew(strike), scipy.stats.kurtosis(strike)]
            numbers.append(np.concatenate([*(moment(levels_db, axis=1) for moment in moments), shape]))
            cracked.append(strikes.defective(number))
            stands.append(stand)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1000))
    for model in (linear, RandomForestClassifier(50, random_state=0)):
        scores = cross_val_predict(
            model, np.array(numbers), cracked, groups=stands, cv=GroupKFold(5), method="predict_proba"
        )
        assert 0.3 < roc_auc_score(cracked, scores[:, 1]) < 0.7


def test_the_order_within_the_bursts_tells_a_crack() -> None:
    """The envelope of a good part rises faster than it falls, that of a cracked one falls faster than it rises."""
    from sklearn.metrics import roc_auc_score

    highpass = scipy.signal.butter(4, 3000, "highpass", fs=strikes.RATE_HZ, output="sos")
    cracked, skews = [], []
    for stand in range(20):
        for number in range(strikes.STRIKES):
            strike = strikes.synthesise(stand, number)
            chatter = scipy.signal.sosfilt(highpass, strike)[np.argmax(np.abs(strike)) + 600 :]
            envelope = np.abs(chatter[: len(chatter) // 64 * 64]).reshape(-1, 64).mean(axis=1)
            skews.append(scipy.stats.skew(np.diff(envelope)))
            cracked.append(strikes.defective(number))
    assert roc_auc_score(cracked, -np.array(skews)) > 0.9
