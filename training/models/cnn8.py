"""Eight convolutions that downsample by their strides, and average pooling (SPEC: environment sounds)."""

from collections.abc import Sequence

from torch import Tensor, nn


class Cnn8(nn.Module):
    """Input `(batch, 1, rows, frames)`, output logits `(batch, classes)`.

    Parameters
    ----------
    classes : int
    channels : eight ints
        Of the 3×3 convolutions, each with batch norm and ReLU; the first and every second one after it have stride 2.
    dropout : float
        Before the last layer.
    """

    def __init__(self, classes: int, *, channels: Sequence[int], dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        for number, out in enumerate(channels):
            stride = 2 if number % 2 == 0 else 1
            layers += [nn.Conv2d(before, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            before = out
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(dropout), nn.Linear(before, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.convolutions(x).mean(dim=(2, 3)))
