"""Spectrograms standardised and cut into the parts that a network reads."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Standard:
    """Mean and standard deviation of the training clips, in the unit of the tensors."""

    mean: float = 0.0
    sd: float = 1.0


class Crops(nn.Module):
    """Module that runs a network over parts of spectrograms.

    From `(batch, channels, rows, frames)` to logits `(batch, classes)`.

    In training what comes has been cut at random. Otherwise parts are cut that are spread evenly over the rows and over
    the frames, a single one from the centre; of several, the logits are logarithms of their mean probabilities.

    Parameters
    ----------
    network : nn.Module
        For parts of `size`.
    standard : Standard
        Saved with the weights.
    size : (rows, frames)
    counts : (along rows, along frames)
    """

    def __init__(
        self, network: nn.Module, standard: Standard, size: tuple[int, int], counts: tuple[int, int] = (1, 1)
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(standard.mean))
        self.register_buffer("sd", torch.tensor(standard.sd))
        self.mean: Tensor
        self.sd: Tensor
        self.size = size
        self.counts = counts

    def forward(self, images: Tensor) -> Tensor:
        images = (images - self.mean) / self.sd
        if self.training:
            return self.network(images)
        tops, lefts = (
            _spread(image_size - part_size, count)
            for image_size, part_size, count in zip(images.shape[2:], self.size, self.counts, strict=True)
        )
        rows, frames = self.size
        logits = [self.network(images[:, :, top : top + rows, left : left + frames]) for top in tops for left in lefts]
        if len(logits) == 1:
            return logits[0]
        return torch.stack(logits).float().log_softmax(dim=2).logsumexp(dim=0) - math.log(len(logits))


def _spread(free: int, count: int) -> list[int]:
    """Return the places where parts begin if `free` are left: the centre, or evenly from the first to the last."""
    return [free // 2] if count == 1 else [round(free * number / (count - 1)) for number in range(count)]
