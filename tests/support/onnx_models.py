"""Small models in ONNX, exported from torch."""

import warnings
from pathlib import Path

import torch
from torch import Tensor, nn

SIZE = 6


class Levels(nn.Module):
    """Levels of a few bands of `(windows, samples)`: `(windows, size)`."""

    def __init__(self, size: int = SIZE) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(0)
        self.filters = nn.Parameter(torch.randn(size, 1, 64, generator=generator) / 8)

    def forward(self, samples: Tensor) -> Tensor:
        bands = nn.functional.conv1d(samples[:, None], self.filters, stride=32)
        return torch.log10(bands.square().mean(dim=2) + 1e-6)


def export(
    path: Path,
    network: nn.Module,
    *inputs: Tensor,
    names: tuple[str, ...] = (),
    fixed: bool = False,
    apart: bool = False,
) -> None:
    """Write a network as it is called with some inputs.

    Parameters
    ----------
    path : Path
    network : nn.Module
    inputs : Tensor
    names : tuple of str, optional
        Names of the outputs.
    fixed : bool
        Take windows in the number of the first input alone; otherwise in any.
    apart : bool
        Write the weights to a file beside it.
    """
    shapes = None if fixed else tuple({0: torch.export.Dim("windows", min=1, max=64)} for _ in inputs)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of torch's exporter about torch's own functions
        torch.onnx.export(
            network.eval(),
            inputs,
            path,
            dynamo=True,
            dynamic_shapes=shapes,
            output_names=names or None,
            external_data=apart,
            verbose=False,
        )
