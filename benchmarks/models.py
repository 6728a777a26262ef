"""Models for benchmarks of answers: the published network on its recipe, with weights that nothing has trained."""

from dataclasses import asdict, replace
from pathlib import Path

import torch

from features.augmentations import Variants
from features.tensors.four_channel import Recipe
from training.artefact import LearnedCorpus, write_artefact
from training.models.build import build
from training.models.resnet_attention.settings import ResNetAttentionModel

RECIPE = Recipe(variants=Variants(noise=None, shift=None, stretch=None, pitch=None, rolloff=None))
PUBLISHED = ResNetAttentionModel()
SMALL, SMALL_RECIPE = ResNetAttentionModel(width=0.25, blocks=(1, 1, 1)), replace(RECIPE, frames=216)  # the demo's


def write_model(folder: Path, settings: ResNetAttentionModel = PUBLISHED, recipe: Recipe = RECIPE) -> None:
    """Write an artefact of ten classes; time does not depend on what its weights are."""
    classes = [f"class {number}" for number in range(10)]
    torch.manual_seed(0)
    write_artefact(
        folder,
        build(settings, len(classes), recipe),
        model=settings,
        classes=classes,
        recipe=asdict(recipe),
        identity=recipe.identity("original"),
        store="",
        corpus=LearnedCorpus(name="bench", identity="", clips=1, longest_s=30.65),
        decision={"temperature": None, "not_sure_limit": None},
        scores={},
    )
