"""Compact tensors as a network reads them: the spline is applied where the network is, on the GPU if it is there."""

from typing import Any

import torch
from torch import Tensor, nn

from features.tensors.four_channel import Recipe
from features.tensors.four_channel.spline import spline_matrix


class Expand(nn.Module):
    """Module that expands compact rows to dense planes.

    From `(batch, n_mels + 3 · n_mfcc, frames)` to `(batch, 4, n_mels, frames)` float32, channels_last.
    """

    def __init__(self, recipe: Recipe) -> None:
        super().__init__()
        spline = torch.from_numpy(spline_matrix(recipe.n_mfcc, recipe.n_mels)).float()
        self.register_buffer("spline", spline, persistent=False)  # the recipe says it
        self.spline: Tensor

    def forward(self, rows: Tensor) -> Tensor:
        bands, coefficients = self.spline.shape
        with torch.autocast(rows.device.type, enabled=False):  # bfloat16 would round before anything is learned
            few = rows[:, bands:].float().reshape(len(rows), 3, coefficients, -1)
            planes = torch.cat([rows[:, None, :bands].float(), self.spline @ few], dim=1)
        return planes.contiguous(memory_format=torch.channels_last)


def reading_compact(network: nn.Module, recipe: Recipe) -> nn.Module:
    """Let a network for dense tensors take compact ones; its weights keep their names."""
    network.add_module("expand", Expand(recipe))

    def expand(module: nn.Module, inputs: tuple[Any, ...]) -> tuple[Any, ...]:
        return (module.expand(inputs[0]),)  # type: ignore[operator]  # the module that was just added

    network.register_forward_pre_hook(expand)
    return network
