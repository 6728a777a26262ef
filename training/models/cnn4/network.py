"""Four convolutions with max-pooling and dense layers (SPEC: environment sounds)."""

from torch import Tensor, nn

from training.models.cnn4.settings import Cnn4Model
from training.models.network import Network

KERNELS = (9, 3, 3, 3)


class Cnn4(Network):
    """Network of tensors `(batch, 1, rows, frames)`; logits `(batch, classes)`.

    The dense layers fit parts of `size`: 100×384 leaves 2×11 before them.
    """

    def __init__(self, settings: Cnn4Model, classes: int, size: tuple[int, ...]) -> None:
        super().__init__(settings, classes, size)
        layers: list[nn.Module] = []
        before = 1
        rows, frames = size
        for kernel, out in zip(KERNELS, settings.channels, strict=True):
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
        for out in settings.dense:
            head += [nn.Dropout(settings.dropout), nn.Linear(before, out), nn.ReLU()]
            before = out
        self.head = nn.Sequential(*head, nn.Linear(before, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.convolutions(x).flatten(1))
