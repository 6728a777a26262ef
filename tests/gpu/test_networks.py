"""Every network on a device: it learns in each precision, and predicts as on the CPU."""

import copy
from dataclasses import replace
from typing import Any, cast

import pytest
import torch
from torch import Tensor, nn

from features.tensors import AnyRecipe, recorded_recipe
from features.tensors.four_channel import Recipe
from training.evaluation.predict import predict
from training.learner import Learner
from training.models import MODELS
from training.models.base import OneChannelModel
from training.models.build import build
from training.settings import Augment, Training
from training.stream import ClipStream

CLASSES, CLIPS = 3, 4
SMALL: dict[str, dict[str, Any]] = {
    "resnet_attention": {"width": 0.125, "blocks": (1, 1, 1)},
    "cnn1d_attention": {"preset": "small", "filters": (16, 16, 16), "stride": 4},
    "cnn": {"width": 16, "depth": 5},
    "resnet18": {"width": 0.25},
}
CROP = (64, 64)  # of log-mel spectrograms
LARGEST_SKIPPED = 12  # steps that a loss scale of 65536 may cost until it fits


def small(name: str) -> tuple[nn.Module, AnyRecipe]:
    """Return a small network for few frames, and its recipe."""
    kind = MODELS[name]
    recipe = recorded_recipe(kind.recipes[kind.default_recipe({})])
    if isinstance(recipe, Recipe):
        recipe = replace(recipe, frames=64)
    crop = {"crop": CROP} if issubclass(kind, OneChannelModel) and kind.reads == "log_mel" else {}
    torch.manual_seed(0)
    return build(kind(**SMALL.get(name, {}), **crop), CLASSES, recipe), recipe


def batch_for(recipe: AnyRecipe) -> dict[str, Tensor]:
    """Return a batch as a stream gives it."""
    generator = torch.Generator().manual_seed(1)
    shape = (CLIPS, *recipe.shape[2:], *recipe.shape[:2])  # the last axis of a store is the second of a batch
    features = torch.randn(shape, generator=generator).half()
    if features.ndim == 4:
        features = features.contiguous(memory_format=torch.channels_last)
    numbers = torch.arange(CLIPS)
    return {"features": features, "label": numbers % CLASSES, "row": numbers, "key": numbers * 2**40}


def parameters(network: nn.Module) -> Tensor:
    return torch.cat([value.detach().float().cpu().flatten() for value in network.parameters()])


@pytest.mark.parametrize("precision", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", MODELS)
def test_it_learns_in_every_precision(name: str, precision: Any, device: Any) -> None:
    network, recipe = small(name)
    learner = Learner(network, Training(device=device, precision=precision, schedule="constant"))
    batch, before = batch_for(recipe), parameters(network)
    for _ in range(LARGEST_SKIPPED if precision == "float16" else 1):
        learner.learn(batch)
        learner.step()
        if not torch.equal(parameters(network), before):
            break
    after = parameters(network)
    assert {value.device.type for value in network.parameters()} == {device}
    assert {value.dtype for value in network.parameters()} == {torch.float32}
    assert torch.isfinite(after).all()
    assert not torch.equal(after, before)
    learner.validate(batch)
    epoch = learner.end_epoch()  # which refuses a loss that is not finite
    assert torch.isfinite(torch.tensor(list(epoch.values()))).all()


def test_it_learns_with_all_that_can_be_drawn(device: Any) -> None:
    """Masks, shifts, gains, mixtures and a moving average, of more than one batch a step."""
    network, recipe = small("cnn8")
    options: dict[str, Any] = {"row_masks": 1, "frame_masks": 1, "row_shift": 2, "frame_shift": 2, "gain_db": 3.0}
    augment = Augment(**options, filter_db=3.0, mixup=0.4)
    training = Training(device=device, precision="bfloat16", average=0.9, augment=augment, label_smoothing=0.1)
    learner = Learner(network, training, class_weights=[0.5, 1.0, 1.5])
    batch, before = batch_for(recipe), parameters(network)
    for _ in range(2):
        learner.learn(batch, addends=2)
    learner.step()
    learner.validate(batch)
    learner.end_epoch()
    assert not torch.equal(parameters(learner.kept_network), before)


@pytest.mark.parametrize("name", MODELS)
def test_it_predicts_as_on_the_cpu(name: str, device: Any) -> None:
    """Each clip by itself, with statistics of batch norm that are not those of a new network."""
    network, recipe = small(name)
    batch = batch_for(recipe)
    Learner(network, Training(device="cpu", precision="float32")).learn(batch)
    expected = predict(copy.deepcopy(network), cast(ClipStream, [batch]), torch.device("cpu"))
    singly = [{key: value[place : place + 1] for key, value in batch.items()} for place in range(CLIPS)]
    predictions = predict(network, cast(ClipStream, singly), torch.device(device))
    assert predictions.rows.tolist() == list(range(CLIPS))
    assert predictions.logits.dtype == expected.logits.dtype
    assert abs(predictions.probabilities - expected.probabilities).max() < 1e-3
