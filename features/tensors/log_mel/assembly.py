"""One log-mel channel, not normalised, for statistics that are fitted on training clips."""

import numpy as np

from features.decibels import decibels
from features.mel import MelBank, mel_filters
from features.sound import Sound
from features.tensors.base import Tensor, centre, channels_last
from features.tensors.log_mel.recipe import LogMelRecipe


class Assembly:
    """Maker of the tensors of a log-mel recipe."""

    def __init__(self, recipe: LogMelRecipe) -> None:
        self.recipe = recipe
        self.mel = MelBank(mel_filters(recipe))

    def __call__(self, sound: Sound) -> Tensor:
        """Return the tensor of a sound in dB against 1, not normalised.

        The statistics are mean and population sd over the frames before any reflection.
        """
        level = centre(decibels(self.mel.power(sound.power(), sound.frames)), self.recipe.frames)
        values = channels_last(level[np.newaxis].astype(np.float32), self.recipe.frames, self.recipe.dtype)
        return Tensor(values, np.array([(level.mean(), level.std())]))
