"""Normalisation by training clips: as if no clip had been normalised by itself before."""

from pathlib import Path
from typing import Any

import librosa
import numpy as np
import oracle
import pytest
import soundfile
import torch
from corpora import RATE_HZ, write_corpus
from stores_of import indexed

from features.augmentations import Variants
from features.tensors.four_channel import Recipe
from features.tensors.four_channel.spline import spline_matrix
from pipeline.build.store import build_store
from pipeline.config.schema import parse
from pipeline.config.setup import Setup
from pipeline.corpus.sides import Sides
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.runs.corpus import learned_corpus
from pipeline.runs.fitting import fit_run
from pipeline.runs.run import prepare_run
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from stores import Store, open_store
from stores.files import read_json
from training.artefact import read_artefact, write_artefact
from training.augment import mixture
from training.evaluation.predict import predict
from training.learner import Learner
from training.models.build import build
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.normalise import Renormalise, TrainStatistics, features_for, fitted_statistics
from training.settings import Augment, Training
from training.stream import ClipStream

VARIANTS = Variants(pitch=None, stretch=None, rolloff=None, shift=None)
RECIPES = {layout: Recipe(frames=20, layout=layout, variants=VARIANTS) for layout in ("dense", "compact")}
SILENT, CLIPS = "b/0.wav", 9
GROUPS = ("log_mel", "mfcc_0", "mfcc_1_up", "delta", "delta_delta")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Tones of three classes and growing loudness, longer than the tensors; one is silent."""
    folder = tmp_path_factory.mktemp("normalise")
    write_corpus(folder / "corpus", "abc", 3)
    for number, path in enumerate(sorted((folder / "corpus").rglob("*.wav"))):
        gain = 0.0 if path == folder / "corpus" / SILENT else 0.1 * (number + 1)
        soundfile.write(path, gain * soundfile.read(path)[0], RATE_HZ, subtype="FLOAT")
    return folder


@pytest.fixture(scope="module")
def stores(folder: Path) -> dict[str, Store]:
    """Stores of the same recordings, dense and compact."""
    source = AudioSource(AudioCorpus(root=folder / "corpus"), "corpus")
    index = indexed(source, folder / "index")
    found = {}
    for layout, recipe in RECIPES.items():
        options: dict[str, Any] = {"name": "tones", "clips_per_shard": 4, "engine": TaskRunner()}
        recordings = source.recordings(folder / "index", index)
        found[layout] = open_store(build_store(folder / layout, index, recordings, recipe, **options).path)
    return found


def silent(store: Store) -> int:
    """The row of the silent recording."""
    return store.rows["id"].to_pylist().index(SILENT)


def training_rows(store: Store) -> np.ndarray:
    """Five of nine; the silent one is among them."""
    others = [row for row in range(CLIPS) if row != silent(store)]
    return np.array([silent(store), *others[:4]])


@pytest.fixture(scope="module")
def raw(folder: Path, stores: dict[str, Store]) -> list[dict[str, np.ndarray]]:
    """The groups of each row before any normalisation, by librosa, each `(rows, frames)` float64."""
    found = []
    assert stores["dense"].rows["id"] == stores["compact"].rows["id"]
    for name in stores["dense"].rows["id"].to_pylist():
        samples = soundfile.read(folder / "corpus" / name)[0]
        decibels = oracle.log_mel(samples[RECIPES["dense"].cut(len(samples))])
        mfcc = librosa.feature.mfcc(S=decibels, n_mfcc=13)
        deltas = [oracle.delta(mfcc, order) for order in (1, 2)]
        groups = [decibels - decibels.max(), mfcc[:1], mfcc[1:], *deltas]
        found.append(dict(zip(GROUPS, groups, strict=True)))
    return found


def from_scratch(groups: dict[str, np.ndarray], statistics: TrainStatistics) -> np.ndarray:
    """The dense tensor of a recording whose groups are normalised by statistics and nothing else."""
    numbers = zip(statistics.location, statistics.scale, strict=True)
    level, *few = ((groups[name] - at) / by for name, (at, by) in zip(GROUPS, numbers, strict=True))
    planes = [np.concatenate(few[:2]), *few[2:]]
    return np.stack([level, *(oracle.upsample(plane, 128) for plane in planes)])


def batch_of(store: Store, **options: Any) -> dict[str, torch.Tensor]:
    labels = np.unique(store.rows["label"].to_pylist(), return_inverse=True)[1].astype(np.int64)
    stream = ClipStream(store, np.arange(len(store)), labels, batch_size=len(store), expand=False, **options)
    return next(iter(stream))


@pytest.mark.parametrize("layout", RECIPES)
def test_it_equals_features_that_are_normalised_only_once(
    stores: dict[str, Store], raw: list[dict[str, np.ndarray]], layout: str
) -> None:
    store = stores[layout]
    statistics = fitted_statistics(store, training_rows(store), ["original"])
    batch = batch_of(store, statistics=True)
    with torch.autocast("cpu", torch.bfloat16):
        found = Renormalise(RECIPES[layout], statistics)(batch["features"], batch["statistics"])
    assert found.dtype == torch.float32
    if layout == "compact":
        found = torch.cat([found[:, None, :128], spline() @ found[:, 128:].reshape(CLIPS, 3, 13, -1)], dim=1)
    else:
        assert found.is_contiguous(memory_format=torch.channels_last)
    expected = torch.from_numpy(np.stack([from_scratch(groups, statistics) for groups in raw])).float()
    # The rounding of float16, in units of the clip: of values up to some ten of its own standard deviations.
    torch.testing.assert_close(found, expected, rtol=2e-3, atol=2e-2)
    assert float((found - expected).square().mean().sqrt()) < 1e-3
    stored = batch["features"] if layout == "dense" else batch["features"][:, None, :128]
    assert float((found[:, 0] - stored[:, 0]).abs().max()) > 0.5  # clips differ, so it does something


def spline() -> torch.Tensor:
    return torch.from_numpy(spline_matrix(13, 128)).float()


def test_rows_of_the_spline_sum_to_one() -> None:
    """By which a change of all coefficients alike is one of all rows of the plane."""
    np.testing.assert_allclose(spline_matrix(13, 128).sum(axis=1), 1, atol=1e-12)


def test_statistics_are_those_of_the_training_clips_together(
    stores: dict[str, Store], raw: list[dict[str, np.ndarray]]
) -> None:
    rows = training_rows(stores["dense"])
    found = fitted_statistics(stores["dense"], rows, ["original"])
    for number, name in enumerate(GROUPS[:3]):
        values = np.stack([raw[row][name] for row in rows])
        assert found.location[number] == pytest.approx(values.mean(), abs=1e-3)
        assert found.scale[number] == pytest.approx(values.std(), rel=1e-4)
    for number, name in ((3, "delta"), (4, "delta_delta")):
        clips = [raw[row][name] for row in rows]
        medians = [np.median(clip) for clip in clips]
        mads = [np.median(np.abs(clip - median)) for clip, median in zip(clips, medians, strict=True)]
        scales = [max(1.4826 * mad, 0.1 * clip.std()) for mad, clip in zip(mads, clips, strict=True)]
        assert found.location[number] == pytest.approx(np.median(medians), abs=1e-3)
        assert found.scale[number] == pytest.approx(np.median(scales), rel=1e-3)


def test_variants_that_train_count(stores: dict[str, Store]) -> None:
    store = stores["dense"]
    both = fitted_statistics(store, training_rows(store), ["original", "noise"])
    alone = [fitted_statistics(store, training_rows(store), [name]) for name in ("original", "noise")]
    assert both.location[0] == pytest.approx(np.mean([one.location[0] for one in alone]))


def test_what_never_varies_is_only_centred(stores: dict[str, Store]) -> None:
    store = stores["compact"]
    statistics = fitted_statistics(store, np.array([silent(store)]), ["original"])
    assert statistics.scale == (1.0,) * 5
    batch = batch_of(store, statistics=True)
    found = Renormalise(RECIPES["compact"], statistics)(batch["features"], batch["statistics"])
    assert torch.isfinite(found).all()
    assert found[silent(store)].abs().max() == 0


def test_clips_are_normalised_before_they_are_mixed(stores: dict[str, Store]) -> None:
    store = stores["dense"]
    seen: list[torch.Tensor] = []

    statistics = fitted_statistics(store, training_rows(store), ["original"])
    network = build(ResNetAttentionModel(width=0.125, blocks=(1, 1, 1)), 3, RECIPES["dense"], statistics)
    network.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0]))
    learner = Learner(network, Training(augment=Augment(mixup=0.4), device="cpu", precision="float32"))
    batch = batch_of(store, statistics=True)
    learner.learn(batch)
    alone, share = network.renormalise(batch["features"], batch["statistics"]), mixture(batch["key"], 0.4)
    share = share[:, None, None, None]
    torch.testing.assert_close(seen[0], share * alone + (1 - share) * alone.roll(-1, dims=0))


def test_a_run_is_normalised_by_its_training_clips_alone(stores: dict[str, Store], tmp_path: Path) -> None:
    """And what it leaves gives the same outputs elsewhere, with the numbers that it was trained with."""
    store, numbers = stores["compact"], np.arange(CLIPS)
    rows = training_rows(store)
    sides = Sides(np.sort(rows), np.setdiff1d(numbers, rows)[:2], np.setdiff1d(numbers, rows)[2:], numbers[:0])
    model = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1), attention_blocks=1, dropout=0.0)
    fitted = {}
    for name in ("train", "clip"):
        training = Training(epochs=1, batch_size=4, device="cpu", precision="float32", normalise=name)
        run = prepare_run(store, Setup(model=model, training=training), "x")
        fitted[name] = fit_run(tmp_path / name, sides, run)
        options: dict[str, Any] = {"model": model, "classes": run.classes, "recipe": store.manifest["recipe"]}
        options |= {"identity": "", "store": store.identity, "corpus": learned_corpus(store), "scores": {}}
        write_artefact(tmp_path / name, fitted[name].network, **options, decision={})
        assert read_json(tmp_path / name / "model.json")["normalise"] == name
    assert fitted["train"].history != fitted["clip"].history
    weights = read_artefact(tmp_path / "train").weights
    assert weights.keys() - read_artefact(tmp_path / "clip").weights.keys() == {
        "renormalise.location",
        "renormalise.scale",
    }
    expected = fitted_statistics(store, rows, store.variants)
    np.testing.assert_allclose(weights["renormalise.location"], expected.location, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(weights["renormalise.scale"], expected.scale, rtol=1e-5)

    elsewhere = build(model, 3, RECIPES["compact"], TrainStatistics((0.0,) * 5, (1.0,) * 5)).eval()
    elsewhere.load_state_dict(weights)
    stream = ClipStream(store, numbers, run.labels, batch_size=4, expand=False, statistics=True)
    found = predict(fitted["train"].network, stream, torch.device("cpu")).logits
    with torch.inference_mode():
        alone = elsewhere(features_for(elsewhere, batch_of(store, statistics=True)))
    np.testing.assert_allclose(found, alone, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("model", ["cnn8", "cnn1d_attention", "resnet_bottleneck"])
def test_it_is_refused_for_tensors_that_are_not_normalised_by_clip(model: str) -> None:
    corpus = {"source": "csv", "train": "x.csv"} if model == "resnet_bottleneck" else {"root": "x"}
    given = {"corpus": corpus, "model": model, "training": {"normalise": "train"}}
    with pytest.raises(InputError, match=r"experiments\.x\.training\.normalise: train is for .* leave it out"):
        parse({"experiments": {"x": given}}, "")


def test_a_run_that_starts_from_another_reads_the_same() -> None:
    first = {"corpus": {"root": "x"}, "training": {"normalise": "train"}}
    with pytest.raises(InputError, match=r"experiments\.b\.training\.normalise: expected that of a, train, got clip"):
        parse({"experiments": {"a": first, "b": first | {"init_from": "a", "training": {}}}}, "")
    parse({"experiments": {"a": first, "b": first | {"init_from": "a"}}}, "")
