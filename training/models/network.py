"""The interface of a network."""

from torch import nn

from training.models.base import NetworkSettings


class Network(nn.Module):
    """Base class of networks, which turn tensors of clips into logits `(batch, classes)`.

    The one subclass in `training/models/<name>/network.py` is made with these arguments, and its `forward` takes
    batches of tensors of one kind: `(batch, 4, rows, frames)`, `(batch, 1, rows, frames)` or `(batch, samples)`.

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
