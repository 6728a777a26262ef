"""Ready-made spectrograms, stored as they are given."""

from features.tensors.spectrogram.recipe import SpectrogramRecipe

__all__ = ["SpectrogramRecipe"]
