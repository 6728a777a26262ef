"""Residual network of bottleneck blocks for small spectrograms (SPEC: spectrogram table)."""

import torch.nn.functional as F
from torch import Tensor, nn

from training.models.network import Network
from training.models.resnet_bottleneck.settings import ResNetBottleneckModel

STEM = 16
STAGES = (64, 128, 256)


class Bottleneck(nn.Module):
    """1×1 to a quarter, 3×3, 1×1 back, each with batch norm; nothing after the addition but what comes next."""

    def __init__(self, channels: int, out: int, stride: int, projected: bool) -> None:
        super().__init__()
        inner = out // 4
        self.convolutions = nn.Sequential(
            nn.Conv2d(channels, inner, 1, stride),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, inner, 3, padding=1),
            nn.BatchNorm2d(inner),
            nn.ReLU(),
            nn.Conv2d(inner, out, 1),
            nn.BatchNorm2d(out),
        )
        self.shortcut = nn.Conv2d(channels, out, 1, stride) if projected else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return self.convolutions(x) + self.shortcut(x)


class ResNetBottleneck(Network):
    """Network of tensors `(batch, 1, rows, frames)`; logits `(batch, classes)`.

    With six blocks in each of three stages and eight classes 594 600 trainable parameters.
    """

    def __init__(self, settings: ResNetBottleneckModel, classes: int, size: tuple[int, ...]) -> None:
        super().__init__(settings, classes, size)
        layers: list[nn.Module] = [nn.Conv2d(1, STEM, 3, padding=1)]
        channels = STEM
        for number, out in enumerate(STAGES):
            for block in range(settings.blocks):
                stride = 2 if block == 0 and number > 0 else 1
                layers.append(Bottleneck(channels, out, stride, projected=block == 0))
                channels = out
        self.convolutions = nn.Sequential(*layers)
        self.norm = nn.BatchNorm2d(channels)
        self.head = nn.Linear(channels, classes)
        for module in self.modules():
            if isinstance(module, nn.Conv2d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        return self.head(F.relu(self.norm(self.convolutions(x))).mean(dim=(2, 3)))
