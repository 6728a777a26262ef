"""Networks of users' own: settings from their signatures, what they are given, and what is refused."""

import re
from pathlib import Path
from typing import Any

import pytest
import torch
from pydantic import TypeAdapter

from features.tensors import recorded_recipe
from pipeline.config.schema import parse
from pipeline.support.errors import InputError
from training.errors import TrainingError
from training.fit import weights_code
from training.models import Model
from training.models.build import build
from training.models.crops import Standard

NET = """
import torch
from typing import Annotated
from pydantic import Field
from torch import nn

class Net(nn.Module):
    def __init__(self, classes: int, width: Annotated[int, Field(gt=0)] = 4, kernel: tuple[int, int] = (3, 3)):
        super().__init__()
        self.layers = nn.Sequential(
            nn.LazyConv2d(width, kernel), nn.BatchNorm2d(width), nn.AdaptiveAvgPool2d(1), nn.Flatten(),
            nn.Linear(width, classes),
        )
    def forward(self, x):
        return self.layers(x)

class Flat(nn.Module):
    def __init__(self, classes: int, shape: tuple[int, ...], scale: float):
        super().__init__()
        self.shape, self.scale = shape, scale
        self.head = nn.Linear(shape[-1], classes)
    def forward(self, x):
        return self.scale * self.head(x.flatten(1)[:, : self.shape[-1]])

class Wide(nn.Module):
    def __init__(self, classes: int):
        super().__init__()
        self.head = nn.LazyLinear(classes + 1)
    def forward(self, x):
        return self.head(x.flatten(1))

class Fails(Wide):
    def forward(self, x):
        return self.head(x[:, :, None, :, :, 0])

class Tuple(Wide):
    def forward(self, x):
        return (x,)

class Attends(Net):
    def __init__(self, classes: int, how: str):
        super().__init__(classes)
        self.how = how
    def attention_over_time(self, features):
        from training.models.network import Attention
        one = torch.ones(len(features), 5)
        return {
            "tensor": one, "none": None, "long": Attention(torch.ones(len(features), 25), None),
            "flat": Attention(None, one), "right": Attention(one, one[:, None]),
        }[self.how]

class Named(nn.Module):
    def __init__(self, classes: int, reads: str = "x"): ...

class NoModule:
    def __init__(self, classes: int): ...
"""
FOUR = {"kind": "four_channel", "frames": 24, "n_mels": 32}
CLASSES = 3


@pytest.fixture(autouse=True)
def _file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    Path("mine.py").write_text(NET)


def model(name: str = "Net", reads: str = "four_channel", **settings: Any) -> Any:
    return TypeAdapter(Model).validate_python({"class": f"mine.py:{name}", "reads": reads, **settings})


def test_its_settings_outlive_json() -> None:
    settings = model(width=8)
    assert settings.name == "mine.py:Net"
    assert settings.parameters() == {"width": 8, "kernel": (3, 3)}
    assert TypeAdapter(Model).validate_json(settings.model_dump_json()) == settings
    assert settings != model(width=4)


def test_an_experiment_has_the_recipe_that_it_reads() -> None:
    sections = {
        reads: {"model": {"class": "mine.py:Net", "reads": reads}} for reads in ("four_channel", "log_mel", "waveform")
    }
    config = parse({"experiments": sections}, "c")
    assert {name: config.recipes[each.recipe].kind for name, each in config.experiments.items()} == {
        reads: reads for reads in sections
    }


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"widht": 8}, "widht: unknown key; did you mean 'width'?"),
        ({"width": 0}, "width: input should be greater than 0, got 0; see docs/configuration.md"),
        ({"width": "x"}, "width: input should be a valid integer, unable to parse string as an integer, got 'x'; see"),
        ({"kernel": [3]}, "kernel.1: expected a value, got none; add this key"),
        (
            {"reads": "sound"},
            "reads: input should be 'embedding', 'four_channel', 'log_mel', 'waveform', 'spectrogram' or 'own', got",
        ),
        ({"class": "mine.py:Other"}, "class: mine.py: no class Other in it; known there: Net, Flat, Wide, Fails"),
        ({"class": "mine.py:NoModule"}, "class: mine.py:NoModule: expected a torch.nn.Module, got a class without"),
        ({"class": "mine.py:Named"}, "class: mine.py:Named: reads cannot be the name of a setting; choose another"),
        ({"class": "mine.py:Flat"}, "scale: expected a value, got none; add this key"),
        ({"version": "0"}, "version: expected 0, got "),
    ],
)
def test_mistakes_are_one_line(section: dict[str, Any], message: str) -> None:
    whole = {"class": "mine.py:Net", "reads": "four_channel"} | section
    with pytest.raises(InputError) as told:
        parse({"experiments": {"x": {"model": whole}}}, "c.yaml")
    assert str(told.value).startswith(f"c.yaml: experiments.x.model.{message}")
    assert "\n" not in str(told.value)


def test_its_settings_can_be_searched() -> None:
    def searched(**space: Any) -> dict[str, Any]:
        model = {"class": "mine.py:Net", "reads": "four_channel"}
        return {"experiments": {"x": {"model": model, "search": {"space": space}}}}

    assert parse(searched(**{"model.width": [2, 4]}), "c").experiments["x"].search is not None
    for space, message in {
        "model.width": "search.space.model.width: input should be greater than 0, got 0; change the space",
        "model.widht": "search.space.model.widht: mine.py:Net and its training have no such setting; did you mean",
        "model.version": "search.space.model.version: cannot be searched: a search changes the settings of one model",
    }.items():
        with pytest.raises(InputError, match=re.escape(message)):
            parse(searched(**{space: [4, 0]}), "c")


def test_it_learns_from_the_tensors_that_it_reads() -> None:
    recipe = recorded_recipe(FOUR)
    network = build(model(), CLASSES, recipe)
    assert network.training
    logits = network(torch.randn(5, 4, 32, 24))
    assert logits.shape == (5, CLASSES)
    logits.sum().backward()
    assert all(weight.grad is not None for weight in network.parameters())


def test_building_draws_only_its_own_weights() -> None:
    recipe = recorded_recipe(FOUR)
    torch.manual_seed(0)
    first, after = build(model("Flat", scale=2.0), CLASSES, recipe), torch.rand(1)
    torch.manual_seed(0)
    second = torch.nn.Linear(24, CLASSES)
    assert torch.equal(first.head.weight, second.weight)  # type: ignore[union-attr]  # a Linear
    assert torch.equal(after, torch.rand(1))


@pytest.mark.parametrize(
    ("recipe", "shape"),
    [
        (FOUR, (4, 32, 24)),
        (FOUR | {"layout": "compact", "n_mfcc": 8}, (4, 32, 24)),
        ({"kind": "waveform", "samples": 100}, (100,)),
    ],
)
def test_it_is_told_the_shape_of_a_clip(recipe: dict[str, Any], shape: tuple[int, ...]) -> None:
    parsed = recorded_recipe(recipe)
    network = build(model("Flat", parsed.kind, scale=1), CLASSES, parsed)
    assert network.shape == shape
    if "layout" in recipe:
        assert network(torch.randn(2, *parsed.shape[:2])).shape == (2, CLASSES)


def test_one_channel_is_standardised_and_cut_as_for_networks_that_are_there() -> None:
    recipe = recorded_recipe({"kind": "log_mel", "n_mels": 32, "frames": 24})
    settings = model("Flat", "log_mel", scale=1, crop=(16, 12), test_crops=(2, 2))
    network = build(settings, CLASSES, recipe, Standard(3.0, 2.0))
    assert (float(network.mean), float(network.sd)) == (3.0, 2.0)
    assert network.network.shape == (1, 16, 12)
    assert network.eval()(torch.randn(2, 1, 32, 24)).shape == (2, CLASSES)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("Wide", r"mine.py:Wide: expected logits \(2, 3\) for 2 clips and 3 classes, got \(2, 4\)$"),
        ("Tuple", r"mine.py:Tuple: expected logits \(2, 3\) for 2 clips and 3 classes, got tuple$"),
        ("Fails", r"mine.py:Fails: failed on 2 clips of \(4, 32, 24\): IndexError: too many indices"),
    ],
)
def test_networks_that_fail_are_told_before_anything_is_trained(name: str, message: str) -> None:
    with pytest.raises(TrainingError, match=message):
        build(model(name), CLASSES, recorded_recipe(FOUR))


@pytest.mark.parametrize(
    ("how", "message"),
    [
        ("tensor", "a training.models.network.Attention, got Tensor"),
        ("none", "a training.models.network.Attention, got NoneType"),
        ("long", "pooling (clips, steps) of 2 clips and at most 24 steps, got (2, 25)"),
        ("flat", "received (clips, heads, steps) of 2 clips and at most 24 steps, got (2, 5)"),
    ],
)
def test_attention_that_the_report_cannot_draw_is_told_before_anything_is_trained(how: str, message: str) -> None:
    build(model("Attends", how="right"), CLASSES, recorded_recipe(FOUR))
    with pytest.raises(TrainingError) as told:
        build(model("Attends", how=how), CLASSES, recorded_recipe(FOUR))
    assert str(told.value) == f"mine.py:Attends: attention_over_time: expected {message}"


def test_its_version_stands_for_its_code() -> None:
    assert not [path for path in weights_code(model()) if path.parent.name == "resnet_attention"]
    before = model().model_dump()["version"]
    assert len(before) == 32
