"""Means and standard deviations over time of the rows of a store's tensors: what a clip is without any order."""

import numpy as np
import torch
from torch import Tensor

from training.stream import ClipStream

FLOOR = 1e-10  # of the power in a bin of a waveform's spectrum, for logarithms


def row_statistics(stream: ClipStream) -> np.ndarray:
    """Return a row of numbers for each clip of a stream, in its order: `(clips, numbers)` float32.

    First come the means over time of all rows of all channels, then the population standard deviations, and then, where
    the stream gives them, location and scale of each group of rows by which the tensor was normalised. Rows of a
    waveform are the levels in dB of the bins of its spectrum, in frames of the recipe's `n_fft` and `hop_length`.
    Numbers of one other axis are rows by themselves.

    One batch of tensors is in memory at a time.
    """
    recipe = stream.store.manifest.get("recipe", {})
    waveforms = stream.store.manifest.get("dimensions", [])[1:] == ["sample"]
    parts = []
    for batch in stream:
        rows = batch["features"].float()
        if rows.ndim == 2 and not waveforms:
            rows = rows[:, :, None]
        elif rows.ndim == 2:
            rows = _spectrum_db(rows, recipe["n_fft"], recipe["hop_length"])
        variance, mean = torch.var_mean(rows, dim=-1, correction=0)
        numbers = [mean, variance.sqrt(), *([batch["statistics"]] if "statistics" in batch else [])]
        parts.append(torch.cat([part.flatten(1) for part in numbers], dim=1).numpy())
    return np.concatenate(parts)


def _spectrum_db(waveforms: Tensor, n_fft: int, hop_length: int) -> Tensor:
    """Return the levels of waveforms `(batch, samples)`: `(batch, bins, frames)` in dB against 1."""
    spectrum = torch.stft(
        waveforms, n_fft, hop_length, window=torch.hann_window(n_fft), pad_mode="constant", return_complex=True
    )
    return 10 * torch.log10(spectrum.abs().square() + FLOOR)
