"""Predictions of a trained network, in float32 on features as the store holds them."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass

import numpy as np
import torch
from torch import nn

from training.normalise import features_for
from training.stream import ClipStream


@dataclass(frozen=True)
class Predictions:
    """Predictions for the clips of one side, an element each.

    Attributes
    ----------
    rows : array of int64, shape (clips,)
        Rows of the store.
    labels : array of int64, shape (clips,)
        Numbers of the true classes.
    logits : array of float32, shape (clips, classes)
    """

    rows: np.ndarray
    labels: np.ndarray
    logits: np.ndarray

    @property
    def probabilities(self) -> np.ndarray:
        """Return the softmax of the logits, `(clips, classes)` float64."""
        return torch.from_numpy(self.logits).double().softmax(dim=1).numpy()

    @property
    def likeliest(self) -> np.ndarray:
        """Return the number of the class with the largest probability, `(clips,)` int64; the first of several."""
        return self.logits.argmax(axis=1)


def averaged(predictions: Predictions, recordings: Sequence[str]) -> tuple[Predictions, list[str]]:
    """Return one prediction for all clips of a recording, the mean of their probabilities, and the recordings' names.

    `recordings` `(clips,)` names the recording of each clip; the row is that of its first clip. The logits are then
    the logarithms of the mean probabilities.
    """
    names, first, number = np.unique(recordings, return_index=True, return_inverse=True)
    if len(names) == len(recordings):
        return predictions, list(recordings)
    probabilities = predictions.probabilities
    sums = np.zeros((len(names), probabilities.shape[1]))
    np.add.at(sums, number, probabilities)
    logits = np.log(np.maximum(sums / np.bincount(number)[:, None], np.finfo(np.float64).tiny)).astype(np.float32)
    return Predictions(predictions.rows[first], predictions.labels[first], logits), names.tolist()


def full_precision() -> AbstractContextManager[None]:
    """Return a context in which a GPU convolves in float32, and repeats itself; TF32 keeps 10 bits."""
    return torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False)


@torch.inference_mode()
def predict(network: nn.Module, stream: ClipStream, device: torch.device) -> Predictions:
    """Run the network over a stream in float32, whatever it was trained in."""
    network = network.to(device).eval()
    parts: dict[str, list[np.ndarray]] = {"row": [], "label": [], "logits": []}
    for batch in stream:
        inputs = {name: batch[name].to(device) for name in batch if name in ("features", "statistics")}
        with full_precision():
            logits = network(features_for(network, inputs).float())
        parts["logits"].append(logits.cpu().numpy())
        for name in ("row", "label"):
            parts[name].append(batch[name].numpy())
    rows, labels, logits = (np.concatenate(parts[name]) for name in ("row", "label", "logits"))
    return Predictions(rows, labels, logits)
