"""From stored spectrograms to what a network for parts of them reads: standardised, and cut out."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Standard:
    """Mean and standard deviation of the training clips, in the unit of the tensors."""

    mean: float = 0.0
    sd: float = 1.0


class Crops(nn.Module):
    """Runs a network over parts of spectrograms `(batch, channels, rows, frames)`; logits `(batch, classes)`.

    In training what comes has been cut at random. Otherwise `count` parts are cut from the centre of the rows, spread
    evenly over the frames (a single one from the centre), and their logits averaged.

    Parameters
    ----------
    network : nn.Module
        For parts of `size`.
    standard : Standard
        Saved with the weights.
    size : (rows, frames)
    count : int
    """

    def __init__(self, network: nn.Module, standard: Standard, size: tuple[int, int], count: int) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(standard.mean))
        self.register_buffer("sd", torch.tensor(standard.sd))
        self.mean: Tensor
        self.sd: Tensor
        self.size = size
        self.count = count

    def forward(self, images: Tensor) -> Tensor:
        images = (images - self.mean) / self.sd
        if self.training:
            return self.network(images)
        return torch.stack([self.network(part) for part in self._parts(images)]).mean(dim=0)

    def _parts(self, images: Tensor) -> list[Tensor]:
        rows, frames = self.size
        top, free = (images.shape[2] - rows) // 2, images.shape[3] - frames
        starts = [free // 2] if self.count == 1 else [round(free * n / (self.count - 1)) for n in range(self.count)]
        return [images[:, :, top : top + rows, start : start + frames] for start in starts]
