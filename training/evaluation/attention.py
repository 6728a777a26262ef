"""Attention of a trained network over the time of a clip, and its rank correlation with another curve."""

from collections.abc import Mapping

import numpy as np
import torch
from torch import Tensor, nn

from training.compact import Expand
from training.evaluation.padding import RealSpan
from training.evaluation.predict import full_precision
from training.models.network import Attention, over_frames
from training.normalise import features_for

DIGITS = 6  # that are compared; float32 is not more exact


@torch.inference_mode()
def attention_of(network: nn.Module, batch: Mapping[str, Tensor]) -> Attention | None:
    """Return the attention of a network, as `build` returns it, or None if it does not attend.

    `batch` is as `features_for` takes it, of few clips; the network is in evaluation mode.
    """
    attend = getattr(network, "attention_over_time", None)
    if attend is None:
        return None
    features = features_for(network, batch).float()
    expand = getattr(network, "expand", None)  # a hook of `forward`, which this method does not have
    with full_precision():
        return attend(expand(features) if isinstance(expand, Expand) else features)


def relative_attention(weights: Tensor, span: RealSpan) -> np.ndarray:
    """Return weights over the real frames of a clip, `(…, real frames)` float64, of which equal ones are 1.

    Parameters
    ----------
    weights : Tensor, shape (…, steps)
        Attention of one clip. That on a frame which repeats another counts for the other.
    span : RealSpan
    """
    frames = over_frames(weights, len(span.sources)).double().cpu().numpy()
    sums = np.zeros_like(frames)
    np.add.at(sums.T, span.sources, frames.T)
    return sums[..., span.begin : span.end] * span.frames


def means_within(values: np.ndarray, windows: np.ndarray) -> np.ndarray:
    """Return the means of `values` `(…, frames)` within windows `(windows, 2)`: `(…, windows)`."""
    sums = np.concatenate([np.zeros((*values.shape[:-1], 1)), np.cumsum(values, axis=-1)], axis=-1)
    return (sums[..., windows[:, 1]] - sums[..., windows[:, 0]]) / (windows[:, 1] - windows[:, 0])


def rank_correlation(first: np.ndarray, second: np.ndarray) -> float | None:
    """Return Spearman's rank correlation of two curves `(points,)`; None where one of them is flat.

    Equal values share the mean of their ranks.
    """
    ranks = [_ranks(np.round(values, DIGITS)) for values in (first, second)]
    one, other = (values - values.mean() for values in ranks)
    norm = np.sqrt((one @ one) * (other @ other))
    return float(one @ other / norm) if norm else None


def _ranks(values: np.ndarray) -> np.ndarray:
    _, number, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2)[number]
