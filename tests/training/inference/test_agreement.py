"""A loaded model gives the probabilities of the run's own evaluation, for every test recording and kind of tensor."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import tone, write_corpus
from trained import ONLY_ORIGINAL, TrainedRun, scored, trained_run

from features.tensors.four_channel import Recipe
from features.tensors.log_mel import LogMelRecipe
from features.tensors.waveform import WaveformRecipe
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.json.settings import JsonCorpus
from training.inference.model import TrainedModel

FOUR = Recipe(frames=24, n_mels=32, variants=ONLY_ORIGINAL)
RECIPES: dict[str, dict[str, Any]] = {
    "dense": {"recipe": FOUR},
    "longer than the window": {"recipe": replace(FOUR, frames=12)},
    "segments": {"recipe": replace(FOUR, frames=12), "segments": 3},
    "compact": {"recipe": replace(FOUR, layout="compact")},
    "compact, train": {"recipe": replace(FOUR, layout="compact"), "training": {"normalise": "train"}},
    "train": {"recipe": FOUR, "training": {"normalise": "train"}},
    "log_mel": {
        "recipe": LogMelRecipe(sample_rate_hz=16000, frames=20, n_mels=16, variants=ONLY_ORIGINAL),
        "model": {"name": "cnn8", "channels": [16] * 8, "crop": [14, 18], "test_crops": [1, 2]},
    },
}


@pytest.mark.parametrize("kind", RECIPES)
def test_every_test_recording_gets_the_answer_of_the_evaluation(tmp_path: Path, kind: str) -> None:
    options = dict(RECIPES[kind])
    corpus = AudioCorpus(root=write_corpus(tmp_path / "corpus", "abc", 6), segments=options.pop("segments", 1))
    run = trained_run(tmp_path, corpus, **options)
    model = TrainedModel(run.folder, device="cpu")
    assert model.version == run.metrics["model_version"]
    expected = scored(run.folder)
    assert len(expected) >= 3
    for name, (decided, shares) in expected.items():
        answer = model.predict(run.corpus / name)
        assert len(answer.segments) == corpus.segments
        assert answer.class_name == decided, name
        np.testing.assert_allclose(list(answer.probabilities.values()), shares, atol=1e-6)
        samples, rate_hz = soundfile.read(run.corpus / name, dtype="float32")
        assert model.predict(samples, rate_hz).probabilities == answer.probabilities


def test_each_fold_is_a_model_of_its_own(tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "corpus", "ab", 6)
    rows = [f"{label}/{number}.wav,{label},{1 + number % 2}" for label in "ab" for number in range(6)]
    (tmp_path / "folds.csv").write_text("\n".join(["path,label,fold", *rows]))
    corpus = AudioCorpus(root=root, table=tmp_path / "folds.csv", fold="fold")
    given = {"corpus": {"root": "x", "table": "folds.csv", "fold": "fold"}, "folds": [1, 2]}
    run = trained_run(tmp_path, corpus, FOUR, **given)
    versions = set()
    for fold in (1, 2):
        folder = run.folder / f"fold-{fold}"
        model = TrainedModel(folder, device="cpu")
        versions.add(model.version)
        for name, (decided, shares) in scored(folder).items():
            answer = model.predict(root / name)
            assert answer.class_name == decided
            np.testing.assert_allclose(list(answer.probabilities.values()), shares, atol=1e-6)
    assert len(versions) == 2


@pytest.fixture(scope="module")
def detector(tmp_path_factory: pytest.TempPathFactory) -> TrainedRun:
    """A detector of waveforms in JSON, most of whose records do not state their rate."""
    folder = tmp_path_factory.mktemp("detector")
    root = folder / "corpus"
    root.mkdir()
    sounds = [tone(300 + 500 * (number % 2), 0.3 + 0.01 * number, number, rate_hz=8000) for number in range(20)]
    records = [{"Waveform": sound.tolist(), "Labels": number % 2} for number, sound in enumerate(sounds)]
    records[3]["fs"] = 16000
    (root / "some.json").write_text(json.dumps(records))
    recipe = WaveformRecipe(sample_rate_hz=8000, samples=2048, band_hz=(20.0, 3000.0), variants=ONLY_ORIGINAL)
    model = {"name": "cnn1d_attention", "filters": [8, 8], "kernels": [15, 7], "heads": 2, "dense": [8]}
    return trained_run(folder, JsonCorpus(root=root, sample_rate_hz=8000), recipe, model=model)


def test_a_detector_of_waveforms_decides_by_its_threshold(detector: TrainedRun) -> None:
    model = TrainedModel(detector.folder, device="cpu")
    assert model.description.corpus.sample_rate_hz == 8000
    records = json.loads((detector.corpus / "some.json").read_text())
    for name, (decided, shares) in scored(detector.folder).items():
        record = records[int(name.rpartition("#")[2])]
        answer = model.predict(np.array(record["Waveform"], np.float32), record.get("fs", 8000))
        assert answer.class_name == decided
        np.testing.assert_allclose(list(answer.probabilities.values()), shares, atol=1e-6)
        positive = answer.probabilities[detector.metrics["positive"]]
        assert (answer.class_name == detector.metrics["positive"]) == (positive >= detector.metrics["threshold"])


def test_what_is_sure_is_counted_as_in_the_metrics(tmp_path: Path) -> None:
    run = trained_run(tmp_path, AudioCorpus(root=write_corpus(tmp_path / "corpus", "abc", 8)), FOUR, sure_accuracy=0.6)
    model = TrainedModel(run.folder, device="cpu")
    answers = [model.predict(run.corpus / name) for name in scored(run.folder)]
    assert np.mean([answer.sure for answer in answers]) == pytest.approx(run.metrics["not_sure"]["coverage"])
