"""Convolutions along a waveform, self-attention over their output, and a small classifier (SPEC: anomaly)."""

from torch import Tensor, nn

from training.models.cnn1d_attention.settings import Cnn1dAttentionModel
from training.models.network import Attention, Network

POOL = 4


class Cnn1dAttention(Network):
    """Network of waveforms `(batch, samples)`; logits `(batch, classes)`."""

    def __init__(self, settings: Cnn1dAttentionModel, classes: int, size: tuple[int, ...]) -> None:
        super().__init__(settings, classes, size)
        layers: list[nn.Module] = []
        channels = 1
        for out, kernel in zip(settings.filters, settings.kernels, strict=True):
            layers += [
                nn.Conv1d(channels, out, kernel, settings.stride, kernel // 2, bias=False),
                nn.BatchNorm1d(out),
                nn.ReLU(),
                nn.MaxPool1d(POOL),
            ]
            channels = out
        self.convolutions = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, settings.heads, batch_first=True)
        head: list[nn.Module] = []
        for out in settings.dense:
            head += [nn.Linear(channels, out), nn.ReLU(), nn.Dropout(settings.dropout)]
            channels = out
        self.head = nn.Sequential(*head, nn.Linear(channels, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        sequence = self._sequence(x)
        normed = self.norm(sequence)
        attended, _ = self.attention(normed, normed, normed, need_weights=False)
        return self.head((sequence + attended).mean(dim=1))

    def attention_over_time(self, features: Tensor) -> Attention:
        """Return the attention that each head receives; the mean over time that follows it weighs all steps alike."""
        normed = self.norm(self._sequence(features))
        _, weights = self.attention(normed, normed, normed, average_attn_weights=False)  # (batch, heads, time, time)
        return Attention(None, weights.mean(dim=2))

    def _sequence(self, x: Tensor) -> Tensor:
        """Return the sequence that is attended to, `(batch, time, width)`."""
        return self.convolutions(x[:, None]).transpose(1, 2)
