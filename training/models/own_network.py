"""Networks of users' own, made of their settings."""

import torch
from torch import nn

from training.errors import TrainingError
from training.models.network import Attention
from training.models.own import OwnModel

ATTENTION = "attention_over_time"
CLIPS = 2  # of a batch of zeros, which fills layers that take their size from what comes


def own_network(settings: OwnModel, classes: int, size: tuple[int, ...]) -> nn.Module:
    """Return the network of a user's class.

    The class gets `classes`, its settings, and `shape` if it has a parameter of that name: that of one clip as
    `forward` gets it, `(channels, rows, frames)` or `(samples,)`.

    Raises
    ------
    TrainingError
        If the class fails, or its network does not return logits `(batch, classes)`, or an attention that does not fit.
    """
    channels = size[2] if len(size) == 3 else 4 if settings.reads == "four_channel" else 1
    shape = (channels, *size[:2]) if len(size) > 1 else size
    given = {"shape": shape} if settings.takes_shape else {}
    try:
        network: nn.Module = settings.part.kind(classes, **settings.parameters(), **given)
        with torch.random.fork_rng(devices=[]), torch.no_grad():
            clips = torch.zeros(CLIPS, *shape)
            logits = network.eval()(clips)
            attends = getattr(network, ATTENTION, None)
            attention = None if attends is None else attends(clips)
    except (TypeError, ValueError, RuntimeError, IndexError, AttributeError) as error:
        fault = " ".join(str(error).split())[:300]
        raise TrainingError(
            f"{settings.name}: failed on {CLIPS} clips of {shape}: {type(error).__name__}: {fault}"
        ) from error
    if not isinstance(logits, torch.Tensor) or logits.shape != (CLIPS, classes):
        got = tuple(logits.shape) if isinstance(logits, torch.Tensor) else type(logits).__name__
        raise TrainingError(
            f"{settings.name}: expected logits {(CLIPS, classes)} for {CLIPS} clips and {classes} classes, got {got}"
        )
    if attends is not None and (fault := _attention_fault(attention, shape[-1])):
        raise TrainingError(f"{settings.name}: {ATTENTION}: expected {fault}")
    return network.train()


def _attention_fault(attention: object, frames: int) -> str:
    """Return what is wrong with the attention of `CLIPS` clips, which is used after training; empty if nothing is."""
    if not isinstance(attention, Attention):
        return f"a training.models.network.Attention, got {type(attention).__name__}"
    for name, weights, axes in (("pooling", attention.pooling, 2), ("received", attention.received, 3)):
        if weights is not None and (
            weights.ndim != axes or len(weights) != CLIPS or not 0 < weights.shape[-1] <= frames
        ):
            form = "(clips, steps)" if axes == 2 else "(clips, heads, steps)"
            return f"{name} {form} of {CLIPS} clips and at most {frames} steps, got {tuple(weights.shape)}"
    return ""
