"""Four convolutions with max-pooling and dense layers (SPEC: environment sounds)."""

from collections.abc import Sequence

from torch import Tensor, nn

KERNELS = (9, 3, 3, 3)


class Cnn4(nn.Module):
    """Input `(batch, 1, rows, frames)`, output logits `(batch, classes)`.

    Parameters
    ----------
    classes : int
    size : (rows, frames)
        Of the input; 100×384 leaves 2×11 before the dense layers.
    channels : four ints
        Of a 9×9 convolution with stride 2 and three of 3×3, each with batch norm, ReLU and max-pooling by 2.
    dense : sequence of int
    dropout : float
        Before each dense layer but the last.
    """

    def __init__(
        self, classes: int, *, size: tuple[int, int], channels: Sequence[int], dense: Sequence[int], dropout: float
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        before = 1
        rows, frames = size
        for kernel, out in zip(KERNELS, channels, strict=True):
            stride, padding = (2, 0) if kernel == 9 else (1, 1)
            layers += [
                nn.Conv2d(before, out, kernel, stride, padding, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
                nn.MaxPool2d(2),
            ]
            rows, frames = (((extent + 2 * padding - kernel) // stride + 1) // 2 for extent in (rows, frames))
            before = out
        self.convolutions = nn.Sequential(*layers)
        before *= rows * frames
        head: list[nn.Module] = []
        for out in dense:
            head += [nn.Dropout(dropout), nn.Linear(before, out), nn.ReLU()]
            before = out
        self.head = nn.Sequential(*head, nn.Linear(before, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.convolutions(x).flatten(1))
