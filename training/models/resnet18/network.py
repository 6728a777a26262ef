"""ResNet-18 (He and others, 2016) for one channel (SPEC: environment sounds)."""

import torch.nn.functional as F
from torch import Tensor, nn

from training.models.network import Network
from training.models.resnet18.settings import ResNet18Model

STAGES = (64, 128, 256, 512)
BLOCKS = 2  # of each stage


class Basic(nn.Module):
    """Two 3×3 convolutions with batch norm, and a projected shortcut where shape changes."""

    def __init__(self, channels: int, out: int, stride: int) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, 3, stride, 1, bias=False)
        self.first_norm = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, 3, padding=1, bias=False)
        self.second_norm = nn.BatchNorm2d(out)
        self.shortcut: nn.Module = nn.Identity()
        if channels != out or stride != 1:
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:
        y = F.relu(self.first_norm(self.first(x)))
        return F.relu(self.second_norm(self.second(y)) + self.shortcut(x))


class ResNet18(Network):
    """Network of tensors `(batch, 1, rows, frames)`; logits `(batch, classes)`."""

    def __init__(self, settings: ResNet18Model, classes: int, size: tuple[int, ...]) -> None:
        super().__init__(settings, classes, size)
        stem, *stages = (max(16, round(channels * settings.width / 16) * 16) for channels in (STAGES[0], *STAGES))
        layers: list[nn.Module] = [
            nn.Conv2d(1, stem, 7, 2, 3, bias=False),
            nn.BatchNorm2d(stem),
            nn.ReLU(),
            nn.MaxPool2d(3, 2, 1),
        ]
        channels = stem
        for number, out in enumerate(stages):
            for block in range(BLOCKS):
                layers.append(Basic(channels, out, 2 if block == 0 and number > 0 else 1))
                channels = out
        self.convolutions = nn.Sequential(*layers)
        self.head = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x: Tensor) -> Tensor:
        return self.head(self.convolutions(x).mean(dim=(2, 3)))
