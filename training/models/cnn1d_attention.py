"""Convolutions along a waveform, self-attention over what they find, and a small classifier (SPEC: anomaly)."""

from collections.abc import Sequence

from torch import Tensor, nn

POOL = 4


class Cnn1dAttention(nn.Module):
    """Input `(batch, samples)`, output logits `(batch, classes)`.

    Parameters
    ----------
    classes : int
    filters, kernels : sequence of int
        Of each convolution, which is followed by batch norm, ReLU and pooling by 4. The last number of filters is the
        width of the attention.
    stride : int
        Of every convolution.
    heads : int
    dense : sequence of int
    dropout : float
        After each dense layer.
    """

    def __init__(
        self,
        classes: int,
        *,
        filters: Sequence[int],
        kernels: Sequence[int],
        stride: int,
        heads: int,
        dense: Sequence[int],
        dropout: float,
    ) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        channels = 1
        for out, kernel in zip(filters, kernels, strict=True):
            layers += [
                nn.Conv1d(channels, out, kernel, stride, kernel // 2, bias=False),
                nn.BatchNorm1d(out),
                nn.ReLU(),
                nn.MaxPool1d(POOL),
            ]
            channels = out
        self.convolutions = nn.Sequential(*layers)
        self.norm = nn.LayerNorm(channels)
        self.attention = nn.MultiheadAttention(channels, heads, batch_first=True)
        head: list[nn.Module] = []
        for out in dense:
            head += [nn.Linear(channels, out), nn.ReLU(), nn.Dropout(dropout)]
            channels = out
        self.head = nn.Sequential(*head, nn.Linear(channels, classes))
        for module in self.modules():
            if isinstance(module, nn.Conv1d | nn.Linear):
                nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
                if module.bias is not None:
                    nn.init.zeros_(module.bias)

    def forward(self, x: Tensor) -> Tensor:
        sequence = self.convolutions(x[:, None]).transpose(1, 2)  # (batch, time, width)
        normed = self.norm(sequence)
        seen, _ = self.attention(normed, normed, normed, need_weights=False)
        return self.head((sequence + seen).mean(dim=1))
