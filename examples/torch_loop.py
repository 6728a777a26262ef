"""Train a network of your own in a plain torch loop, on batches from a store.

    python examples/torch_loop.py STORE

STORE is a folder below work/stores, as `otogura stores` lists them. A logistic regression on each clip's mean spectrum
learns its labels: a network in the place of `Network` reads the same batches.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import torch
from torch import nn

import otogura

EPOCHS, BATCH_SIZE = 5, 16


class Network(nn.Module):
    """Logistic regression on the mean over frames."""

    def __init__(self, channels: int, rows: int, classes: int) -> None:
        super().__init__()
        self.layer = nn.Linear(channels * rows, classes)

    def forward(self, features: torch.Tensor) -> torch.Tensor:
        """Return `(batch, classes)` logits of features `(batch, channels, rows, frames)`."""
        return self.layer(features.mean(dim=3).flatten(1))


def train(store: otogura.Store, rows: Sequence[int], classes: int) -> list[float]:
    """Train on some rows of a store, and return the mean loss of each epoch."""
    torch.manual_seed(0)
    batches = otogura.stream(store, rows, batch_size=BATCH_SIZE, variants=store.variants, choice="one", shuffle=True)
    size, _, channels = store.clip_shape  # (rows, frames, channels), which a batch turns round
    network = Network(channels, size, classes)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    losses = []
    for epoch in range(EPOCHS):
        batches.set_epoch(epoch)
        total = 0.0
        for batch in batches:
            loss = nn.functional.cross_entropy(network(batch["features"].float()), batch["label"])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            total += loss.item()
        losses.append(total / len(batches))
    return losses


def main(path: Path) -> None:
    """Train on every clip of a store, and print the loss of each epoch."""
    store = otogura.open_store(path)
    classes = sorted(set(store.rows["label"].to_pylist()))
    for epoch, loss in enumerate(train(store, range(len(store)), len(classes))):
        print(f"epoch {epoch}: loss {loss:.3f}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
