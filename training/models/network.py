"""The interface of a network."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.models.base import NetworkSettings


@dataclass(frozen=True)
class Attention:
    """Attention of a network over time, for some clips. One of the two may be missing.

    A step is a place on the time axis of the network. Step `s` of `steps` stands for the part from `s / steps` to
    `(s + 1) / steps` of the frames (or samples) that the network reads, of which there are at least as many.

    Parameters
    ----------
    pooling : Tensor or None, shape (batch, steps)
        Weights of the mean over time from which the classes are decided. They are not negative, and sum to 1.
    received : Tensor or None, shape (batch, heads, steps)
        Mean attention that each step receives from all steps: for each head of each block of self-attention, from the
        first block to the last. It sums to 1 for each head.

    Raises
    ------
    ValueError
        If both are missing.
    """

    pooling: Tensor | None
    received: Tensor | None

    def __post_init__(self) -> None:
        """Refuse an attention without weights."""
        if self.pooling is None and self.received is None:
            raise ValueError("attention: expected weights of a pooling or of heads, got neither")

    @property
    def over_time(self) -> Tensor:
        """Return one weight for each step, `(batch, steps)`: that of the pooling, or else the mean of the heads."""
        if self.pooling is not None:
            return self.pooling
        assert self.received is not None
        return self.received.mean(dim=1)


def over_frames(weights: Tensor, frames: int) -> Tensor:
    """Return weights over frames `(…, frames)` from weights over steps `(…, steps)`, which share theirs evenly."""
    step = torch.arange(frames, device=weights.device) * weights.shape[-1] // frames  # of each frame
    return (weights / torch.bincount(step))[..., step]


class Network(nn.Module):
    """Base class of networks, which turn tensors of clips into logits `(batch, classes)`.

    The one subclass in `training/models/<name>/network.py` is made with these arguments, and its `forward` takes
    batches of tensors of one kind: `(batch, 4, rows, frames)`, `(batch, 1, rows, frames)` or `(batch, samples)`.

    A network that attends may have the method `attention_over_time(features) -> Attention`, which takes what `forward`
    takes. It is called in evaluation mode for a few clips at a time, and may compute again what `forward` keeps to
    itself.

    Parameters
    ----------
    settings : NetworkSettings
        Those of this network.
    classes : int
    size : tuple of int
        `(rows, frames)` or `(samples,)` of the tensors in training.
    """

    def __init__(self, settings: NetworkSettings, classes: int, size: tuple[int, ...]) -> None:
        super().__init__()
