"""Weights of an earlier run, kept by the names of classes."""

from pathlib import Path
from typing import Any

import pytest
import torch

from features.tensors.four_channel import Recipe
from features.tensors.log_mel import LogMelRecipe
from training.artefact import Artefact, LearnedCorpus, read_artefact, write_artefact
from training.errors import TrainingError
from training.models import Model
from training.models.build import build
from training.models.cnn.settings import CnnModel
from training.models.cnn8.settings import Cnn8Model
from training.models.crops import Standard
from training.models.resnet_attention.settings import ResNetAttentionModel
from training.start import start_from

MODEL = CnnModel(depth=2, width=16, dense=(8,))
RECIPE = Recipe(frames=24, n_mels=32)
CORPUS = LearnedCorpus(name="tones", identity="", clips=1)


def trained(folder: Path, classes: list[str], model: Model = MODEL) -> Artefact:
    torch.manual_seed(1)
    recipe = RECIPE if model.reads == "four_channel" else LogMelRecipe()
    network = build(model, len(classes), recipe, Standard(3.0, 4.0))
    for value in network.state_dict().values():
        value.add_(1)
    learned: dict[str, Any] = {"recipe": {}, "identity": "", "store": "", "corpus": CORPUS}
    write_artefact(folder, network, model=model, classes=classes, decision={}, scores={}, **learned)
    return read_artefact(folder)


@pytest.mark.parametrize("now", [["a", "c"], ["c", "new", "a"], ["x", "y", "z"]])
def test_rows_of_the_head_follow_their_classes_and_all_else_is_copied(tmp_path: Path, now: list[str]) -> None:
    source = trained(tmp_path, ["a", "b", "c"])
    torch.manual_seed(2)
    network = build(MODEL, len(now), RECIPE)
    fresh = {name: value.clone() for name, value in network.state_dict().items()}
    kept = start_from(network, source, model=MODEL, classes=now, recipe=RECIPE)
    assert kept == [name for name in now if name in "abc"]
    head = {name for name in fresh if name.startswith("head.4.")}
    assert head == {"head.4.weight", "head.4.bias"}
    for name, value in network.state_dict().items():
        if name not in head:
            assert torch.equal(value, source.weights[name]), name
            continue
        for row, label in enumerate(now):
            expected = source.weights[name]["abc".index(label)] if label in "abc" else fresh[name][row]
            assert torch.equal(value[row], expected)


def test_a_class_of_many_can_be_dropped(tmp_path: Path) -> None:
    """More classes than the last hidden layer of the network has units."""
    model = ResNetAttentionModel(width=0.125, blocks=(1, 1, 1))
    names = [f"{number:02}" for number in range(70)]
    source = trained(tmp_path, names, model)
    network = build(model, 69, RECIPE)
    assert start_from(network, source, model=model, classes=names[1:], recipe=RECIPE) == names[1:]
    for name, value in network.state_dict().items():
        assert torch.equal(value, source.weights[name][1:] if value.shape[:1] == (69,) else source.weights[name]), name


def test_the_scale_of_the_input_comes_along(tmp_path: Path) -> None:
    source = trained(tmp_path, ["a", "b"], Cnn8Model())
    network = build(Cnn8Model(), 2, LogMelRecipe(), Standard(0.0, 1.0))
    start_from(network, source, model=Cnn8Model(), classes=["a", "b"], recipe=LogMelRecipe())
    weights = network.state_dict()
    assert (float(weights["mean"]), float(weights["sd"])) == (4.0, 5.0)


def test_nothing_random_is_drawn_for_it(tmp_path: Path) -> None:
    source = trained(tmp_path, ["a", "b"])
    network = build(MODEL, 2, RECIPE)
    before = torch.get_rng_state()
    start_from(network, source, model=MODEL, classes=["a", "b"], recipe=RECIPE)
    assert torch.equal(torch.get_rng_state(), before)


@pytest.mark.parametrize(
    ("model", "said"),
    [
        (CnnModel(depth=2, width=32, dense=(8,)), "convolutions.0.weight is 32×4×3×3 here and 16×4×3×3 there"),
        (CnnModel(depth=3, width=16, dense=(8,)), "convolutions.6.weight is 32×16×3×3 here and missing there"),
        (CnnModel(depth=1, width=16, dense=(8,)), "convolutions.3.weight is missing here and 16×16×3×3 there"),
        (CnnModel(depth=2, width=16, dense=(16,)), "head.1.bias is 16 here and 8 there"),
    ],
)
def test_other_layers_are_refused(tmp_path: Path, model: CnnModel, said: str) -> None:
    source = trained(tmp_path, ["a", "b"])
    network = build(model, 2, RECIPE)
    with pytest.raises(TrainingError, match=said):
        start_from(network, source, model=model, classes=["a", "b"], recipe=RECIPE)
