from collections.abc import Iterator
from pathlib import Path

import pytest
from corpora import write_corpus
from service import Service, service, write_model

from pipeline.serve.keys import new_key
from training.inference.model import TrainedModel

LIMITS = ("--max-body-mb", "8", "--max-seconds", "60", "--deadline-s", "3", "--receive-s", "1.5", "--queue", "4")


@pytest.fixture(scope="session")
def models(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of two models, `first` and `second`."""
    folder = tmp_path_factory.mktemp("models")
    write_model(folder / "first")
    write_model(folder / "second", "wxyz", seed=1)
    return folder


@pytest.fixture(scope="session")
def model(models: Path) -> TrainedModel:
    return TrainedModel(models / "first", device="cpu")


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve recordings of 0.5 to 0.65 s, in folders of labels."""
    return write_corpus(tmp_path_factory.mktemp("corpus"), "abc", 4)


@pytest.fixture(scope="session")
def running(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """One service for the tests here, with narrow limits and a key."""
    folder = tmp_path_factory.mktemp("service")
    key = new_key(folder / "keys", "tests")
    words = (models / "first", models / "second", "--keys", folder / "keys", *LIMITS)
    with service(*words, key=key, folder=folder) as started:
        yield started


@pytest.fixture
def served(running: Service, corpus: Path) -> Iterator[Service]:
    """The service, which after each test answers as before it."""
    yield running
    assert running.request("POST", "/predict", (corpus / "a/0.wav").read_bytes())[0] == 200
    assert running.number("otogura_predictions_in_flight") == 0
    assert not list(running.bodies.iterdir())
