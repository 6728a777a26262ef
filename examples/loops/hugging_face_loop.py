"""Train with Hugging Face's Trainer, which goes on at its last checkpoint.

    python examples/loops/hugging_face_loop.py STORE [FOLDER]

STORE is a folder below work/stores, as `otogura stores` lists them; FOLDER holds the checkpoint to resume from.
"""

import sys
from pathlib import Path
from tempfile import TemporaryDirectory

import loop_parts
import torch
from transformers import EvalPrediction, Trainer, TrainingArguments
from transformers.trainer_utils import get_last_checkpoint

import otogura

EPOCHS, BATCH_SIZE, CHECKPOINT_EVERY = 5, 16, 10


class Classifier(torch.nn.Module):
    """Module with the arguments and results that the Trainer expects."""

    def __init__(self, network: torch.nn.Module) -> None:
        super().__init__()
        self.network = network

    def forward(self, features, labels):
        logits = self.network(features.float())
        return {"loss": torch.nn.functional.cross_entropy(logits, labels), "logits": logits}


def columns(batches: list[dict[str, torch.Tensor]]) -> dict[str, torch.Tensor]:
    """Return the arguments of `forward`. Each example, in the Trainer's words, is a batch: one for each GPU."""
    features, labels = ([batch[name] for batch in batches] for name in ("features", "label"))
    return {"features": features[0] if len(features) == 1 else torch.cat(features), "labels": torch.cat(labels)}


def accuracy(answers: EvalPrediction) -> dict[str, float]:
    """Return what is scored beside the loss."""
    return {"accuracy": float((answers.predictions.argmax(1) == answers.label_ids).mean())}


def train(store: otogura.Store, folder: Path) -> None:
    """Train, with checkpoints in a folder, and go on at the last of them."""
    torch.manual_seed(0)
    training, held_out = loop_parts.sides(store)
    options = {"batch_size": BATCH_SIZE, "pin": torch.cuda.is_available()}
    batches = otogura.stream(store, training, variants=store.variants, choice="one", shuffle=True, **options)
    tests = otogura.stream(store, held_out, **options)
    settings = TrainingArguments(
        str(folder), num_train_epochs=EPOCHS, learning_rate=1e-2, save_steps=CHECKPOINT_EVERY, save_total_limit=1,
        per_device_train_batch_size=1, per_device_eval_batch_size=1,  # the streams have made batches
        remove_unused_columns=False, dataloader_pin_memory=False,
        eval_strategy="epoch", logging_strategy="epoch", disable_tqdm=True, report_to="none",
    )  # fmt: skip
    trainer = Trainer(
        Classifier(loop_parts.network(store)), settings, columns, batches, tests, compute_metrics=accuracy
    )
    trainer.train(resume_from_checkpoint=get_last_checkpoint(folder))


if __name__ == "__main__":
    with TemporaryDirectory() as scratch:
        train(otogura.open_store(sys.argv[1]), Path((*sys.argv[2:], scratch)[0]))
