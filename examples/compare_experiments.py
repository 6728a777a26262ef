"""Train two experiments on the same recordings, and say where they differ.

    python examples/own_recordings.py FOLDER
    python examples/compare_experiments.py FOLDER

The experiments differ in one setting. They share corpus and recipe, and so the store that the first script has built:
no feature is computed again. They share the split as well, so that both are tested on the same recordings.
"""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import yaml
from scipy.stats import binomtest

NAMES = ("augmented", "plain")


def configuration() -> dict[str, Any]:
    """Return a configuration with two experiments; each is the target `train_<name>`."""
    corpus = {"source": "audio", "root": "recordings"}
    model = {"name": "cnn", "depth": 3, "width": 16, "pooling": "average", "dense": [], "dropout": 0.0}
    shared = {"corpus": corpus, "recipe": "short", "model": model, "split": {"validation": 0.2, "test": 0.4}}
    training = {"epochs": 5, "batch_size": 8, "learning_rate": 0.003}
    return {
        "experiments": {
            "augmented": {**shared, "training": {**training, "variants": "all"}},
            "plain": {**shared, "training": {**training, "variants": "original"}},
        },
        "recipes": {"short": {"frames": 44}},
    }


def correctness(run: Path) -> dict[str, bool]:
    """Return for each test recording of a run whether its class was right."""
    table = pq.read_table(run / "predictions.parquet", columns=["recording", "class", "decided"])
    return {row["recording"]: row["class"] == row["decided"] for row in table.to_pylist()}


def compare(runs: Path, first: str, second: str) -> str:
    """Return the accuracies of two runs, and McNemar's exact test of whether they differ on the same recordings."""
    results = [correctness(runs / name) for name in (first, second)]
    if results[0].keys() != results[1].keys():
        raise ValueError(f"{first} and {second} were tested on different recordings; give them the same split")
    accuracies = [json.loads((runs / name / "metrics.json").read_text())["accuracy"] for name in (first, second)]
    pairs = [(results[0][recording], results[1][recording]) for recording in results[0]]
    only_first, only_second = pairs.count((True, False)), pairs.count((False, True))
    differing = only_first + only_second
    p_value = binomtest(only_first, differing).pvalue if differing else 1.0
    return (
        f"{first}: {accuracies[0]:.3f}, {second}: {accuracies[1]:.3f} on {len(pairs)} test recordings; "
        f"only {first} right: {only_first}, only {second} right: {only_second}, p = {p_value:.3f}"
    )


def main(folder: Path) -> None:
    """Train both experiments in a folder with recordings, and print the comparison."""
    (folder / "compare.yaml").write_text(yaml.safe_dump(configuration()))
    targets = [f"train_{name}" for name in NAMES]
    command = [sys.executable, "-m", "snakemake", "--cores", "2", *targets, "--configfile", "compare.yaml"]
    subprocess.run(command, cwd=folder, check=True)
    print(compare(folder / "work" / "runs", *NAMES))


if __name__ == "__main__":
    main(Path(sys.argv[1]))
