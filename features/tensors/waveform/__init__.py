"""The band-passed waveform itself."""

from features.tensors.waveform.recipe import WaveformRecipe

__all__ = ["WaveformRecipe"]
