"""Eight convolutions that downsample by their strides, and average pooling (SPEC: environment sounds)."""

from torch import Tensor, nn

from training.models.cnn8.settings import Cnn8Model
from training.models.network import Network


class Cnn8(Network):
    """Network of tensors `(batch, 1, rows, frames)`; logits `(batch, classes)`.

    The first convolution and every second one after it have stride 2.
    """

    def __init__(self, settings: Cnn8Model, classes: int, size: tuple[int, ...]) -> None:
        super().__init__(settings, classes, size)
        layers: list[nn.Module] = []
        before = 1
        for number, out in enumerate(settings.channels):
            stride = 2 if number % 2 == 0 else 1
            layers += [nn.Conv2d(before, out, 3, stride, 1, bias=False), nn.BatchNorm2d(out), nn.ReLU()]
            before = out
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(before, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.convolutions(x).mean(dim=(2, 3)))
