"""Explanations of single decisions: attention and occlusion over the time of the most confident test clips."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from training.evaluation.attention import attention_of, means_within, rank_correlation, relative_attention
from training.evaluation.occlusion import occlude, windows_of
from training.evaluation.padding import RealSpan, real_span
from training.evaluation.predictions import Predictions
from training.stream import ClipStream
from training.tasks import MULTICLASS, Task

LIMIT = 100  # clips of a run
POINTS = 320  # of a curve of attention, at most


@dataclass(frozen=True)
class Explanation:
    """Decision for one clip, and the times that it rests on.

    All curves begin and end with the real frames (or samples) of the clip, from `begin` to before `end` of its tensor.

    Attributes
    ----------
    row : int
        Of the store.
    label, decided : int
        Numbers of the true class and of the decided one. With several labels the decided one is a label that is
        answered, and the true one is the same or, where it is wrongly answered, -1.
    probabilities : array of float64, shape (classes,)
    begin, end : int
    occlusion : array of float64, shape (windows,)
        Loss in the probability of the decided class when a window is hidden.
    pooling : array of float64, shape (points,), or None
        Weights of the pooling over time. Equal weights are 1.
    received : array of float64, shape (heads, points), or None
        Attention that is received in each head, in the same unit.
    agreement : float or None
        Rank correlation of occlusion with the pooling's weights, or with the mean of the heads where there is no
        pooling. None without attention, and where a curve is flat.
    """

    row: int
    label: int
    decided: int
    probabilities: np.ndarray
    begin: int
    end: int
    occlusion: np.ndarray
    pooling: np.ndarray | None
    received: np.ndarray | None
    agreement: float | None

    @property
    def group(self) -> int:
        """Return the number of the class that the clip is shown with."""
        return self.decided if self.label < 0 else self.label

    @property
    def attention(self) -> np.ndarray | None:
        """Return the attention over time that `agreement` is of: of the pooling, or else the mean of the heads."""
        if self.pooling is not None or self.received is None:
            return self.pooling
        return self.received.mean(axis=0)


def most_confident(predictions: Predictions, decided: np.ndarray) -> np.ndarray:
    """Return the places of the most confident right clip and the most confident wrong clip of each true class.

    Confidence is the probability of the decided class, `decided` `(clips,)`. Classes come in their order, each with its
    right clip first; after `LIMIT` clips the rest is left out.
    """
    confidence = predictions.probabilities[np.arange(len(decided)), decided]
    order = np.lexsort([predictions.rows, -confidence])
    kinds = 2 * predictions.labels + (decided != predictions.labels)
    return order[np.unique(kinds[order], return_index=True)[1]][:LIMIT]


def decisions_to_explain(predictions: Predictions, decided: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return clips whose decision is worth a look, by their places, and the true and the decided class of each.

    They are those of `most_confident`. With several labels they are, label by label, the most confident clip for which
    it is rightly answered and the one for which it is wrongly answered, whose true class is -1.
    """
    if not predictions.task.several:
        shown = most_confident(predictions, decided)
        return shown, predictions.labels[shown], decided[shown]
    clips, numbers = np.nonzero(decided)
    wrong = ~predictions.labels[clips, numbers]
    order = np.lexsort([predictions.rows[clips], -predictions.probabilities[clips, numbers]])
    kinds = 2 * numbers + wrong
    shown = order[np.unique(kinds[order], return_index=True)[1]][:LIMIT]
    return clips[shown], np.where(wrong, -1, numbers)[shown], numbers[shown]


def explain(
    network: nn.Module,
    stream: ClipStream,
    decided: np.ndarray,
    device: torch.device,
    labels: np.ndarray | None = None,
    task: Task = MULTICLASS,
) -> list[Explanation]:
    """Return an explanation of each clip of a stream.

    Parameters
    ----------
    network : nn.Module
        As `training.models.build.build` returns it.
    stream : ClipStream
        Few clips, as `predict` takes them.
    decided : array of int64, shape (clips,)
        Numbers of their decided classes, in the order of the stream.
    device : torch.device
    labels : array of int64, shape (clips,), optional
        Numbers of their true classes; by default the labels of the stream.
    task : Task, optional
    """
    network = network.to(device).eval()
    explanations: list[Explanation] = []
    for batch in stream:
        for place, row in enumerate(batch["row"].tolist()):
            clip = {name: batch[name][place : place + 1] for name in batch if name in ("features", "statistics")}
            number = int(decided[len(explanations)])
            true = int(batch["label"][place] if labels is None else labels[len(explanations)])
            explanations.append(explain_clip(network, clip, device, row, true, number, task))
    return explanations


def attention_summary(explanations: Sequence[Explanation]) -> dict[str, Any] | None:
    """Return the mean agreement of the clips that have one, as metrics.json has it.

    None is returned for networks that do not attend.
    """
    if not any(explanation.attention is not None for explanation in explanations):
        return None
    agreements = [explanation.agreement for explanation in explanations if explanation.agreement is not None]
    return {"agreement": float(np.mean(agreements)) if agreements else None, "clips": len(agreements)}


def explain_clip(
    network: nn.Module,
    clip: dict[str, Tensor],
    device: torch.device,
    row: int,
    label: int,
    number: int,
    task: Task = MULTICLASS,
) -> Explanation:
    """Return an explanation of the decision for class `number`.

    `clip` is a batch of one as `features_for` takes it, in the memory of the processor; the network is on the device,
    in evaluation mode.
    """
    span = real_span(clip["features"][0].numpy())
    clip = {name: value.to(device) for name, value in clip.items()}
    windows = windows_of(span)
    occlusion = occlude(network, clip, number, span, windows, task)
    attention = attention_of(network, clip)
    pooling = received = agreement = None
    if attention is not None:
        agreement = rank_correlation(_curve(attention.over_time, span, len(windows)), occlusion.log_odds_loss)
        points = min(POINTS, span.frames)
        pooling = None if attention.pooling is None else _curve(attention.pooling, span, points)
        received = None if attention.received is None else _curve(attention.received, span, points)
    return Explanation(
        row, label, number, occlusion.probabilities, span.begin, span.end, occlusion.loss, pooling, received, agreement
    )


def _curve(weights: Tensor, span: RealSpan, points: int) -> np.ndarray:
    """Return the weights of one clip over its real frames, as the means of equally long parts."""
    return means_within(relative_attention(weights[0], span), windows_of(span, points) - span.begin)
