"""Answers of the service by a model of several labels."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from service import Service, service, write_model

from training.inference.model import TrainedModel

THRESHOLDS = (0.0, 1.0, 0.4)  # always, never, and as it comes


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_model(tmp_path_factory.mktemp("models") / "several", thresholds=THRESHOLDS)


@pytest.fixture(scope="module")
def several(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with service(folder, folder=tmp_path_factory.mktemp("service")) as running:
        yield running


def test_each_shape_has_probabilities_that_do_not_add_up_to_one(several: Service, folder: Path, corpus: Path) -> None:
    model = TrainedModel(folder, device="cpu")
    for path in sorted(corpus.rglob("*.wav"))[:3]:
        expected = model.predict(path)
        sound = path.read_bytes()
        own = several.json("POST", "/predict", sound)[1]
        assert own["probabilities"] == pytest.approx(expected.probabilities, abs=1e-5)
        assert sum(own["probabilities"].values()) != pytest.approx(1, abs=0.05)
        assert own["labels"] == [
            name
            for name, share in own["probabilities"].items()
            if share >= dict(zip("abc", THRESHOLDS, strict=True))[name]
        ]
        assert own["class"] == ";".join(own["labels"])
        assert own["sure"] is True
        assert own["segments"][0]["labels"] == own["labels"]
        published = several.json("POST", "/predict?shape=published", sound)[1]
        shares = {output["name"]: output["data"] for output in published["outputs"]}
        assert shares == pytest.approx(expected.probabilities, abs=1e-5)
        ranked = several.json("POST", "/predict?shape=huggingface", sound)[1]
        assert {one["label"]: one["score"] for one in ranked} == pytest.approx(expected.probabilities, abs=1e-5)


def test_the_likeliest_label_is_explained(several: Service, corpus: Path) -> None:
    answer = several.json("POST", "/predict?explain=true", (corpus / "a/0.wav").read_bytes())[1]
    likeliest = max(answer["labels"], key=lambda name: answer["probabilities"][name])
    assert answer["explanation"]["class"] == likeliest
    assert len(answer["explanation"]["occlusion"]) == len(answer["explanation"]["attention"])


def test_the_model_says_that_it_answers_several_labels(several: Service) -> None:
    (described,) = several.json("GET", "/models")[1]
    assert described["task"] == "multilabel"
    assert described["thresholds"] == dict(zip("abc", THRESHOLDS, strict=True))
