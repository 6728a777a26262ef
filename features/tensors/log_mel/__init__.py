"""One log-mel channel, not normalised."""

from features.tensors.log_mel.recipe import LogMelRecipe

__all__ = ["LogMelRecipe"]
