"""From a waveform to the tensor of a recipe: one file for each kind of recipe."""

from features.recipe import LogMelRecipe, Recipe, SoundRecipe, WaveformRecipe
from features.tensors.base import Assembly, Tensor
from features.tensors.four_channel import FourChannel
from features.tensors.log_mel import LogMel

__all__ = ["Assembly", "Tensor", "assembly"]


def assembly(recipe: SoundRecipe) -> Assembly:
    """What makes the tensors of this recipe, with its constants."""
    match recipe:
        case Recipe():
            return FourChannel(recipe)
        case LogMelRecipe():
            return LogMel(recipe)
        case WaveformRecipe():
            from features.tensors.waveform import Waveform  # scipy.signal takes a third of a second to import

            return Waveform(recipe)
