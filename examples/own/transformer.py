"""A small audio transformer: patches of 16 rows × 4 frames of all four channels, and attention over them in time.

In a configuration:

    experiments:
      mine:
        model: {class: examples/own/transformer.py:AudioTransformer, reads: four_channel, width: 64}
"""

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

Positive = Annotated[int, Field(gt=0)]
ROWS, FRAMES = 16, 4  # of a patch


class AudioTransformer(nn.Module):
    """Network of tensors `(batch, channels, rows, frames)`; logits `(batch, classes)`.

    Parameters
    ----------
    classes : int
    shape : (channels, rows, frames)
        Of one clip.
    width : int
        Of the vector of each step in time, a multiple of `heads`.
    """

    def __init__(
        self,
        classes: int,
        shape: tuple[int, int, int],
        width: Positive = 64,
        depth: Positive = 2,
        heads: Positive = 4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
    ) -> None:
        super().__init__()
        channels, rows, frames = shape
        self.patches = nn.Conv2d(channels, width // 4, (ROWS, FRAMES), (ROWS, FRAMES))
        self.steps = nn.Linear(width // 4 * (rows // ROWS), width)
        self.positions = nn.Parameter(0.02 * torch.randn(frames // FRAMES, width))
        layer = nn.TransformerEncoderLayer(width, heads, 4 * width, dropout, batch_first=True, norm_first=True)
        self.encoder = nn.TransformerEncoder(layer, depth, enable_nested_tensor=False)
        self.head = nn.Sequential(nn.LayerNorm(width), nn.Linear(width, classes))

    def forward(self, x: Tensor) -> Tensor:
        """Return the logits."""
        x = self.patches(x).flatten(1, 2).transpose(1, 2)  # (batch, steps, width / 4 × rows of patches)
        x = self.encoder(self.steps(x) + self.positions)
        return self.head(x.mean(dim=1))
