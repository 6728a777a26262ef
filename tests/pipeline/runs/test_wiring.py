"""Wiring: the stream, the fit, the threshold and Snakemake's jobs get what the configuration says."""

import json
from collections.abc import Sequence
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from stores_of import plan_of_tones, small_store

import pipeline.runs.fitting
import training.evaluation.decision
from features.audio import decode
from pipeline.build.store import array_specs, store_identity
from pipeline.config.experiment import Experiment
from pipeline.config.schema import parse
from pipeline.corpus.sides import Sides
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.corpus.sources.esc50.settings import Esc50Corpus
from pipeline.corpus.sources.json.settings import JsonCorpus
from pipeline.corpus.sources.json.source import JsonSource
from pipeline.corpus.sources.tags.settings import TagsCorpus
from pipeline.runs.fitting import fit_run, tensors_per_epoch
from pipeline.runs.learnable import learned_classes
from pipeline.runs.run import Run, prepare_run, run_sides
from pipeline.runs.train import train_experiment
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from pipeline.workflow.plan import Plan, plan_of
from stores import Store
from stores.files import read_json
from stores.layout import ArraySpec
from training.stream import ClipStream

MODEL = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Two classes of 12 recordings; six variants."""
    return small_store(tmp_path_factory.mktemp("two"), "ab", 12)


def chosen(**options: Any) -> Experiment:
    training = {"epochs": 1, "batch_size": 4, "device": "cpu", "precision": "float32"} | options.pop("training", {})
    return parse({"experiments": {"x": {"model": MODEL, "training": training} | options}}, "").experiments["x"]


def run(store: Store, experiment: Experiment) -> Run:
    return prepare_run(store, experiment, "x")


class Fitting:
    """Stands in the place of `fit`, and of the streams it is given."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.streams: list[dict[str, Any]] = []
        self.fits: list[dict[str, Any]] = []
        monkeypatch.setattr(pipeline.runs.fitting, "ClipStream", self._stream)
        monkeypatch.setattr(pipeline.runs.fitting, "fit", self._fit)

    def _stream(self, store: Store, rows: np.ndarray, labels: np.ndarray, **options: Any) -> int:
        self.streams.append({"store": store, "rows": rows.tolist(), "labels": labels, **options})
        return len(self.streams) - 1

    def _fit(self, folder: Path, train: int, validation: int | None, **options: Any) -> None:
        self.fits.append({"folder": folder, "train": train, "validation": validation, **options})


@pytest.fixture
def fitting(monkeypatch: pytest.MonkeyPatch) -> Fitting:
    return Fitting(monkeypatch)


@pytest.mark.parametrize(
    ("variants", "shown", "choice"),
    [
        ("all", ("original", "noise", "shift", "stretch", "pitch", "rolloff"), "all"),
        ("one", ("original", "noise", "shift", "stretch", "pitch", "rolloff"), "one"),
        ("original", ("original",), "all"),
    ],
)
def test_the_stream_that_trains_is_as_configured(
    store: Store, tmp_path: Path, fitting: Fitting, variants: str, shown: tuple[str, ...], choice: str
) -> None:
    experiment = chosen(training={"variants": variants, "views": 3, "seed": 7, "batch_size": 5})
    this = run(store, experiment)
    sides = run_sides(this)
    fit_run(tmp_path, sides, this)
    train, validation = fitting.streams
    assert train["rows"] == sides.train.tolist()
    assert validation["rows"] == sides.validation.tolist()
    assert (train["variants"], train["choice"], train["views"], train["seed"]) == (shown, choice, 3, 7)
    assert (train["shuffle"], train["batch_size"]) == (True, 5)
    # What validates is shown once, in its order, as it was recorded: the stream's own defaults.
    assert set(validation) <= {"store", "rows", "labels", "batch_size", "expand", "statistics"}
    assert train["labels"].tolist() == ["ab".index(label) for label in store.rows["label"].to_pylist()]
    (fitted,) = fitting.fits
    assert (fitted["train"], fitted["validation"]) == (0, 1)
    assert (fitted["model"], fitted["training"], fitted["classes"]) == (
        this.setup.model,
        this.setup.training,
        ["a", "b"],
    )


@pytest.mark.parametrize("variants", ["all", "one", "original"])
def test_the_tensors_of_an_epoch_are_counted_as_its_stream_gives_them(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variants: str
) -> None:
    streams: list[ClipStream] = []
    monkeypatch.setattr(pipeline.runs.fitting, "fit", lambda folder, train, validation, **_: streams.append(train))
    this = run(store, chosen(training={"variants": variants, "views": 3, "batch_size": 1}))
    sides = run_sides(this)
    fit_run(tmp_path, sides, this)
    assert tensors_per_epoch(sides, this) == len(streams[0])


def test_batches_for_a_gpu_are_pinned_and_a_gpu_that_is_not_there_is_refused(
    store: Store, tmp_path: Path, fitting: Fitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    for device in ("cuda", "cpu"):
        monkeypatch.setattr("torch.cuda.is_available", lambda: True)
        this = run(store, chosen(training={"device": device}))
        fit_run(tmp_path, run_sides(this), this)
        assert fitting.streams[-2]["pin"] is (device == "cuda")
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    with pytest.raises(InputError, match=r"x\.training\.device: expected a GPU that torch can use, found none"):
        run(store, chosen(training={"device": "cuda"}))


def test_a_fit_is_told_its_beginning_its_end_and_its_statistics(
    store: Store, tmp_path: Path, fitting: Fitting, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[tuple[list[int], Sequence[str]]] = []

    def statistics(store: Store, rows: np.ndarray, variants: Sequence[str]) -> str:
        asked.append((rows.tolist(), variants))
        return "those of the training clips"

    monkeypatch.setattr(pipeline.runs.fitting, "fitted_statistics", statistics)
    monkeypatch.setattr(pipeline.runs.fitting, "read_artefact", lambda folder: f"weights of {folder.name}")
    for normalise in ("clip", "train"):
        this = run(store, chosen(training={"normalise": normalise, "variants": "original"}))
        sides = run_sides(this)
        fit_run(tmp_path, sides, this, tmp_path / "first", print, 12.5)
        told = fitting.fits[-1]
        assert (told["folder"], told["start"]) == (tmp_path, "weights of first")
        assert (told["before_epoch"], told["until"]) == (print, 12.5)
        assert told["standard"] == (None if normalise == "clip" else "those of the training clips")
        for stream in fitting.streams[-2:]:
            assert (stream["expand"], stream["statistics"]) == (False, normalise == "train")
    assert asked == [(sides.train.tolist(), ("original",))]
    fit_run(tmp_path, sides, this)
    assert [fitting.fits[-1][name] for name in ("start", "before_epoch", "until")] == [None, None, None]


def test_without_validation_no_stream_validates(store: Store, tmp_path: Path, fitting: Fitting) -> None:
    this = run(store, chosen(training={"keep": "last"}))
    fit_run(tmp_path, run_sides(this), this)
    assert len(fitting.streams) == 1
    assert fitting.fits[0]["validation"] is None


def test_a_run_is_known_by_its_store_and_its_split(store: Store, tmp_path: Path, fitting: Fitting) -> None:
    for seed in (0, 1):
        this = run(store, chosen(split={"seed": seed}))
        sides = run_sides(this)
        fit_run(tmp_path, sides, this)
        assert fitting.fits[-1]["identity"] == {"store": store.identity, "split": sides.digest()}
    assert fitting.fits[0]["identity"] != fitting.fits[1]["identity"]


def test_classes_weigh_by_the_training_clips_alone(store: Store, tmp_path: Path, fitting: Fitting) -> None:
    """One of each class tests and validates, so all clips together would give weights of 1."""
    labels = store.rows["label"].to_pylist()
    a, b = ([row for row, label in enumerate(labels) if label == name] for name in "ab")
    sides = Sides(*(np.array(sorted(rows)) for rows in ([*a[:8], *b[:2]], [a[8], *b[2:7]], [a[9], *b[7:]], [])))
    for weight, expected in (("balanced", [10 / 16, 10 / 4]), (5.0, [10 / 18, 50 / 18])):
        this = run(store, chosen(training={"class_weight": weight}))
        fit_run(tmp_path, sides, this)
        assert fitting.fits[-1]["class_weights"] == pytest.approx(expected)


def test_the_threshold_is_chosen_on_the_clips_that_validate(
    store: Store, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And never on those that test, though it decides what they are taken for."""
    asked: list[tuple[np.ndarray, np.ndarray]] = []

    def choose(found: np.ndarray, truth: np.ndarray) -> float:
        asked.append((found, truth))
        return 0.123

    monkeypatch.setattr(training.evaluation.decision, "choose_threshold", choose)
    experiment = chosen(split={"validation": 0.4, "test": 0.2}, training={"variants": "original"})
    metrics = train_experiment(tmp_path / "run", store, experiment, name="x", config_path="x")
    sides = run_sides(run(store, experiment))
    (found, truth), (of_baseline, _) = asked
    assert metrics["validation_clips"] == len(sides.validation) != len(sides.test) == metrics["test_clips"]
    labels = np.array(store.rows["label"].to_pylist())
    assert len(found) == len(of_baseline) == len(sides.validation)
    assert truth.tolist() == (labels[sides.validation] == "b").tolist()
    assert metrics["threshold"] == read_json(tmp_path / "run" / "model.json")["threshold"] == 0.123


class TestJobs:
    """Jobs: their text decides whether Snakemake runs it again: a setting that is missing there is ignored."""

    CHANGES = (
        {"classes": ["a", "b"]},
        {"drop": ["a"]},
        {"positive": "a"},
        {"task": "multilabel"},
        {"sure_accuracy": 0.9},
        {"split": {"seed": 1}},
        {"model": {"width": 0.5}},
        {"training": {"learning_rate": 1e-4}},
        {"corpus": {"root": "x", "table": "t.csv", "fold": "f"}, "folds": [1, 2]},
        {"corpus": {"root": "x", "silent": "quarantine"}},
        {"recipe": "other"},
        {"init_from": "before"},
    )

    def plan(self, tmp_path: Path, **options: Any) -> Plan:
        experiment = {"corpus": {"root": "x"}, "recipe": "small"} | options
        config = {
            "recipes": {"small": {"frames": 24}, "other": {"frames": 25}},
            "experiments": {"x": experiment, "before": {"corpus": {"root": "x"}, "recipe": experiment["recipe"]}},
        }
        (tmp_path / "mine.yaml").write_text(json.dumps(config))
        return plan_of([tmp_path / "mine.yaml"])

    def test_every_setting_reaches_training(self, tmp_path: Path) -> None:
        told = [self.plan(tmp_path).experiments["x"].train_job]
        told += [self.plan(tmp_path, **change).experiments["x"].train_job for change in self.CHANGES]
        assert len(set(told)) == len(told)
        assert set(Experiment.model_fields) - {"search"} == {key for change in self.CHANGES for key in change}

    def test_the_search_is_told_of_all_that_decides_its_trials(self, tmp_path: Path) -> None:
        searched = {"model": "cnn", "search": {"trials": 2}}
        changes = [change for change in self.CHANGES if not change.keys() & {"init_from", "folds", "model"}]
        changes += [{"model": {"name": "cnn", "depth": 5}}, {"search": {"trials": 3}}, {"search": {"seed": 1}}]
        told = [self.plan(tmp_path, **searched).experiments["x"].search_job]
        told += [self.plan(tmp_path, **(searched | change)).experiments["x"].search_job for change in changes]
        assert len(set(told)) == len(told)

    def test_silence_is_quarantined_where_the_configuration_says_so(self, tmp_path: Path) -> None:
        told = json.loads(self.plan(tmp_path, corpus={"root": "x", "silent": "quarantine"}).experiments["x"].corpus.job)
        assert told["corpus"]["silent"] == "quarantine"
        assert json.loads(self.plan(tmp_path).experiments["x"].corpus.job)["corpus"]["silent"] == "keep"

    def test_the_build_is_told_of_all_that_decides_its_bytes(self, tmp_path: Path) -> None:
        plan = plan_of_tones(tmp_path)
        told = [plan.experiments["x"].store.job]
        told.append(plan_of_tones(tmp_path, compression="zstd").experiments["x"].store.job)
        told.append(plan_of_tones(tmp_path, noise=None).experiments["x"].store.job)
        assert len(set(told)) == 3


def test_silent_recordings_are_quarantined_or_kept(tmp_path: Path) -> None:
    import soundfile

    (tmp_path / "a").mkdir()
    soundfile.write(tmp_path / "a" / "silence.wav", np.zeros(1000), 8000)
    for silent, reason in (("quarantine", "silent"), ("keep", "")):
        source = AudioSource(AudioCorpus(root=tmp_path, silent=silent), "x")
        assert source.scan(tmp_path / silent, TaskRunner())["reason"].to_pylist() == [reason]


def test_silent_records_are_quarantined_or_kept(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "x.json").write_text(json.dumps({"waveforms": [[0] * 99], "labels": ["OK"], "fs": 8000}))
    for silent, reason in (("quarantine", "silent"), ("keep", "")):
        source = JsonSource(JsonCorpus(root=tmp_path / "data", silent=silent), "x")
        assert source.scan(tmp_path / silent, TaskRunner())["reason"].to_pylist() == [reason]


def test_what_is_read_as_a_folder_and_a_table_says_the_same_of_bad_recordings(tmp_path: Path) -> None:
    settings: dict[str, Any] = {"silent": "quarantine", "max_quarantine": 0.25}
    esc50 = Esc50Corpus(root=tmp_path, **settings).stored()
    tags = TagsCorpus(root=tmp_path, table=tmp_path / "t.csv", **settings).stored(tmp_path / "labels.csv")
    for corpus in (esc50, tags):
        assert {name: getattr(corpus, name) for name in settings} == settings


def test_a_recording_that_could_not_be_read_is_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever else is wrong with a recording stays so until the file changes; a permission may come without that."""
    import soundfile

    (tmp_path / "a").mkdir()
    soundfile.write(tmp_path / "a" / "0.wav", np.ones(1000) / 2, 8000)
    source = AudioSource(AudioCorpus(root=tmp_path), "x")
    denied = True
    opened = open

    def guarded(path: Any, *arguments: Any, **options: Any) -> Any:
        if denied and str(path).endswith("0.wav"):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **options)

    monkeypatch.setattr("builtins.open", guarded)
    assert source.scan(tmp_path / "i", TaskRunner())["reason"].to_pylist() == ["unreadable: Permission denied"]
    denied = False
    assert source.scan(tmp_path / "i", TaskRunner())["reason"].to_pylist() == [""]
    assert len(decode(tmp_path / "a" / "0.wav")[0]) == 1000


def test_a_store_is_known_by_its_rows_in_their_order(store: Store) -> None:
    rows = store.rows.select(["id", "label", "group", "fold", "content_hash"])
    recipe = read_json(store.path / "manifest.json")["recipe"]
    from features.tensors import recorded_recipe

    specs = array_specs(recorded_recipe(recipe), 4)
    identities = {store_identity(rows, specs), store_identity(rows.take(np.arange(len(rows))[::-1]), specs)}
    for name, value in (("id", "x"), ("label", "x"), ("label", None), ("label", "None"), ("group", "x"), ("fold", 3)):
        place = rows.column_names.index(name)
        values = [value, *rows[name].to_pylist()[1:]]
        identities.add(store_identity(rows.set_column(place, name, pa.array(values, rows[name].type)), specs))
    identities.add(store_identity(rows.set_column(4, "content_hash", pa.array(["0" * 32] * len(rows))), specs))
    for changed in (
        array_specs(recorded_recipe(recipe), 8),
        array_specs(recorded_recipe(recipe), 4, "zstd"),
        specs[:3],
    ):
        identities.add(store_identity(rows, changed))
    assert len(identities) == 2 + 6 + 1 + 3
    assert learned_classes(rows, None, (), "") == ["a", "b"]


def test_a_store_has_the_name_that_it_had() -> None:
    """Folders of stores that exist have names of this form; under any other one all would be built again."""
    table = pa.table(
        {"id": ["x", "y"], "label": ["a", None], "group": ["g"] * 2, "fold": [0, 1], "content_hash": ["h"] * 2}
    )
    told = b"v\0i\x004\0None\nx\0a\0g\x000\0h\ny\0\0g\x001\0h\n"
    simple = [ArraySpec("v", "i", (1,), ("sample",), 1, "float32", 4, {})]
    assert store_identity(table, simple) == blake2b(told, digest_size=8).hexdigest()
