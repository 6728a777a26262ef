"""Train in a plain torch loop, which goes on where it was interrupted.

    python examples/loops/torch_loop.py STORE [FOLDER]

STORE is a folder below work/stores, as `otogura stores` lists them; FOLDER holds the checkpoint to resume from.
"""

import sys
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory

import loop_parts
import torch
from torch.nn.functional import cross_entropy

import otogura

EPOCHS, BATCH_SIZE, CHECKPOINT_EVERY = 5, 16, 10


def train(store: otogura.Store, folder: Path) -> Iterator[tuple[int, float, float]]:
    """Yield the number of each epoch, and loss and accuracy of the held-out clips after it."""
    torch.manual_seed(0)
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    training, held_out = loop_parts.sides(store)
    options = {"batch_size": BATCH_SIZE, "pin": device.type == "cuda"}
    batches = otogura.stream(store, training, variants=store.variants, choice="one", shuffle=True, **options)
    tests = otogura.stream(store, held_out, **options)
    network = loop_parts.network(store).to(device)
    optimiser = torch.optim.Adam(network.parameters(), lr=1e-2)
    parts = {"network": network, "optimiser": optimiser, "stream": batches}
    checkpoint = folder / "checkpoint.pt"
    if checkpoint.exists():
        for name, state in torch.load(checkpoint).items():
            parts[name].load_state_dict(state)
    steps = count(1)
    for epoch in range(batches.epoch, EPOCHS):
        batches.set_epoch(epoch)  # another order and other variants; after load_state_dict, the rest of its epoch
        for batch in batches:
            features, label = (batch[name].to(device, non_blocking=True) for name in ("features", "label"))
            loss = cross_entropy(network(features.float()), label)
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            if next(steps) % CHECKPOINT_EVERY == 0:
                torch.save({name: part.state_dict() for name, part in parts.items()}, folder / "new.pt")
                (folder / "new.pt").replace(checkpoint)
        with torch.inference_mode():
            answers = [(network(batch["features"].to(device).float()).cpu(), batch["label"]) for batch in tests]
        logits, label = map(torch.cat, zip(*answers, strict=True))
        yield epoch, cross_entropy(logits, label).item(), (logits.argmax(1) == label).float().mean().item()


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        for epoch, loss, accuracy in train(otogura.open_store(sys.argv[1]), Path((*sys.argv[2:], scratch)[0])):
            print(f"epoch {epoch}: held-out loss {loss:.3f}, accuracy {accuracy:.3f}")
