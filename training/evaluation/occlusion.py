"""Occlusion: the loss in a class's probability when a window of time is hidden from the network."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor, nn

from training.evaluation.padding import RealSpan
from training.evaluation.predict import full_precision
from training.normalise import features_for
from training.tasks import MULTICLASS, Task

WINDOWS = 24  # of a clip
CLIPS_AT_ONCE = 5  # with a window hidden in each; with the clip itself, a fifth of them
DIGITS = 3  # of log odds; float32 logits are not much more exact


def windows_of(span: RealSpan, count: int = WINDOWS) -> np.ndarray:
    """Return the windows of a clip's real frames, `(count, 2)`: the first frame, and the one after the last.

    They are equally long to within a frame. Of fewer frames than windows, each comes several times.
    """
    edges = span.begin + np.arange(count + 1) * span.frames // count
    return np.stack([edges[:-1], np.maximum(edges[1:], edges[:-1] + 1)], axis=1)


@dataclass(frozen=True)
class Occlusion:
    """Loss of a class by each hidden window of a clip.

    A negative loss means that the window speaks against the class.

    Attributes
    ----------
    probabilities : array of float64, shape (classes,)
        Of the whole clip.
    loss : array of float64, shape (windows,)
        Loss in the probability of the class.
    log_odds_loss : array of float64, shape (windows,)
        Loss in its log odds. It orders the windows as `loss` does, also where all probabilities are next to 1.
    """

    probabilities: np.ndarray
    loss: np.ndarray
    log_odds_loss: np.ndarray


@torch.inference_mode()
def occlude(
    network: nn.Module,
    clip: Mapping[str, Tensor],
    number: int,
    span: RealSpan,
    windows: np.ndarray,
    task: Task = MULTICLASS,
) -> Occlusion:
    """Return what a class loses when each window of a clip is hidden from the network.

    The frames of a hidden window, and those that repeat them, are the median of the real frames: row by row and channel
    by channel, on the tensor as stored.

    Parameters
    ----------
    network : nn.Module
        As `training.models.build.build` returns it, in evaluation mode.
    clip : mapping
        Batch of one clip as `features_for` takes it, on the device of the network.
    number : int
        The class.
    span : RealSpan
    windows : array of int64, shape (windows, 2)
    task : Task, optional
    """
    features = clip["features"].float()  # (1, …, frames)
    median = features[..., span.begin : span.end].median(dim=-1, keepdim=True).values
    hidden = np.zeros((len(windows) + 1, len(span.sources)), bool)  # nothing of the first
    hidden[1:] = (windows[:, :1] <= span.sources) & (span.sources < windows[:, 1:])
    masks = torch.from_numpy(hidden).to(features.device).view(len(hidden), *[1] * (features.ndim - 2), -1)
    parts = []
    for mask in torch.split(masks, CLIPS_AT_ONCE):
        batch = {name: value.expand(len(mask), *value.shape[1:]) for name, value in clip.items()}
        with full_precision():
            parts.append(network(features_for(network, batch | {"features": torch.where(mask, median, features)})))
    logits = torch.cat(parts).double().cpu().numpy()  # (1 + windows, classes)
    probabilities, log_odds = task.probabilities(logits), task.log_odds(logits, number)
    loss = probabilities[0, number] - probabilities[1:, number]
    return Occlusion(probabilities[0], loss, np.round(log_odds[0] - log_odds[1:], DIGITS))
