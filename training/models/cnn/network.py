"""A stack of convolutions whose structure is settings, pooled over all places before the dense layers (SPEC: BGM)."""

from torch import Tensor, nn

from training.models.cnn.settings import CnnModel
from training.models.network import Network

CHANNELS = 4
LARGEST_FACTOR = 8  # of the width


class Cnn(Network):
    """Network of tensors `(batch, 4, rows, frames)`; logits `(batch, classes)`."""

    def __init__(self, settings: CnnModel, classes: int, size: tuple[int, ...]) -> None:
        super().__init__(settings, classes, size)
        layers: list[nn.Module] = []
        before = CHANNELS
        for number in range(settings.depth):
            out = settings.width * min(2 ** (number // 2), LARGEST_FACTOR)
            stride = 2 if number % 2 == 0 else 1
            layers += [
                nn.Conv2d(before, out, settings.kernel, stride, settings.kernel // 2, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
            before = out
        self.convolutions = nn.Sequential(*layers)
        self.pooling = settings.pooling
        head: list[nn.Module] = []
        for out in settings.dense:
            head += [nn.Dropout(settings.dropout), nn.Linear(before, out), nn.ReLU()]
            before = out
        self.head = nn.Sequential(*head, nn.Dropout(settings.dropout), nn.Linear(before, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        x = self.convolutions(x)  # (batch, channels, rows, frames)
        return self.head(x.amax(dim=(2, 3)) if self.pooling == "max" else x.mean(dim=(2, 3)))
