"""Six convolutions with max-pooling, pooled over time both ways."""

import torch
from torch import Tensor, nn

from training.models.cnn6.settings import Cnn6Model
from training.models.network import Network

POOLED = (1, 2, 3, 4)  # convolutions after which rows and frames are halved


class Cnn6(Network):
    """Network of tensors `(batch, 1, rows, frames)`; logits `(batch, classes)`.

    Of the mean over rows, the mean and the maximum over frames, as in the PANNs of Kong and others (2020): what lasts
    and what happens once.
    """

    def __init__(self, settings: Cnn6Model, classes: int, size: tuple[int, ...]) -> None:
        super().__init__(settings, classes, size)
        layers: list[nn.Module] = []
        before = 1
        for number, out in enumerate(settings.channels):
            kernel, stride = (3, 1) if number else (5, 2)
            layers += [
                nn.Conv2d(before, out, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm2d(out),
                nn.ReLU(),
            ]
            if number in POOLED:
                layers.append(nn.MaxPool2d(2))
            before = out
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Sequential(nn.Dropout(settings.dropout), nn.Linear(2 * before, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        frames = self.convolutions(x).mean(dim=2)  # (batch, channels, frames)
        return self.head(torch.cat([frames.mean(dim=2), frames.amax(dim=2)], dim=1))
