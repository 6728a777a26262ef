"""A stack of convolutions whose structure is settings, pooled over all places before the dense layers (SPEC: BGM)."""

from collections.abc import Sequence
from typing import Literal

from torch import Tensor, nn

CHANNELS = 4
LARGEST_FACTOR = 8  # of the width


class Cnn(nn.Module):
    """Input `(batch, 4, rows, frames)`, output logits `(batch, classes)`.

    Parameters
    ----------
    classes : int
    depth : int
        Convolutions, each with batch norm and ReLU; the first and every second one after it have stride 2.
    width : int
        Channels of the first two; every two have twice those before, up to eight times the width.
    kernel : int
        Rows and frames of a convolution, odd.
    pooling : "max" or "average"
        Over all rows and frames that are left.
    dense : sequence of int
        Layers between the pooling and the last.
    dropout : float
        Before each dense layer and the last.
    """

    def __init__(
        self,
        classes: int,
        *,
        depth: int,
        width: int,
        kernel: int,
        pooling: Literal["max", "average"],
        dense: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = CHANNELS
        for number in range(depth):
            out = width * min(2 ** (number // 2), LARGEST_FACTOR)
            stride = 2 if number % 2 == 0 else 1
            layers += [
                nn.Conv2d(before, out, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
            before = out
        self.convolutions = nn.Sequential(*layers)
        self.pooling = pooling
        head: list[nn.Module] = []
        for out in dense:
            head += [nn.Dropout(dropout), nn.Linear(before, out), nn.ReLU()]
            before = out
        self.head = nn.Sequential(*head, nn.Dropout(dropout), nn.Linear(before, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolutions(x)  # (batch, channels, rows, frames)
        return self.head(x.amax(dim=(2, 3)) if self.pooling == "max" else x.mean(dim=(2, 3)))
