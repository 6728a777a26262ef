"""Contract of all networks: settings, defaults, logits and gradients."""

import importlib
import subprocess
import sys
from typing import Any

import pytest
import torch
import torch.nn.functional as F
from pydantic import TypeAdapter, ValidationError

from features.tensors import AnyRecipe, recorded_recipe
from pipeline.config.schema import parse
from training.evaluation.attention import attention_of
from training.learner import Learner
from training.models import DEFAULT, MODELS, Model, model_for
from training.models.base import NetworkSettings, OneChannelModel
from training.models.build import build
from training.models.network import Network
from training.parts import only_subclass
from training.settings import Training

CLASSES, CLIPS = 3, 4
# Where the default would take seconds.
SMALL: dict[str, dict[str, Any]] = {
    "resnet_attention": {"width": 0.125, "blocks": (1, 1, 1)},
    "cnn1d_attention": {"preset": "small", "filters": (16, 16, 16), "stride": 4},
    "cnn": {"width": 16},
    "resnet18": {"width": 0.25},
}


def default_recipe(name: str) -> AnyRecipe:
    kind = MODELS[name]
    return recorded_recipe(kind.recipes[kind.default_recipe({})])


def tensors(settings: NetworkSettings, recipe: AnyRecipe) -> torch.Tensor:
    """Return a batch as a stream gives it, in training cut to the part that the network sees."""
    rows_frames = (settings.crop if isinstance(settings, OneChannelModel) else None) or recipe.shape[:2]
    channels = recipe.shape[2:]  # the last axis of a store, the second of a batch
    return torch.randn(CLIPS, *channels, *rows_frames, generator=torch.Generator().manual_seed(0))


@pytest.mark.parametrize("name", MODELS)
def test_settings_say_what_they_are_and_outlive_json(name: str) -> None:
    settings = MODELS[name]()
    assert settings.name == name
    model = TypeAdapter(Model)
    assert model.validate_json(settings.model_dump_json()) == settings
    assert model.validate_python({"name": name}) == settings
    with pytest.raises(ValidationError, match="Extra inputs are not permitted"):
        model.validate_python({"name": name, "no_such_setting": 1})


@pytest.mark.parametrize("name", MODELS)
def test_its_defaults_are_valid(name: str) -> None:
    """Check its recipes, its training and its search, as an experiment has them."""
    kind = MODELS[name]
    assert {recorded_recipe(recipe).kind for recipe in kind.recipes.values()} == {kind.reads}
    assert Training(**kind.published)
    source: dict[str, Any] = {"root": "x"} if kind.reads != "spectrogram" else {"source": "csv", "train": "x"}
    experiment: dict[str, Any] = {"corpus": source, "model": name}
    experiment |= {"search": {}} if kind.search_space else {}
    parsed = parse({"experiments": {"x": experiment}}, "").experiments["x"]
    assert parsed.model == kind()
    assert parsed.recipe == kind.default_recipe({})
    assert parsed.training == Training(**kind.published)
    assert (parsed.search is None) == (not kind.search_space)


@pytest.mark.parametrize("name", MODELS)
def test_it_gives_a_logit_for_each_class_and_every_parameter_learns(name: str) -> None:
    settings, recipe = MODELS[name](**SMALL.get(name, {})), default_recipe(name)
    torch.manual_seed(0)
    network = build(settings, CLASSES, recipe).train()
    logits = network(tensors(settings, recipe))
    assert logits.shape == (CLIPS, CLASSES)
    F.cross_entropy(logits, torch.arange(CLIPS) % CLASSES).backward()
    silent = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    assert not silent
    with torch.inference_mode():
        whole_clip = torch.randn(1, *recipe.shape[2:], *recipe.shape[:2])
        assert network.eval()(whole_clip).shape == (1, CLASSES)


@pytest.mark.parametrize("name", MODELS)
def test_several_labels_are_learned_by_binary_cross_entropy(name: str) -> None:
    settings, recipe = MODELS[name](**SMALL.get(name, {})), default_recipe(name)
    torch.manual_seed(0)
    network = build(settings, CLASSES, recipe, task="multilabel")
    labels = torch.arange(CLIPS)[:, None] >= torch.arange(CLASSES)
    training = Training(device="cpu", precision="float32")
    learner = Learner(network, training, [[0.5] * CLASSES, [1.5] * CLASSES], task="multilabel")
    learner.learn({"features": tensors(settings, recipe), "label": labels, "key": torch.arange(CLIPS)})
    assert not [name for name, p in network.named_parameters() if p.grad is None or not p.grad.abs().sum()]
    learner.step()
    assert 0 < learner.end_epoch()["train_loss"] < 10


@pytest.mark.parametrize("name", MODELS)
def test_attention_is_weights_over_time(name: str) -> None:
    settings, recipe = MODELS[name](**SMALL.get(name, {})), default_recipe(name)
    torch.manual_seed(0)
    network = build(settings, CLASSES, recipe).eval()
    clips = torch.randn(2, *recipe.shape[2:], *recipe.shape[:2])
    attention = attention_of(network, {"features": clips})
    kind = only_subclass(importlib.import_module(f"training.models.{name}.network"), Network)
    assert (attention is not None) == hasattr(kind, "attention_over_time")
    if attention is None:
        return
    assert attention.over_time.ndim == 2
    for weights in (attention.pooling, attention.received):
        if weights is not None:
            assert (len(weights), weights.dtype) == (2, torch.float32)
            assert 1 < weights.shape[-1] <= clips.shape[-1]
            assert weights.min() >= 0
            torch.testing.assert_close(weights.sum(dim=-1), torch.ones(weights.shape[:-1]))
    alone = attention_of(network, {"features": clips[1:]})
    torch.testing.assert_close(alone.over_time[0], attention.over_time[1])


@pytest.mark.parametrize("name", MODELS)
def test_it_can_be_built_as_published(name: str) -> None:
    network = build(MODELS[name](), CLASSES, default_recipe(name))
    # Other numbers of channels are slow, and with few of them torch writes past its memory on some processors.
    assert not [part for part in network.modules() if isinstance(part, torch.nn.Conv2d) and part.out_channels % 16]
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}


@pytest.mark.parametrize("name", MODELS)
def test_the_same_seed_gives_the_same_weights(name: str) -> None:
    states = []
    for _ in range(2):
        torch.manual_seed(1)
        states.append(build(MODELS[name](**SMALL.get(name, {})), CLASSES, default_recipe(name)).state_dict())
    assert states[0].keys() == states[1].keys()
    assert all(torch.equal(states[0][key], states[1][key]) for key in states[0])


def test_settings_import_no_torch_and_building_imports_no_other_network() -> None:
    code = """
import sys
import training.models
assert "torch" not in sys.modules
from features.tensors import recorded_recipe
from training.models.build import build
kind = training.models.MODELS["cnn8"]
build(kind(), 2, recorded_recipe(kind.recipes["environment"]))
print(*[name for name in sys.modules if name.startswith("training.models.") and name.endswith(".network")])
"""
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(result.stdout.split()) == {"training.models.network", "training.models.cnn8.network"}


def test_each_corpus_has_one_network() -> None:
    words = [word for kind in MODELS.values() for word in kind.corpora]
    assert len(set(words)) == len(words)
    assert model_for(["csv"]) == "resnet_bottleneck"
    assert model_for(["audio", "None", "esc50.csv"]) == "cnn8"
    assert model_for(["audio"]) == DEFAULT


def test_recipes_of_one_name_are_one_recipe() -> None:
    named = [(name, str(recipe)) for kind in MODELS.values() for name, recipe in kind.recipes.items()]
    assert len(set(named)) == len({name for name, _ in named})


def test_a_folder_without_its_class_is_an_error() -> None:
    module = importlib.import_module("training.models.base")
    with pytest.raises(TypeError, match=r"training\.models\.base: expected one subclass of Training, got none"):
        only_subclass(module, Training)
    with pytest.raises(TypeError, match=r"got NetworkSettings, OneChannelModel, SpectrogramModel, LogMelModel"):
        only_subclass(module, NetworkSettings)
