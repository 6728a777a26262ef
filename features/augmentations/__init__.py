"""The augmentations, one file each: `draw` takes parameters from a generator, `apply` makes the waveform."""

from features.augmentations.base import Augmentation
from features.augmentations.noise import Noise
from features.augmentations.pitch import Pitch
from features.augmentations.rolloff import Rolloff
from features.augmentations.shift import Shift
from features.augmentations.stretch import Stretch

__all__ = ["Augmentation", "Noise", "Pitch", "Rolloff", "Shift", "Stretch"]
