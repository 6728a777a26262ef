"""The demo of overlapping sounds: deterministic, read as a table with several labels, and no linear problem."""

from pathlib import Path

import numpy as np
import pytest
import scipy.signal

from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.demos import scenes
from pipeline.runs.learnable import learned_classes
from pipeline.support.executors import TaskRunner


def test_the_same_scene_is_the_same_every_time() -> None:
    assert scenes.scene(3, 4).tobytes() == scenes.scene(3, 4).tobytes()
    assert scenes.scene(3, 4).tobytes() != scenes.scene(3, 3).tobytes()
    assert len(scenes.scene(0, 0)) == round(scenes.SECONDS * scenes.RATE_HZ)
    assert 0.2 <= np.abs(scenes.scene(1, 1)).max() <= 0.9


def test_scenes_have_one_to_three_sounds_of_all_kinds() -> None:
    drawn = [scenes.sounds_of(place, number) for place in range(scenes.PLACES) for number in range(scenes.SCENES)]
    counts = np.bincount([len(sounds) for sounds in drawn], minlength=4)
    assert counts[0] == 0
    assert counts[1:] / len(drawn) == pytest.approx(scenes.OVERLAPS, abs=0.05)
    assert {name for sounds in drawn for name in sounds} == set(scenes.KINDS)
    assert all(len(set(sounds)) == len(sounds) for sounds in drawn)


def test_it_is_read_as_a_table_with_several_labels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "PLACES", 6)
    root = tmp_path / "scenes"
    scenes.write(root, tmp_path / "scenes.json")
    before = {path.name: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()}
    scenes.write(root, tmp_path / "scenes.json")
    assert {path.name: path.read_bytes() for path in sorted(root.rglob("*")) if path.is_file()} == before
    settings = {name: value for name, value in scenes.corpus(root).items() if name != "source"}
    rows = AudioSource(AudioCorpus(**settings), "corpus").scan(tmp_path / "index", TaskRunner())
    assert set(rows["reason"].to_pylist()) == {""}
    assert len(set(rows["group"].to_pylist())) == 6
    assert learned_classes(rows, None, (), "x", "multilabel") == list(scenes.KINDS)


def test_no_linear_model_of_levels_tells_the_sounds() -> None:
    """Means and deviations over time of all bins' levels, for places left out."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.metrics import average_precision_score
    from sklearn.model_selection import GroupKFold, cross_val_predict
    from sklearn.multiclass import OneVsRestClassifier
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    places, labels, numbers = [], [], []
    for place in range(30):
        for number in range(scenes.SCENES):
            _, _, spectrum = scipy.signal.stft(scenes.scene(place, number), scenes.RATE_HZ, nperseg=256)
            levels_db = 20 * np.log10(np.abs(spectrum) + 1e-6)
            numbers.append(np.concatenate([levels_db.mean(axis=1), levels_db.std(axis=1)]))
            labels.append([kind in scenes.sounds_of(place, number) for kind in scenes.KINDS])
            places.append(place)
    linear = make_pipeline(StandardScaler(), OneVsRestClassifier(LogisticRegression(C=0.01, max_iter=1000)))
    options = {"groups": places, "cv": GroupKFold(5), "method": "predict_proba"}
    shares = cross_val_predict(linear, np.array(numbers), np.array(labels), **options)
    assert 0.4 < average_precision_score(labels, shares) < 0.85
