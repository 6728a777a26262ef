"""Draws the pictures of the README from the demo's own store and run.

make demo && .venv/bin/python docs/pictures.py
"""

from pathlib import Path

import numpy as np
from matplotlib.figure import Figure

import otogura
from stores.files import read_json
from training.report.figures import curves

HERE = Path(__file__).parent
WORK = HERE.parent / "work"
LABEL = "blues"


def variants() -> None:
    """Six variants of one recording, four channels each, as they lie in the store."""
    (family,) = (WORK / "stores").glob("genres-demo-*")
    store = otogura.open_store(family)
    row = store.rows["label"].to_pylist().index(LABEL)
    figure = Figure(figsize=(12, 5.2), layout="constrained")
    channels = store.manifest["channels"]
    grid = figure.subplots(len(channels), len(store.variants), sharex=True, sharey=True)
    for column, variant in enumerate(store.variants):
        clip = store.clip(row, variant).astype(np.float32)
        for channel, name in enumerate(channels):
            axes = grid[channel, column]
            axes.imshow(clip[:, :, channel], origin="lower", aspect="auto", vmin=-2.5, vmax=2.5, cmap="magma")
            axes.set(xticks=[], yticks=[])
            if not column:
                axes.set_ylabel(name)
        drawn = [
            f"{value:.3g} {key.removeprefix(variant + '_').replace('_', ' ')}"
            for key, value in store.rows.slice(row, 1).to_pylist()[0].items()
            if key.startswith(variant + "_")
        ]
        grid[0, column].set_title("\n".join([variant, *drawn]), fontsize=9)
    figure.savefig(HERE / "variants.png", dpi=80, metadata={"Software": None})


def learning() -> None:
    """Learning curves of the demo's report."""
    metrics = read_json(WORK / "runs" / "genre" / "metrics.json")
    (HERE / "curves.svg").write_text(curves(metrics["history"], "best"))


if __name__ == "__main__":
    variants()
    learning()
