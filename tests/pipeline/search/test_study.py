"""A search runs each trial once, goes on where it was broken off, and leaves a configuration that trains."""

import csv
import json
import os
import re
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import optuna
import pytest
import torch
import yaml
from optuna.trial import FrozenTrial, TrialState
from stores_of import built, plan_of_tones
from waiting import wait_until

from pipeline.config.schema import parse
from pipeline.config.search_space import changed
from pipeline.corpus.sides import by_side
from pipeline.corpus.split_file import recorded_sides
from pipeline.runs.train import train_experiment
from pipeline.search import trial as trial_module
from pipeline.search.page import loss_of
from pipeline.search.study import search
from pipeline.search.trial import Task
from pipeline.support.errors import InputError
from pipeline.workflow.jobs import SearchJob
from pipeline.workflow.plan import plan_of
from stores import open_store
from stores.files import read_json
from training.learner import Epoch, Learner
from training.models.cnn.settings import CnnModel
from training.stream import ClipStream

SPACE: dict[str, Any] = {
    "model.depth": {"low": 1, "high": 3},
    "model.dense": [[], [8]],
    "training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
}
MODEL = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}
TRAINING = {"epochs": 3, "batch_size": 8, "device": "cpu", "precision": "float32", "variants": "original"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store of 21 tones, and a configuration with the experiment x on it."""
    path = tmp_path_factory.mktemp("search")
    built(plan_of_tones(path, clips=7))
    return path


def job(folder: Path, into: Path, **options: Any) -> SearchJob:
    """A search for x whose results go to a folder of their own; `options` are those of search, model and training."""
    text = (folder / "mine.yaml").read_text()
    config = yaml.safe_load(text)
    search = {"trials": 3, "epochs": 2, "space": SPACE} | options.get("search", {})
    training = TRAINING | options.get("training", {})
    config["experiments"]["x"] |= {"model": MODEL, "training": training, "search": search}
    file = into / "searched.yaml"
    into.mkdir(exist_ok=True)
    file.write_text(json.dumps(config))
    said = plan_of([file]).experiments["x"].search_job
    return SearchJob.model_validate_json(said).model_copy(update={"folder": into})


def run(folder: Path, into: Path, workers: int = 1, **options: Any) -> FrozenTrial:
    return search(job(folder, into, **options), workers=workers, config_path="mine.yaml: experiments.x")


def table(into: Path) -> list[dict[str, str]]:
    with open(into / "trials.csv", newline="") as file:
        return list(csv.DictReader(file))


def drawn(into: Path) -> list[dict[str, str]]:
    """The settings of each trial."""
    return [{name: row[name] for name in SPACE} for row in table(into)]


@pytest.fixture(scope="module")
def searched(folder: Path) -> Path:
    run(folder, folder / "three")
    return folder / "three"


def test_the_experiment_as_it_stands_is_the_first_trial(searched: Path) -> None:
    assert drawn(searched)[0] == {"model.depth": "2", "model.dense": "[8]", "training.learning_rate": "0.001"}


def test_the_best_trial_becomes_an_experiment_on_the_same_store(folder: Path, searched: Path) -> None:
    plan, before = plan_of([searched / "best.yaml"]), plan_of([searched / "searched.yaml"])
    assert list(plan.config.experiments) == ["x_best"]
    assert plan.experiments["x_best"].store.pointer == before.experiments["x"].store.pointer
    assert plan.experiments["x_best"].corpus.corpus == before.experiments["x"].corpus.corpus
    found, told = plan.config.experiments["x_best"], before.config.experiments["x"]
    assert (found.split, found.folds, found.recipe, found.search) == (told.split, told.folds, told.recipe, None)
    best = min(table(searched), key=lambda row: float(row["validation_loss"]))
    assert str(found.model.model_dump()["depth"]) == best["model.depth"]
    assert json.dumps(found.model.model_dump(mode="json")["dense"]) == best["model.dense"]
    assert found.training.learning_rate == float(best["training.learning_rate"])
    assert found.training.epochs == 3


def test_a_page_shows_every_trial(searched: Path) -> None:
    page = (searched / "search.html").read_text()
    for row in table(searched):
        assert f"<td>{float(row['validation_loss']):.3f}</td>" in page
    assert "--configfile" in page
    assert not re.findall(r"(?:src|href)=[\"']?https?:", page)


def test_checkpoints_of_ended_trials_are_removed(searched: Path) -> None:
    assert not list((searched / "trials").iterdir())


def test_a_second_time_nothing_is_trained(folder: Path, searched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = {path.name: path.read_bytes() for path in searched.glob("*.*")}
    monkeypatch.setattr("pipeline.search.study.run_trial", None)
    run(folder, searched)
    assert {path.name: path.read_bytes() for path in searched.glob("*.*")} == before


def test_more_trials_go_on(folder: Path, searched: Path, tmp_path: Path) -> None:
    run(folder, tmp_path, search={"trials": 2})
    first = table(tmp_path)
    run(folder, tmp_path, search={"trials": 3})
    assert table(tmp_path)[:2] == first
    assert drawn(tmp_path) == drawn(searched)
    run(folder, tmp_path, search={"trials": 2})  # fewer than there are
    assert len(table(tmp_path)) == 3


@pytest.mark.parametrize(
    "options",
    [
        {"search": {"seed": 1}},
        {"search": {"space": {"model.depth": [1]}}},
        {"search": {"epochs": 1}},
        {"training": {"weight_decay": 0.1}},
    ],
)
def test_another_search_starts_anew_and_the_one_before_is_kept(
    folder: Path, tmp_path: Path, options: dict[str, Any]
) -> None:
    run(folder, tmp_path, search={"trials": 1})
    before = table(tmp_path)
    other = {**options, "search": {"trials": 1, **options.get("search", {})}}
    run(folder, tmp_path, **other)
    assert table(tmp_path) != before
    run(folder, tmp_path, search={"trials": 1})
    assert table(tmp_path) == before


def test_how_many_trials_run_at_a_time_starts_nothing_anew(
    folder: Path, searched: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipeline.search.study.run_trial", None)
    run(folder, searched, search={"processes": 2})


def test_epochs_of_the_best_do_not_start_anew(folder: Path, searched: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.search.study.run_trial", None)
    run(folder, searched, training={"epochs": 9})
    assert plan_of([searched / "best.yaml"]).config.experiments["x_best"].training.epochs == 9
    run(folder, searched)


def test_no_clip_that_tests_is_read(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: set[int] = set()
    made = ClipStream.__init__

    def watched(self: Any, store: Any, rows: Any, *rest: Any, **options: Any) -> None:
        read.update(rows.tolist())
        made(self, store, rows, *rest, **options)

    monkeypatch.setattr(ClipStream, "__init__", watched)
    run(folder, tmp_path, search={"trials": 1})
    made_job = job(folder, tmp_path)
    rows = open_store(made_job.family).rows
    sides = by_side(rows, recorded_sides(made_job.record, rows))
    assert len(sides.test)
    assert read == {*sides.train.tolist(), *sides.validation.tolist()}


def test_other_sides_are_another_study(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials that were trained and compared on other clips are not taken for those of this split."""
    ran: list[int] = []
    run_trial = trial_module.run_trial

    def watched(task: Task) -> FrozenTrial:
        ran.append(task.number)
        return run_trial(task)

    monkeypatch.setattr("pipeline.search.study.run_trial", watched)
    made = job(folder, tmp_path / "s", search={"trials": 1})
    record = tmp_path / "split.csv"
    record.write_text(made.record.read_text())
    made = made.model_copy(update={"record": record})
    for _ in range(2):
        search(made, workers=1, config_path="x")
        assert ran == [0]
    moved = re.search(r"(?m)^.*,train$", record.read_text())
    assert moved is not None
    record.write_text(record.read_text().replace(moved[0], moved[0].replace(",train", ",test")))
    search(made, workers=1, config_path="x")
    assert ran == [0, 0]


def started(folder: Path, into: Path, **options: Any) -> subprocess.Popen[str]:
    """The command of the workflow, on two cores."""
    text = job(folder, into, **options).model_dump_json()
    command = [sys.executable, "-m", "pipeline", "search", text, "--workers", "2", "--config-path", "mine.yaml"]
    return subprocess.Popen(
        [*command, "--lock", str(into / "lock")],
        cwd=Path(__file__).parents[3],
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def of_group(group: int) -> list[str]:
    """The processes of a process group that are not dead."""
    found = []
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            name, fields = path.read_text().rsplit(")", 1)
        except OSError:  # it ended meanwhile
            continue
        if fields.split()[2] == str(group) and fields.split()[0] != "Z":
            found.append(name)
    return found


@pytest.mark.parametrize(("signal_number", "workers"), [(signal.SIGKILL, 2), (signal.SIGINT, 1)])
def test_no_trial_is_lost_or_run_twice_after_an_interruption(
    folder: Path, tmp_path: Path, signal_number: int, workers: int
) -> None:
    """SIGKILL of the one that hands out trials alone, and Ctrl-C, which reaches all."""
    options: dict[str, Any] = {"search": {"trials": 4, "epochs": 12}}
    process = started(folder, tmp_path, **options)
    wait_until(lambda: list(tmp_path.glob("trials/*/checkpoints/last.ckpt")), process)
    if signal_number == signal.SIGKILL:
        process.kill()
    else:
        os.killpg(process.pid, signal_number)
    _, said = process.communicate(timeout=60)
    if signal_number == signal.SIGINT:
        assert said.splitlines()[-1] == "otogura: interrupted; the same command goes on from here"
        assert "Traceback" not in said
    wait_until(lambda: not of_group(process.pid), process, ended=True)  # its workers end with it, however it ends
    before = trials(tmp_path)
    broken_off = [trial.number for trial in before if trial.state is TrialState.RUNNING]
    assert broken_off
    run(folder, tmp_path, workers=workers, **options)
    after = trials(tmp_path)
    assert [trial.number for trial in after] == [int(row["number"]) for row in table(tmp_path)] == [0, 1, 2, 3]
    assert all(trial.state in (TrialState.COMPLETE, TrialState.PRUNED) for trial in after)
    for trial in before:
        assert after[trial.number].params == trial.params
        assert trial.intermediate_values.items() <= after[trial.number].intermediate_values.items()


def trials(into: Path) -> list[FrozenTrial]:
    """Return the trials of the one study in a folder."""
    url = f"sqlite:///{into / 'study.db'}"
    storage = optuna.storages.RDBStorage(url)
    found = optuna.load_study(study_name=None, storage=storage).get_trials()
    storage.remove_session()
    storage.engine.dispose()
    return found


def test_a_trial_that_was_broken_off_ends_like_one_that_was_not(
    folder: Path, searched: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With one worker at a time all trials are the same, killed or not."""
    end_epoch, epochs = Learner.end_epoch, 0

    def breaking(self: Learner) -> Epoch:
        nonlocal epochs
        epochs += 1
        if epochs in (2, 5):  # in the last epoch of the first trial, and in the first of the third
            raise OSError("broken off")
        return end_epoch(self)

    monkeypatch.setattr(Learner, "end_epoch", breaking)
    for _ in range(2):
        with pytest.raises(OSError, match="broken off"):
            run(folder, tmp_path)
    run(folder, tmp_path)
    assert epochs == 2 * 3 + 2
    assert drawn(tmp_path) == drawn(searched)
    for found, expected in zip(table(tmp_path), table(searched), strict=True):
        assert float(found["validation_loss"]) == pytest.approx(float(expected["validation_loss"]), rel=1e-4)


def test_hopeless_trials_are_pruned(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.search.trial.PATIENT_TRIALS", 1)
    space = {"model.depth": [2], "training.learning_rate": [1e-3, 1e-9]}  # the first is the experiment's own
    best = run(folder, tmp_path, search={"trials": 4, "epochs": 4, "space": space, "seed": 1})
    rows = table(tmp_path)
    pruned = [row for row in rows if row["state"] == "pruned"]
    assert {row["training.learning_rate"] for row in pruned} == {"1e-09"}
    assert all(row["epochs"] == "2" for row in pruned)  # it is asked at each epoch after a third of them
    assert best.state is TrialState.COMPLETE
    assert "pruned" in (tmp_path / "search.html").read_text()


def test_a_trial_whose_loss_is_not_finite_counts_as_failed(folder: Path, tmp_path: Path) -> None:
    space = {"training.learning_rate": [1e-3, 1e30]}
    best = run(folder, tmp_path, search={"trials": 4, "space": space})
    rows = table(tmp_path)
    failed = [row for row in rows if row["state"] == "failed"]
    assert len(rows) == 4
    assert {row["training.learning_rate"] for row in failed} == {"1e+30"}
    assert all("not finite" in row["reason"] for row in failed)
    assert best.params == {"training.learning_rate": 1e-3}
    assert "failed: " in (tmp_path / "search.html").read_text()


def test_settings_that_do_not_go_together_count_as_failed(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def with_limits(model: Any, training: Any, values: dict[str, Any]) -> Any:
        return changed(CnnModel(depth=0) if values["model.depth"] == 3 else model, training, values)

    monkeypatch.setattr("pipeline.search.study.changed", with_limits)
    run(folder, tmp_path, search={"trials": 4, "space": {"model.depth": [2, 3]}})
    failed = [row for row in table(tmp_path) if row["state"] == "failed"]
    assert failed
    assert {row["model.depth"] for row in failed} == {"3"}
    assert {row["reason"] for row in failed} == {"input should be greater than or equal to 1"}
    assert len(table(tmp_path)) == 4


def test_a_trial_that_runs_out_of_memory_is_tried_once_more(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The first trial does so once, the second whenever it is tried."""
    fit, tried = trial_module.fit_run, []

    def full(into: Path, *arguments: Any, **options: Any) -> Any:
        tried.append(into.name)
        into.mkdir(parents=True, exist_ok=True)
        if tried.count("0000") == 1 or into.name == "0001":
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 2 GiB")
        return fit(into, *arguments, **options)

    monkeypatch.setattr(trial_module, "fit_run", full)
    run(folder, tmp_path)
    assert tried == ["0000", "0000", "0001", "0001", "0002"]
    first, second, third = table(tmp_path)
    assert (first["state"], third["state"]) == ("complete", "complete")
    assert (second["state"], second["reason"]) == ("failed", "CUDA out of memory. Tried to allocate 2 GiB")
    assert not list((tmp_path / "trials").iterdir())


def test_it_is_tried_alone(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads in the place of processes; the first two trials, which run at a time, have too little memory."""
    together, running, attempts = threading.Barrier(2), set(), []

    def run_one(task: Task) -> FrozenTrial:
        running.add(task.number)
        attempts.append((task.number, task.last_attempt))
        if task.number < 2 and not task.last_attempt:
            together.wait(60)
        beside = running - {task.number}
        if task.last_attempt:
            assert not beside
        running.remove(task.number)
        with trial_module.opened(task.database, task.study, 2) as study:
            if task.number < 2 and not task.last_attempt:
                return study.get_trials()[task.number]
            trial = optuna.trial.Trial(study, task.trial_id)
            trial.set_user_attr("accuracy", 0.5)
            trial.set_user_attr("parameters", 1)
            trial.set_user_attr("seconds", 1.0)
            trial.report(1.0 + task.number, 0)
            return study.tell(trial, 1.0 + task.number)

    asked = []

    @contextmanager
    def threads(processes: int, threads_of_each: int) -> Iterator[ThreadPoolExecutor]:
        asked.append((processes, threads_of_each))
        with ThreadPoolExecutor(processes) as pool:
            yield pool

    monkeypatch.setattr("pipeline.search.study._workers", threads)
    monkeypatch.setattr("pipeline.search.study.run_trial", run_one)
    run(folder, tmp_path, workers=4, search={"trials": 4, "processes": 2})
    assert asked == [(2, 2)]
    assert sorted(attempts[:2]) == [(0, False), (1, False)]
    assert sorted(attempts[2:4]) == [(2, False), (3, False)]
    assert sorted(attempts[4:]) == [(0, True), (1, True)]
    assert [row["state"] for row in table(tmp_path)] == ["complete"] * 4


@pytest.mark.parametrize(
    ("device", "given", "expected"), [("cpu", {}, 3), ("cuda", {}, 1), ("cuda", {"processes": 2}, 2)]
)
def test_trials_share_a_gpu_only_on_request(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, device: str, given: dict[str, int], expected: int
) -> None:
    asked = [1]

    @contextmanager
    def none(processes: int, threads_of_each: int) -> Iterator[None]:
        asked[0] = processes
        raise InputError("enough")
        yield

    def alone(task: Task) -> FrozenTrial:
        raise InputError("enough")

    monkeypatch.setattr("pipeline.search.study.device_of", lambda training: torch.device(device))
    monkeypatch.setattr("pipeline.search.study._workers", none)
    monkeypatch.setattr("pipeline.search.study.run_trial", alone)
    with pytest.raises(InputError, match="enough"):
        run(folder, tmp_path, workers=8, search=given)
    assert asked == [expected]


def test_a_search_that_finds_nothing_says_why(folder: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"none of 2 trials came to its end, the first because the training loss is"):
        run(folder, tmp_path, search={"trials": 2, "space": {"training.learning_rate": [1e30]}})
    assert not (tmp_path / "best.yaml").exists()


def test_what_is_unknown_is_loud(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*arguments: Any, **options: Any) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("pipeline.search.trial.fit_run", broken)
    with pytest.raises(ZeroDivisionError):
        run(folder, tmp_path)


def test_losses_that_are_no_numbers_are_passed_over() -> None:
    trial = optuna.trial.create_trial(value=1.0, intermediate_values={0: float("nan"), 1: 0.5})
    assert loss_of(trial) == 0.5


def test_a_model_with_its_usual_space() -> None:
    config = parse({"experiments": {"x": {"model": "cnn", "search": {"trials": 5}}}}, "")
    found = config.experiments["x"].search
    assert found is not None
    assert {*found.space} == {
        *(f"model.{name}" for name in ("depth", "width", "kernel", "pooling", "dropout")),
        "training.learning_rate",
    }
    assert found.space["model.width"].samples() == [16, 32, 48, 64]
    assert found.epochs == 15
    assert parse({"experiments": {"x": {"model": "cnn"}}}, "").experiments["x"].search is None


def test_numbers_as_yaml_reads_them() -> None:
    space = yaml.safe_load(
        "{training.learning_rate: [1e-3, 1e-2], training.weight_decay: {low: 1e-5, high: 1, log: on}}"
    )
    config = parse({"experiments": {"x": {"search": {"space": space}}}}, "")
    found = config.experiments["x"].search
    assert found is not None
    assert found.space["training.learning_rate"].samples() == [1e-3, 1e-2]
    assert found.space["training.weight_decay"].samples() == [1e-5, 1]


@pytest.mark.parametrize(
    ("space", "expected"),
    [
        ({"model.depht": [3]}, "model.depht: cnn and its training have no such setting; did you mean 'model.depth'?"),
        ({"depth": [3]}, "space.depth: cnn and its training have no such setting; did you mean 'model.depth'?"),
        ({"training.augment": [{}]}, "space.training.augment: cnn and its training have no such setting; did you mean"),
        ({"model.depth": {"low": 5, "high": 5}}, "space.model.depth: expected low to be less than high, got "),
        ({"model.depth": {"low": 5}}, "space.model.depth: expected a list of choices, or low and high, got "),
        ({"model.depth": {"low": 5, "hihg": 6}}, "space.model.depth.hihg: unknown key; did you mean 'high'?"),
        ({"model.depth": []}, "space.model.depth.choices: tuple should have at least 1 item"),
        ({"model.depth": [3, 3]}, "space.model.depth.choices: each choice once"),
        ({"model.depth": 3}, "space.model.depth: input should be a valid dictionary"),
        (
            {"model.depth": {"low": 0, "high": 4}},
            "space.model.depth: input should be greater than or equal to 1, got 0;",
        ),
        ({"model.depth": {"low": 4, "high": 17}}, "depth: input should be less than or equal to 16, got 17; change"),
        ({"model.kernel": {"low": 3, "high": 7}}, "space.model.kernel: input should be 3, 5 or 7, got 4; change the"),
        ({"model.pooling": ["max", "mean"]}, "space.model.pooling: input should be 'max' or 'average', got 'mean'"),
        ({"model.dropout": {"low": 0.1, "high": 1.0}}, "space.model.dropout: input should be less than 1, got 1.0;"),
        (
            {"model.width": {"low": 16, "high": 60, "step": 16}},
            "model.width: expected a whole number of steps from low",
        ),
        ({"training.learning_rate": {"low": 0, "high": 1, "log": True}}, "expected log with a low above 0"),
        ({"model.depth": {"choices": [3], "low": 3}}, "space.model.depth: expected choices or a range, not both, got"),
        ({"training.epochs": [3]}, "space.training.epochs: cannot be searched: a trial trains for search.epochs"),
        (
            {"training.class_weight": ["balanced"]},
            "training.class_weight: cannot be searched: it weighs the validation",
        ),
        ({}, "experiments.x.search.space: dictionary should have at least 1 item"),
    ],
)
def test_what_cannot_be_searched_is_one_line(space: dict[str, Any], expected: str) -> None:
    assert expected in said({"model": "cnn", "search": {"space": space}})


@pytest.mark.parametrize(
    ("experiment", "expected"),
    [
        ({"search": {"trails": 3}}, "experiments.x.search.trails: unknown key; did you mean 'trials'?"),
        ({"search": {"trials": 0}}, "experiments.x.search.trials: input should be greater than 0, got 0"),
        ({"model": "resnet_attention", "search": {}}, "experiments.x.search.space: expected a value, got none"),
        (
            {"training": {"keep": "last"}, "search": {}},
            "experiments.x.training.keep: expected best, got last; a search compares trials on clips of validation",
        ),
        (
            {
                "model": "cnn8",
                "training": {"keep": "best"},
                "search": {"space": {"model.crop": [[100, 384], [200, 384]]}},
            },
            "experiments.x.search.space.model.crop: expected at most the 128 rows and 431 frames",
        ),
    ],
)
def test_what_a_search_needs_is_one_line(experiment: dict[str, Any], expected: str) -> None:
    assert expected in said({"model": "cnn", **experiment})


def said(experiment: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        parse({"experiments": {"x": experiment}}, "mine.yaml")
    text = str(caught.value)
    assert text.startswith("mine.yaml: ")
    assert "\n" not in text
    return text


def test_a_trial_that_was_searched_alone_trains_to_the_same_loss(folder: Path, searched: Path, tmp_path: Path) -> None:
    """A trial is no other training than that of an experiment with the same settings and epochs."""
    chosen = plan_of([searched / "best.yaml"]).config.experiments["x_best"]
    setup = chosen.model_copy(update={"training": chosen.training.model_copy(update={"epochs": 2})})
    made = job(folder, tmp_path)
    train_experiment(tmp_path, open_store(made.family), setup, name="x", config_path="")
    losses = [row["validation_loss"] for row in read_json(tmp_path / "metrics.json")["history"]]
    best = min(float(row["validation_loss"]) for row in table(searched))
    assert min(losses) == pytest.approx(best, rel=1e-4)
