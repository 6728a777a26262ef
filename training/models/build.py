"""Networks out of their settings."""

from collections.abc import Callable
from importlib import import_module

from torch import nn

from features.tensors import AnyRecipe
from features.tensors.four_channel import Recipe
from training.compact import reading_compact
from training.models import Model
from training.models.base import OneChannelModel
from training.models.crops import Crops, Standard
from training.models.network import Network
from training.models.own import OwnModel
from training.models.own_network import own_network
from training.normalise import Renormalise, TrainStatistics
from training.parts import only_subclass
from training.settings import TaskName


def build(
    settings: Model,
    classes: int,
    recipe: AnyRecipe,
    standard: Standard | TrainStatistics | None = None,
    task: TaskName = "multiclass",
) -> nn.Module:
    """Return a network for the tensors of a recipe, with fresh weights from torch's current random state.

    Of all networks, the module of this one alone is imported. Raises `TrainingError` where one of a user's own fails.

    Parameters
    ----------
    settings : Model
    classes : int
    recipe : AnyRecipe
    standard : Standard or TrainStatistics, optional
        Statistics of the training clips: for networks whose tensors are not normalised, and for four-channel tensors
        that are to be normalised by them. They are saved with the weights.
    task : str, optional
        The meaning of the logits, of which several parts of a clip have a mean.
    """
    if isinstance(settings, OwnModel):
        kind: Callable[..., nn.Module] = own_network
    else:
        kind = only_subclass(import_module(f"training.models.{settings.name}.network"), Network)
    if isinstance(settings, OneChannelModel):
        assert not isinstance(standard, TrainStatistics)
        size = settings.crop or (recipe.shape[0], recipe.shape[1])
        return Crops(kind(settings, classes, size), standard or Standard(), size, settings.test_crops, task)
    if not isinstance(recipe, Recipe):
        return kind(settings, classes, recipe.shape)
    network: nn.Module = kind(settings, classes, (recipe.n_mels, recipe.frames))
    if recipe.layout == "compact":
        network = reading_compact(network, recipe)
    if isinstance(standard, TrainStatistics):
        network.add_module("renormalise", Renormalise(recipe, standard))
    return network
