"""Residual network over frequency and time, self-attention over time, and a deep classifier (SPEC: genre)."""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from training.models.network import Attention, Network
from training.models.resnet_attention.settings import ResNetAttentionModel

HEADS = (8, 8, 4)
KEY_SIZES = (64, 64, 32)  # per head
HEAD_LAYERS = (512, 512, 256, 128, 64)
ATTENTION_DROPOUT = 0.1


class Residual(nn.Module):
    """Two 3×5 convolutions with batch norm, and a projected shortcut where shape changes."""

    def __init__(self, channels: int, out: int, stride: tuple[int, int]) -> None:
        super().__init__()
        self.first = nn.Conv2d(channels, out, (3, 5), stride, (1, 2), bias=False)
        self.first_norm = nn.BatchNorm2d(out)
        self.second = nn.Conv2d(out, out, (3, 5), padding=(1, 2), bias=False)
        self.second_norm = nn.BatchNorm2d(out)
        self.shortcut: nn.Module = nn.Identity()
        if channels != out or stride != (1, 1):
            self.shortcut = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: Tensor) -> Tensor:  # (batch, channels, rows, frames)
        y = F.relu(self.first_norm(self.first(x)))
        y = self.second_norm(self.second(y))
        return F.relu(y + self.shortcut(x))


class SelfAttention(nn.Module):
    """Pre-norm transformer block whose keys have a size of their own, not width / heads."""

    def __init__(self, width: int, heads: int, key_size: int) -> None:
        super().__init__()
        self.heads = heads
        self.norm = nn.LayerNorm(width)
        self.query_key_value = nn.Linear(width, 3 * heads * key_size)
        self.out = nn.Linear(heads * key_size, width)
        self.feed_forward = nn.Sequential(
            nn.LayerNorm(width),
            nn.Linear(width, 4 * width),
            nn.ReLU(),
            nn.Dropout(ATTENTION_DROPOUT),
            nn.Linear(4 * width, width),
        )
        self.dropout = nn.Dropout(ATTENTION_DROPOUT)

    def forward(self, x: Tensor) -> Tensor:  # (batch, time, width)
        batch, time, _ = x.shape
        query, key, value = self._projected(x)
        dropout = ATTENTION_DROPOUT if self.training else 0.0
        attended = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        x = x + self.dropout(self.out(attended.transpose(1, 2).reshape(batch, time, -1)))
        return x + self.dropout(self.feed_forward(x))

    def weights(self, x: Tensor) -> Tensor:
        """Return the attention that `forward` pays, from each query to each key: `(batch, heads, time, time)`."""
        query, key, _ = self._projected(x)
        return (query @ key.transpose(2, 3) / math.sqrt(key.shape[3])).softmax(dim=3)

    def _projected(self, x: Tensor) -> Tensor:
        """Return queries, keys and values, each `(batch, heads, time, key size)`."""
        projected = self.query_key_value(self.norm(x)).view(*x.shape[:2], 3, self.heads, -1)
        return projected.permute(2, 0, 3, 1, 4)


class TemporalPooling(nn.Module):
    """Weighted mean over time; the weights are a softmax over the frames."""

    def __init__(self, width: int, hidden: int) -> None:
        super().__init__()
        self.score = nn.Sequential(nn.Linear(width, hidden), nn.Tanh(), nn.Linear(hidden, 1))

    def forward(self, x: Tensor) -> Tensor:  # (batch, time, width) -> (batch, width)
        return (self.weights(x) * x).sum(dim=1)

    def weights(self, x: Tensor) -> Tensor:
        """Return the weights of the mean, `(batch, time, 1)`, which sum to 1 over time."""
        return self.score(x).softmax(dim=1)


class ResNetAttention(Network):
    """Network of tensors `(batch, 4, rows, frames)`; logits `(batch, classes)`."""

    def __init__(self, settings: ResNetAttentionModel, classes: int, size: tuple[int, ...]) -> None:
        super().__init__(settings, classes, size)
        width = settings.width
        stem, *stages = (_scaled(channels, width) for channels in (64, 64, 128, 256))
        # Frequency is halved four times before the sequence, time only twice: attention sees some 90 ms a step.
        self.stem = nn.Sequential(
            nn.Conv2d(4, stem, (7, 11), (2, 1), (3, 5), bias=False),
            nn.BatchNorm2d(stem),
            nn.ReLU(),
            nn.MaxPool2d((2, 1)),
        )
        layers: list[nn.Module] = []
        channels = stem
        for out, count, stride in zip(stages, settings.blocks, ((1, 1), (2, 2), (2, 2)), strict=True):
            for block in range(count):
                layers.append(Residual(channels, out, stride if block == 0 else (1, 1)))
                channels = out
        self.residual = nn.Sequential(*layers)
        self.attention = nn.Sequential(
            *(
                SelfAttention(channels, heads, max(8, round(key_size * width)))
                for heads, key_size in zip(HEADS[: settings.attention_blocks], KEY_SIZES, strict=False)
            )
        )
        self.norm = nn.LayerNorm(channels)
        self.pooling = TemporalPooling(channels, channels)
        self.head = _head(channels, classes, width, settings.dropout)
        self.apply(_initialise)

    def forward(self, x: Tensor) -> Tensor:  # (batch, 4, rows, frames)
        x = self.pooling(self.norm(self.attention(self._sequence(x))))
        return self.head(x)

    def attention_over_time(self, features: Tensor) -> Attention:
        """Return the weights of the pooling, and the attention that each head of each block receives."""
        x = self._sequence(features)
        received = []
        for block in self.attention:
            received.append(block.weights(x).mean(dim=2))  # type: ignore[operator]  # a SelfAttention
            x = block(x)
        return Attention(self.pooling.weights(self.norm(x))[..., 0], torch.cat(received, dim=1) if received else None)

    def _sequence(self, x: Tensor) -> Tensor:
        """Return the sequence that is attended to, `(batch, time, width)`, with its positions."""
        x = self.residual(self.stem(x))  # (batch, width, rows / 16, frames / 4)
        x = x.mean(dim=2).transpose(1, 2)  # (batch, time, width): frequency collapsed, time kept
        return x + _positions(x.shape[1], x.shape[2], x.device)


def _scaled(channels: int, width: float) -> int:
    """Return a number of channels as a multiple of 16, the width of a vector register.

    With 8 input channels the strided 1×1 convolution of a shortcut writes past its memory in channels_last on
    CPUs with AVX-512 (seen with torch 2.13).
    """
    return max(16, round(channels * width / 16) * 16)


def _head(channels: int, classes: int, width: float, dropout: float) -> nn.Sequential:
    """Return six fully connected layers. The last alone depends on the classes: weights outlive a dropped class.

    Dropout falls from `dropout` to 0.4 of it.
    """
    layers: list[nn.Module] = []
    for number, published in enumerate(HEAD_LAYERS):
        out = _scaled(published, width)
        share = 1 - 0.6 * number / (len(HEAD_LAYERS) - 1)
        layers += [nn.Linear(channels, out), nn.ReLU(), nn.Dropout(dropout * share)]
        channels = out
    return nn.Sequential(*layers, nn.Linear(channels, classes))


def _positions(time: int, width: int, device: torch.device) -> Tensor:
    """Return sinusoidal positions `(time, width)` (Vaswani and others, 2017)."""
    rates = torch.exp(torch.arange(0, width, 2, device=device) * (-math.log(10000.0) / width))
    angles = torch.arange(time, device=device)[:, None] * rates
    return torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)[:, :width]


def _initialise(module: nn.Module) -> None:
    """Initialise a layer: He for convolutions, Xavier for attention and linear layers."""
    if isinstance(module, nn.Conv2d):
        nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")
    elif isinstance(module, nn.Linear):
        nn.init.xavier_uniform_(module.weight)
        nn.init.zeros_(module.bias)
