"""Prediction by a trained network, in float32 on features as the store holds them."""

from collections.abc import Mapping
from contextlib import AbstractContextManager

import numpy as np
import torch
from torch import Tensor, nn

from training.evaluation.predictions import Predictions
from training.normalise import features_for
from training.ranks import Ranks
from training.stream import ClipStream
from training.tasks import MULTICLASS, Task


def full_precision() -> AbstractContextManager[None]:
    """Return a context in which a GPU convolves in float32, and repeats itself; TF32 keeps 10 bits."""
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)


@torch.inference_mode()
def logits_of(network: nn.Module, inputs: Mapping[str, Tensor]) -> np.ndarray:
    """Return the logits `(batch, classes)` float32 of a network in evaluation mode.

    Parameters
    ----------
    network : nn.Module
    inputs : mapping
        `features` and, where the network normalises by statistics of training clips, `statistics`, on its device.
    """
    with full_precision():
        logits: np.ndarray = network(features_for(network, inputs).float()).cpu().numpy()
    return logits


def predict(network: nn.Module, stream: ClipStream, device: torch.device, task: Task = MULTICLASS) -> Predictions:
    """Run the network over a stream in float32, whatever it was trained in."""
    network = network.to(device).eval()
    parts: dict[str, list[np.ndarray]] = {"row": [], "label": [], "logits": []}
    for batch in stream:
        if not len(batch["row"]):  # the last batch of all ranks may have no clip for this one
            continue
        inputs = {name: batch[name].to(device) for name in batch if name in ("features", "statistics")}
        parts["logits"].append(logits_of(network, inputs))
        for name in ("row", "label"):
            parts[name].append(batch[name].numpy())
    if not parts["row"]:
        return Predictions(np.empty(0, np.int64), np.empty(0, np.int64), np.empty((0, 0), np.float32), task)
    rows, labels, logits = (np.concatenate(parts[name]) for name in ("row", "label", "logits"))
    return Predictions(rows, labels, logits, task)


def gathered(predictions: Predictions, stream: ClipStream, ranks: Ranks) -> Predictions:
    """Return to the first rank the predictions of all, in the order in which one alone makes them.

    Parameters
    ----------
    predictions : Predictions
        For the part of this rank; those of other ranks are returned as they are.
    stream : ClipStream
        Not shuffled.
    ranks : Ranks
    """
    parts = [part for part in ranks.gathered(predictions) if len(part.rows)]
    if len(parts) <= 1:
        return predictions if not parts else parts[0]
    rows, labels, logits = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("rows", "labels", "logits")
    )
    size = stream.global_batch // ranks.size
    places = np.argsort(np.arange(len(rows)) // size % ranks.size, kind="stable")  # of those that are gathered
    order = np.argsort(places)
    return Predictions(rows[order], labels[order], logits[order], predictions.task)
