"""Train a LightningModule with Lightning's Trainer, which goes on at its last checkpoint.

    python examples/loops/lightning_loop.py STORE [FOLDER]

STORE is a folder below work/stores, as `otogura stores` lists them; FOLDER holds the checkpoint to resume from.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import lightning
import loop_parts
import torch
from lightning.pytorch.callbacks import ModelCheckpoint
from torch.nn.functional import cross_entropy

import otogura

EPOCHS, BATCH_SIZE, CHECKPOINT_EVERY = 5, 16, 10


class Classifier(lightning.LightningModule):
    """Module that trains the network, and prints the scores of the held-out clips after each epoch."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def on_train_epoch_start(self):
        self.trainer.train_dataloader.set_epoch(self.current_epoch)  # Lightning tells epochs to samplers alone

    on_train_start = on_train_epoch_start  # the only one of both after a checkpoint at the last step of an epoch

    def training_step(self, batch, _):
        return cross_entropy(self.network(batch["features"].float()), batch["label"])

    def validation_step(self, batch, _):
        logits, label = self.network(batch["features"].float()), batch["label"]
        scores = {"loss": cross_entropy(logits, label), "accuracy": (logits.argmax(1) == label).float().mean()}
        self.log_dict(scores, batch_size=len(label), sync_dist=True)

    def on_validation_epoch_end(self):
        scores = ", ".join(f"{name} {value:.3f}" for name, value in self.trainer.callback_metrics.items())
        self.print(f"epoch {self.current_epoch}: held-out {scores}")

    def configure_optimizers(self):
        return torch.optim.Adam(self.parameters(), lr=1e-2)


def train(store: otogura.Store, folder: Path) -> None:
    """Train, with checkpoints in a folder, and go on at the last of them."""
    torch.manual_seed(0)
    checkpoints = ModelCheckpoint(folder, every_n_train_steps=CHECKPOINT_EVERY, save_top_k=0, save_last=True)
    quiet = {"logger": False, "enable_progress_bar": False, "enable_model_summary": False, "num_sanity_val_steps": 0}
    trainer = lightning.Trainer(max_epochs=EPOCHS, callbacks=[checkpoints], **quiet)
    training, held_out = loop_parts.sides(store)
    options = {"batch_size": BATCH_SIZE, "pin": torch.cuda.is_available()}
    options |= {"rank": trainer.global_rank, "world_size": trainer.world_size}
    batches = otogura.stream(store, training, variants=store.variants, choice="one", shuffle=True, **options)
    tests = otogura.stream(store, held_out, **options)
    last = folder / "last.ckpt"
    trainer.fit(Classifier(loop_parts.network(store)), batches, tests, ckpt_path=last if last.exists() else None)


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        train(otogura.open_store(sys.argv[1]), Path((*sys.argv[2:], scratch)[0]))
