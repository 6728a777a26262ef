"""Models for benchmarks of answers: the published network on its recipe, with weights that nothing has trained."""

from dataclasses import asdict
from pathlib import Path

import torch

from features.augmentations import Variants
from features.tensors.four_channel import Recipe
from training.artefact import LearnedCorpus, write_artefact
from training.models.build import build
from training.models.resnet_attention.settings import ResNetAttentionModel

RECIPE = Recipe(variants=Variants(noise=None, shift=None, stretch=None, pitch=None, rolloff=None))


def write_model(folder: Path) -> None:
    """Write an artefact of ten classes; time does not depend on what its weights are."""
    settings, classes = ResNetAttentionModel(), [f"class {number}" for number in range(10)]
    torch.manual_seed(0)
    write_artefact(
        folder,
        build(settings, len(classes), RECIPE),
        model=settings,
        classes=classes,
        recipe=asdict(RECIPE),
        identity=RECIPE.identity("original"),
        store="",
        corpus=LearnedCorpus(name="bench", identity="", clips=1, longest_s=30.65),
        decision={"temperature": None, "not_sure_limit": None},
        scores={},
    )
