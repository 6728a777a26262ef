"""Export of a trained network of log-mel spectrograms to ONNX, without its last layer: samples in, embedding out.

    python examples/own/export_onnx.py work/runs/environment environment.onnx

It prints the section of `recipes:` that reads the file, and needs the packages onnx and onnxscript.
"""

import sys

import torch
from torch import Tensor, nn

import otogura
from features.mel import mel_filters
from features.tensors.log_mel import LogMelRecipe


class Embedding(nn.Module):
    """Network of a run behind the front end of its recipe: from `(windows, samples)` to `(windows, size)`."""

    def __init__(self, network: nn.Module, recipe: LogMelRecipe) -> None:
        super().__init__()
        self.network, self.recipe = network, recipe
        self.register_buffer("filters", torch.from_numpy(mel_filters(recipe)))
        self.register_buffer("window", torch.hann_window(recipe.n_fft))
        linear = [name for name, module in network.named_modules() if isinstance(module, nn.Linear)]
        self.size = network.get_submodule(linear[-1]).in_features
        network.set_submodule(linear[-1], nn.Identity())

    def forward(self, samples: Tensor) -> Tensor:
        """Return what the last layer would get."""
        n_fft, hop = self.recipe.n_fft, self.recipe.hop_length
        spectrum = torch.stft(samples, n_fft, hop, window=self.window, pad_mode="constant", return_complex=True)
        level = 10 * torch.log10((self.filters @ spectrum.abs().square()).clamp(min=1e-10))
        level = torch.maximum(level, level.amax(dim=(1, 2), keepdim=True) - 80)
        return self.network(level[:, None])


def main(run: str, file: str) -> None:
    """Write the model of a run."""
    model = otogura.load_model(run, device="cpu")
    assert isinstance(model.recipe, LogMelRecipe)
    embedding = Embedding(model.network, model.recipe).eval()
    samples = (model.recipe.frames - 1) * model.recipe.hop_length
    batch = {"samples": {0: torch.export.Dim("windows", min=1, max=1024)}}
    torch.onnx.export(embedding, (torch.zeros(2, samples),), file, dynamic_shapes=batch, external_data=False)
    rate_hz = model.recipe.sample_rate_hz
    print(f"embedding: {{kind: embedding, model: {file}, size: {embedding.size}, sample_rate_hz: {rate_hz}, ", end="")
    print(f"window_s: {samples / rate_hz!r}}}")


if __name__ == "__main__":
    main(*sys.argv[1:])
