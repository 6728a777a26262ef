"""A finished run is certified, or the certificate says what is wrong; nothing else is left in its folder."""

import json
import shutil
import signal
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from corpora import tree
from stores_of import small_store

from pipeline.certificate import certify as certification
from pipeline.certificate.certify import certify
from pipeline.certificate.faults import exit_code, processes
from pipeline.certificate.page import is_certified
from pipeline.certificate.ranks import _proof, proofs
from pipeline.certificate.record import read_record, run_names
from pipeline.certificate.repetition import digest, limit_of
from pipeline.config.schema import parse
from pipeline.runs.train import train_experiment
from pipeline.support.errors import InputError
from stores import open_store
from stores.files import read_json, write_json

MODEL = {"name": "resnet_attention", "width": 0.125, "blocks": [1, 1, 1], "attention_blocks": 1, "dropout": 0.3}
TRAINING = {"epochs": 2, "batch_size": 4, "accumulate": 2, "device": "cpu", "precision": "float32", "views": 2}
STEPS = 4  # an epoch has 12 clips, twice, in batches of 4


def trained(work: Path, **options: Any) -> None:
    """Train the run x on the store below a work folder."""
    options = {"corpus": {"root": "x"}, "model": MODEL, "training": TRAINING | {"variants": "one"}} | options
    setup = parse({"experiments": {"x": options}}, "").experiments["x"]
    store = open_store(next((work / "stores").iterdir()))
    torch.set_num_threads(1)
    train_experiment(work / "runs" / "x", store, setup, name="x", config_path="experiments.x")


@pytest.fixture(scope="module")
def original(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A work folder with a store and a run."""
    work = tmp_path_factory.mktemp("certified") / "work"
    small_store(work)
    trained(work)
    return work


@pytest.fixture
def work(original: Path, tmp_path: Path) -> Path:
    """A copy of it, which a test may change."""
    shutil.copytree(original, tmp_path / "work")
    return tmp_path / "work"


def test_a_run_is_certified_and_otherwise_left_as_it_is(work: Path) -> None:
    before = tree(work / "runs")
    assert run_names(work, "x") == ["x"]
    assert not is_certified(work / "runs" / "x")
    assert certify(work, "x", steps=STEPS, kills=3, seed=1) == []
    after = tree(work / "runs")
    assert {after.pop(f"x/certificate.{kind}") is not None for kind in ("json", "md")} == {True}
    assert after == before
    certificate = read_json(work / "runs" / "x" / "certificate.json")
    resume = certificate["resume"]
    assert (resume["steps"], resume["epochs"], resume["steps_of_run"]) == (STEPS, 1, 6)
    assert len(resume["killed_before_calls"]) == 3
    assert resume["uninterrupted"] == resume["killed"]
    assert resume["run"] is None  # which was trained to its end
    assert certificate["identity"]["store"] == read_json(work / "runs" / "x" / "metrics.json")["store"]
    assert is_certified(work / "runs" / "x")
    page = (work / "runs" / "x" / "certificate.md").read_text()
    assert "**Certified.**" in page
    assert f"{STEPS} of 6 steps (1 of 2 epochs finished)" in page
    assert page.count(resume["killed"]["weights"]) == 2


def test_a_run_that_is_trained_to_its_end_has_its_own_weights(work: Path) -> None:
    assert certify(work, "x", steps=1000, kills=1, seed=2) == []
    resume = read_json(work / "runs" / "x" / "certificate.json")["resume"]
    assert (resume["steps"], resume["epochs"]) == (6, 2)
    assert resume["run"] is not None


def test_weights_that_differ_are_a_failure(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hashes = iter([{"weights": "a", "state": "b"}, {"weights": "a", "state": "c"}])
    outcome = {"calls": 9, "ended": False, "epochs": 1, "batches": 2, "threads": 1}

    def repeated(work: Path, record: Any, folder: Path, *_: Any) -> dict[str, Any]:
        write_json(folder / "run.json", record.state)
        return outcome | next(hashes)

    monkeypatch.setattr(certification, "_outcome", repeated)
    (failure,) = certify(work, "x", steps=STEPS, kills=1, seed=0)
    assert failure == "killed and resumed, training ends with other weights or another state"
    assert not is_certified(work / "runs" / "x")
    page = (work / "runs" / "x" / "certificate.md").read_text()
    assert f"**Not certified**: {failure}." in page


def test_other_work_than_that_of_the_run_is_a_failure(work: Path) -> None:
    state = read_json(work / "runs" / "x" / "run.json")
    write_json(work / "runs" / "x" / "run.json", state | {"class_weights": [1.0, 0.5, 1.5]})
    (failure,) = certify(work, "x", steps=1, kills=1, seed=0)
    assert failure.startswith("its settings, data or starting weights are not those of the run")


def test_another_model_is_not_certified_by_an_old_certificate(work: Path) -> None:
    run = work / "runs" / "x"
    write_json(run / "certificate.json", {"certified": True, "model_version": "another"})
    assert not is_certified(run)
    write_json(
        run / "certificate.json", {"certified": True, "model_version": read_json(run / "metrics.json")["model_version"]}
    )
    assert is_certified(run)


def test_mistakes_are_one_line_each(work: Path) -> None:
    run = work / "runs" / "x"
    with pytest.raises(InputError, match="runs/y: expected a finished run, found none; there are x"):
        run_names(work, "y")
    (work / "runs" / "y").mkdir()
    with pytest.raises(
        InputError, match="runs/y: expected a finished run, found one that is not finished; train it fi"
    ):
        run_names(work, "y")
    with pytest.raises(InputError, match=r"--kills: expected at most \d+, one before each call of 1 steps, got 900"):
        certify(work, "x", steps=1, kills=900, seed=0)
    state = read_json(run / "run.json")
    write_json(run / "run.json", state | {"code": "other"})
    with pytest.raises(InputError, match="runs/x: the code has changed since the run was trained; train it again"):
        read_record(work, "x")
    write_json(run / "run.json", state | {"store": "gone"})
    with pytest.raises(InputError, match="expected the store gone that x was trained on, found none"):
        read_record(work, "x")
    write_json(run / "run.json", state)
    (run / "split.csv").unlink()
    with pytest.raises(InputError, match=r"runs/x: expected a finished run, found no split\.csv; train it again"):
        read_record(work, "x")


def test_nothing_is_left_where_it_is_interrupted(work: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = tree(work / "runs")

    def interrupted(target: Any, work: Path, name: str, folder: Path, *rest: Any) -> int:
        assert folder.is_dir()
        raise KeyboardInterrupt

    monkeypatch.setattr(certification, "exit_code", interrupted)
    with pytest.raises(KeyboardInterrupt):
        certify(work, "x", steps=1, kills=1, seed=0)
    assert tree(work / "runs") == before
    assert [path.name for path in (work / "runs").iterdir()] == ["x"]


def wait_for_ever() -> None:
    signal.pause()


def test_a_process_ends_with_the_interruption_of_its_parent(monkeypatch: pytest.MonkeyPatch) -> None:
    process = processes().Process
    started: list[Any] = []

    def interrupting(self: Any, timeout: float | None = None) -> None:
        if not started:
            started.append(self)
            raise KeyboardInterrupt
        join(self, timeout)

    join = process.join
    monkeypatch.setattr(process, "join", interrupting)
    with pytest.raises(KeyboardInterrupt):
        exit_code(wait_for_ever)
    assert started[0].exitcode == -signal.SIGKILL


@pytest.mark.parametrize("variants", ["all", "one", "original"])
def test_ranks_share_every_item(work: Path, variants: str) -> None:
    state = read_json(work / "runs" / "x" / "run.json")
    state["training"]["variants"] = variants
    write_json(work / "runs" / "x" / "run.json", state)
    results = proofs(read_record(work, "x"))
    items = 12 * 2 * (6 if variants == "all" else 1)
    assert [(row["side"], row["ranks"]) for row in results[:6]] == [
        ("train", ranks) for ranks in ([1], [2], [4], [1, 2], [2, 4], [4, 1])
    ]
    assert {row["items"] for row in results[:6]} == {items}
    assert [row["given_once"] for row in results[6:]] == [row["items"] for row in results[6:]]
    assert len(results) == 6 + 3 + 3
    assert all(row["passed"] for row in results)


@pytest.mark.parametrize(
    ("rows", "passed"), [([0, 1, 2], True), ([0, 1, 1], False), ([0, 1, 2, 2], False), ([0, 1], True), ([0], False)]
)
def test_an_item_that_comes_twice_or_not_at_all_is_a_failure(rows: list[int], passed: bool) -> None:
    batch = np.array([rows, [0] * len(rows), [0] * len(rows)])
    assert _proof("train", [1], 3, [batch], False, 1, True)["passed"] is passed
    assert not _proof("train", [1], 3, [batch], False, 1, False)["passed"]


def test_variants_that_are_drawn_are_one_item() -> None:
    batch = np.array([[0, 0], [1, 2], [0, 0]])
    assert _proof("train", [1], 2, [batch], False, 0, True)["passed"]
    assert _proof("train", [1], 2, [batch], True, 0, True)["given_again"] == 1


def test_a_digest_is_of_every_bit() -> None:
    states: list[Any] = [
        {"a": torch.zeros(2), "b": [1, 2]},
        {"a": -torch.zeros(2), "b": [1, 2]},
        {"a": torch.zeros(2, 1), "b": [1, 2]},
        {"a": torch.zeros(2, dtype=torch.bfloat16), "b": [1, 2]},
        {"a": torch.zeros(2), "b": [1, 3]},
        {"a": torch.tensor(0.0), "b": [1, 2]},
    ]
    assert len({digest(state) for state in states}) == len(states)
    assert digest({"b": [1, 2], "a": torch.zeros(2)}) == digest(states[0])


def test_a_limit_finishes_epochs() -> None:
    assert limit_of(5, 3, 2) == (1, 4)
    assert limit_of(6, 3, 2) == (2, 1)


def test_a_certificate_is_json_for_programs(work: Path) -> None:
    certify(work, "x", steps=1, kills=1, seed=0)
    certificate = json.loads((work / "runs" / "x" / "certificate.json").read_text())
    assert set(certificate["made_by"]) == {"device", "processor", "system", "versions"}
    assert certificate["resume"]["seed"] == 0
