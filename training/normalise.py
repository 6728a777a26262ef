"""Four-channel tensors normalised by statistics of training clips, in place of each clip's own."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from features.tensors.four_channel import Recipe
from features.tensors.four_channel.recipe import DEGENERATE_SD
from features.tensors.four_channel.spline import spline_matrix
from stores.reader import Store

# Groups of rows that share one location and one scale, in the order of `Recipe.statistics`: log-mel, coefficient 0, the
# other coefficients, deltas, delta-deltas.
BY_MEAN = 3  # so many of them have mean and standard deviation, the rest median and robust scale
OF_CHANNELS = (0, 2, 3, 4)  # the group of each channel, but for coefficient 0 in channel 1


@dataclass(frozen=True)
class TrainStatistics:
    """Location and scale of each group of rows over the training clips."""

    location: tuple[float, ...]
    scale: tuple[float, ...]


def fitted_statistics(store: Store, rows: np.ndarray, variants: Sequence[str]) -> TrainStatistics:
    """Return the statistics of some clips together, each of which counts the same; a scale is 1 where all is equal.

    They follow from the pairs that the store keeps for each tensor, so that none is read: mean and population standard
    deviation exactly; of deltas, whose pairs are robust, the medians of the clips' medians and scales.
    """
    pairs = np.concatenate([store.statistics(variant)[rows] for variant in variants])  # (tensors, groups, 2) float64
    means, sds = pairs[:, :BY_MEAN, 0], pairs[:, :BY_MEAN, 1]
    location, robust = means.mean(axis=0), np.median(pairs[:, BY_MEAN:], axis=0)
    variance = np.square(means - location).mean(axis=0) + np.square(sds).mean(axis=0)
    scale = np.concatenate([np.sqrt(variance), robust[:, 1]])
    scale[scale < DEGENERATE_SD] = 1.0
    return TrainStatistics(tuple(np.concatenate([location, robust[:, 0]]).tolist()), tuple(scale.tolist()))


class Renormalise(nn.Module):
    """Module that undoes the normalisation of each clip and normalises by the statistics of training clips.

    Parameters
    ----------
    recipe : Recipe
    statistics : TrainStatistics
        Saved with the weights.
    """

    def __init__(self, recipe: Recipe, statistics: TrainStatistics) -> None:
        super().__init__()
        self.register_buffer("location", torch.tensor(statistics.location))
        self.register_buffer("scale", torch.tensor(statistics.scale))
        spline = spline_matrix(recipe.n_mfcc, recipe.n_mels)
        counts = torch.tensor([recipe.n_mels, 1, recipe.n_mfcc - 1, recipe.n_mfcc, recipe.n_mfcc])
        constants = {
            "groups": torch.repeat_interleave(torch.arange(len(counts)), counts),  # of each compact row
            "spread": torch.from_numpy(spline[:, 0]).float(),  # coefficient 0 over the rows of a plane
            "gathered": torch.from_numpy(np.linalg.pinv(spline)[0]).float(),  # and back
        }
        for name, value in constants.items():
            self.register_buffer(name, value, persistent=False)  # the recipe says it
        self.location: Tensor
        self.scale: Tensor
        self.groups: Tensor
        self.spread: Tensor
        self.gathered: Tensor

    def forward(self, features: Tensor, statistics: Tensor) -> Tensor:
        """Return features in float32, in the shape and memory format that they have.

        Parameters
        ----------
        features : Tensor, shape (batch, 4, n_mels, frames) or (batch, n_mels + 3 · n_mfcc, frames)
            Dense or compact, as stored.
        statistics : Tensor, shape (batch, groups, 2)
            Location and scale of each group of each clip, as stored; a scale of 0 is that of rows which became zeros.
        """
        with torch.autocast(features.device.type, enabled=False):  # bfloat16 would round before anything is learned
            features = features.float()
            location, scale = statistics.float().unbind(-1)  # each (batch, groups)
            gain, shift = scale / self.scale, (location - self.location) / self.scale
            if features.ndim == 3:
                return features * gain[:, self.groups, None] + shift[:, self.groups, None]
            # The rows of the spline's matrix sum to 1: where all coefficients change alike, so do the rows of a plane.
            channels = list(OF_CHANNELS)
            planes = features * gain[:, channels, None, None] + shift[:, channels, None, None]
            first = torch.einsum("r,brf->bf", self.gathered, features[:, 1])  # coefficient 0
            missing = (gain[:, 1] - gain[:, 2])[:, None] * first + (shift[:, 1] - shift[:, 2])[:, None]
            planes[:, 1] += self.spread[:, None] * missing[:, None]
        return planes


def features_for(network: nn.Module, batch: Mapping[str, Tensor]) -> Tensor:
    """Return the features of a batch as a network's `forward` takes them, on the device of both.

    Parameters
    ----------
    network : nn.Module
        As `training.models.build.build` returns it.
    batch : mapping
        `features`, and `statistics` where the network has been built with those of training clips.
    """
    own = getattr(network, "renormalise", None)
    return batch["features"] if own is None else own(batch["features"], batch["statistics"])
