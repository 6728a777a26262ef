"""Spectrograms standardised and cut into the parts that a network reads."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from training.models.network import Attention, over_frames
from training.objective import mean_logits
from training.settings import TaskName


@dataclass(frozen=True)
class Standard:
    """Mean and standard deviation of the training clips, in the unit of the tensors."""

    mean: float = 0.0
    sd: float = 1.0


class Crops(nn.Module):
    """Module that runs a network over parts of spectrograms.

    From `(batch, channels, rows, frames)` to logits `(batch, classes)`.

    In training what comes has been cut at random. Otherwise parts are cut that are spread evenly over the rows and over
    the frames, a single one from the centre; of several, the logits are those of their mean probabilities.

    Parameters
    ----------
    network : nn.Module
        For parts of `size`.
    standard : Standard
        Saved with the weights.
    size : (rows, frames)
    counts : (along rows, along frames)
    task : str
    """

    def __init__(
        self,
        network: nn.Module,
        standard: Standard,
        size: tuple[int, int],
        counts: tuple[int, int] = (1, 1),
        task: TaskName = "multiclass",
    ) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(standard.mean))
        self.register_buffer("sd", torch.tensor(standard.sd))
        self.mean: Tensor
        self.sd: Tensor
        self.size = size
        self.counts = counts
        self._task = task

    def forward(self, images: Tensor) -> Tensor:
        images = (images - self.mean) / self.sd
        if self.training:
            return self.network(images)
        logits = [self.network(part) for _, part in self._parts(images)]
        if len(logits) == 1:
            return logits[0]
        return mean_logits(torch.stack(logits).float(), self._task)

    def attention_over_time(self, images: Tensor) -> Attention | None:
        """Return the mean of the network's attention over all parts, with a step for each frame.

        Frames that no part has receive none. None is returned where the network has no such method.
        """
        attend = getattr(self.network, "attention_over_time", None)
        if attend is None:
            return None
        parts = list(self._parts((images - self.mean) / self.sd))
        attended, lefts = [attend(part) for _, part in parts], [left for left, _ in parts]
        frames = (self.size[1], images.shape[3])
        return Attention(
            _placed([one.pooling for one in attended], lefts, *frames),
            _placed([one.received for one in attended], lefts, *frames),
        )

    def _parts(self, images: Tensor) -> Iterator[tuple[int, Tensor]]:
        """Return the parts that evaluation sees, and the frame at which each begins."""
        tops, lefts = (
            _spread(image_size - part_size, count)
            for image_size, part_size, count in zip(images.shape[2:], self.size, self.counts, strict=True)
        )
        rows, frames = self.size
        for top in tops:
            for left in lefts:
                yield left, images[:, :, top : top + rows, left : left + frames]


def _spread(free: int, count: int) -> list[int]:
    """Return the places where parts begin if `free` are left: the centre, or evenly from the first to the last."""
    return [free // 2] if count == 1 else [round(free * number / (count - 1)) for number in range(count)]


def _placed(weights: Sequence[Tensor | None], lefts: Sequence[int], part_frames: int, frames: int) -> Tensor | None:
    """Return the mean of weights over the steps of parts, as weights over the frames of whole clips."""
    placed = [
        nn.functional.pad(over_frames(part, part_frames), (left, frames - part_frames - left))
        for part, left in zip(weights, lefts, strict=True)
        if part is not None
    ]
    return torch.stack(placed).mean(dim=0) if placed else None
