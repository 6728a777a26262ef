"""Artefacts that cannot be used are refused in one line; nothing in them is executed."""

import json
import pickle
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from corpora import write_corpus
from safetensors.torch import load_file, save_file
from stores_of import RECIPE

from features.tensors.four_channel import Recipe
from pipeline.runs.corpus import corpus_identity, learned_corpus
from stores import open_store
from training.artefact import LearnedCorpus, read_artefact, read_for_prediction, write_artefact
from training.errors import ArtefactError
from training.inference.model import TrainedModel
from training.models.build import build
from training.models.cnn.settings import CnnModel

MODEL = CnnModel(depth=2, width=16, dense=(8,))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artefact of a detector."""
    path = tmp_path_factory.mktemp("artefact")
    options: dict[str, Any] = {"recipe": json.loads(json.dumps(_described(RECIPE))), "store": "s"}
    options |= {"identity": RECIPE.identity("original"), "scores": {"accuracy": 0.75}}
    options["corpus"] = LearnedCorpus(name="tones", identity="i", clips=12, segments=2, longest_s=3.5)
    decision = {"positive": "NG", "threshold": 0.25, "temperature": 1.5, "not_sure_limit": 0.8}
    write_artefact(path, build(MODEL, 2, RECIPE), model=MODEL, classes=["NG", "OK"], decision=decision, **options)
    return path


def _described(recipe: Recipe) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(recipe)


def changed(folder: Path, copy: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Return a copy of an artefact whose description a function has changed."""
    shutil.copytree(folder, copy)
    described = json.loads((copy / "model.json").read_text())
    change(described)
    (copy / "model.json").write_text(json.dumps(described))
    return copy


def test_the_description_is_what_was_written(folder: Path) -> None:
    described, weights = read_for_prediction(folder)
    assert described.classes == ("NG", "OK")
    assert described.recipe == RECIPE
    assert described.model == MODEL
    assert (described.corpus.segments, described.corpus.longest_s) == (2, 3.5)
    assert (described.positive, described.threshold, described.not_sure_limit) == ("NG", 0.25, 0.8)
    assert described.scores == {"accuracy": 0.75}
    assert weights.keys() == load_file(folder / "model.safetensors").keys()
    model = TrainedModel(folder, device="cpu")
    assert (model.classes, model.version) == (described.classes, read_artefact(folder).version)
    before = torch.get_rng_state()
    TrainedModel(folder, device="cpu")
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (lambda it: it.pop("format"), r"format: expected 2, got None: .*; train it again"),
        (lambda it: it.update(format=3), "format: expected 2, got 3: this model is of another otogura"),
        (lambda it: it.pop("classes"), "classes: expected a value, got none; copy the model again"),
        (lambda it: it.update(classes=["NG", "NG"]), "classes: expected each name once"),
        (lambda it: it.update(classes="NG"), "classes: input should be a valid tuple, got 'NG'"),
        (lambda it: it.update(positive="x"), "positive: expected one of two classes, got 'x'"),
        (lambda it: it.pop("threshold"), "threshold: expected beside positive"),
        (lambda it: it.update(threshold=7), "threshold: input should be less than or equal to 1, got 7"),
        (lambda it: it.update(temperature="hot"), "temperature: input should be a valid number.*, got 'hot'"),
        (lambda it: it["recipe"].update(kind="log_mel"), r"recipe\.log_mel"),
        (lambda it: it["recipe"].update(n_fft=[2] * 999), r"recipe\..*n_fft: .*, got \[2, 2, .*…; copy"),
        (lambda it: it["model"].update(name="os.system"), "model: .*does not match any of the expected tags"),
        (lambda it: it.update(more=1), "more: extra inputs are not permitted, got 1"),
        (lambda it: it.update(version="0"), "are not of one model, or one is damaged: expected the version 0"),
        (lambda it: it["corpus"].update(segments=3), "are not of one model, or one is damaged"),
        (lambda it: it["corpus"].update(segments=0), r"corpus\.segments: input should be greater than 0, got 0"),
    ],
)
def test_a_changed_description_is_refused(
    folder: Path, tmp_path: Path, change: Callable[[dict[str, Any]], object], said: str
) -> None:
    with pytest.raises(ArtefactError, match=said) as caught:
        read_for_prediction(changed(folder, tmp_path / "copy", change))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("text", ["", "{", "[]", "[" * 100_000, '"text"', "\x00"])
def test_garbage_for_a_description(folder: Path, tmp_path: Path, text: str) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    (tmp_path / "copy" / "model.json").write_text(text)
    for read in (read_for_prediction, read_artefact):
        with pytest.raises(ArtefactError, match=r"model\.json: expected "):
            read(tmp_path / "copy")


def test_weights_of_another_model_and_pickles_are_refused(folder: Path, tmp_path: Path) -> None:
    shutil.copytree(folder, tmp_path / "copy")
    path = tmp_path / "copy" / "model.safetensors"
    save_file({name: value + 1 for name, value in load_file(path).items()}, path)
    with pytest.raises(ArtefactError, match="are not of one model"):
        read_for_prediction(tmp_path / "copy")
    path.write_bytes(pickle.dumps({"a": 1}))
    with pytest.raises(ArtefactError, match=r"model\.safetensors: expected weights in safetensors, got none"):
        read_artefact(tmp_path / "copy")
    path.unlink()
    with pytest.raises(FileNotFoundError):
        read_for_prediction(tmp_path / "copy")


def test_features_of_other_kernels_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Recipe, "kernel", Recipe.kernel + 1)
    with pytest.raises(ArtefactError, match=r"identity: expected \w{32} .*, got \w{32} .*; train it again, or predict"):
        read_for_prediction(folder)


def test_layers_that_have_changed_are_refused(folder: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    other = build(CnnModel(depth=2, width=32, dense=(8,)), 2, RECIPE)
    monkeypatch.setattr("training.inference.model.build", lambda *arguments: other)
    with pytest.raises(
        ArtefactError, match="model: expected the layers of the weights beside it, got others"
    ) as caught:
        TrainedModel(folder, device="cpu")
    assert "\n" not in str(caught.value)


def test_weights_of_an_older_model_can_still_be_a_beginning(folder: Path, tmp_path: Path) -> None:
    def age(described: dict[str, Any]) -> None:
        for key in ("format", "identity", "corpus", "scores"):
            del described[key]

    older = changed(folder, tmp_path / "older", age)
    assert read_artefact(older).classes == ["NG", "OK"]
    with pytest.raises(ArtefactError, match=r"format: expected 2, got None: .*train it again \(its weights can be the"):
        read_for_prediction(older)
    broken = changed(folder, tmp_path / "broken", lambda described: described.update(classes=3))
    with pytest.raises(ArtefactError, match=r"model\.json: classes: expected a list, got 3"):
        read_artefact(broken)


def test_a_corpus_is_known_by_names_labels_and_contents(tmp_path: Path) -> None:
    from stores_of import indexed, small_store

    from pipeline.corpus.sources.audio.settings import AudioCorpus
    from pipeline.corpus.sources.audio.source import AudioSource

    store = small_store(tmp_path, "ab", 3)
    identity = corpus_identity(store.rows)
    assert corpus_identity(store.rows.take([5, 4, 3, 2, 1, 0])) == identity
    assert corpus_identity(store.rows.slice(1)) != identity
    assert open_store(store.path).identity == store.identity
    clips = indexed(AudioSource(AudioCorpus(root=tmp_path / "corpus"), ""), tmp_path / "again")
    learned = learned_corpus(store, clips, 8000)
    assert (learned.name, learned.clips, learned.segments, learned.sample_rate_hz) == ("tones", 6, 1, 8000)
    assert learned.longest_s == pytest.approx(0.6, abs=1e-4)
    assert learned_corpus(store).longest_s is None
    root = write_corpus(tmp_path / "other", "a", 1, seconds=1.0)
    parts = indexed(AudioSource(AudioCorpus(root=root, segments=3), ""), tmp_path / "parts")
    from pipeline.runs.corpus import _longest_s

    assert 1.0 <= (_longest_s(parts, 3) or 0) < 1.001
    assert (
        _longest_s(clips.set_column(clips.column_names.index("sample_rate_hz"), "sample_rate_hz", [[0] * 6]), 1) is None
    )
