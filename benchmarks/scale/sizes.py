"""Arithmetic of large corpora, six variants of 30 s: files, bytes, money and time that follow from the formats.

python -m benchmarks.scale.sizes
"""

import numpy as np

from features.recipe import TensorRecipe
from features.tensors.four_channel import Recipe
from features.tensors.log_mel import LogMelRecipe

CLIPS = [10**power for power in range(3, 8)]
CLIPS_PER_SHARD = 64
FILES_PER_SHARD = 3  # tensors, statistics, marker
CORE_MS_PER_CLIP = 75.1  # features/workflow_vs_kernel in docs/benchmarks.md, of which that is half
DOLLARS_PER_GB_MONTH = 0.023
CORES = (8, 64)
LAYOUTS: dict[str, TensorRecipe] = {
    "`four_channel`, dense": Recipe(),
    "`four_channel`, `layout: compact`": Recipe(layout="compact"),
    "`log_mel`": LogMelRecipe(),
}


def clip_bytes(recipe: TensorRecipe) -> int:
    """Return the bytes of all variants of a clip."""
    return int(np.prod(recipe.shape)) * np.dtype(recipe.dtype).itemsize * len(recipe.variant_names)


def files(clips: int) -> int:
    return -(-clips // CLIPS_PER_SHARD) * FILES_PER_SHARD * len(Recipe().variant_names)


def spaced(value: float, digits: int = 0) -> str:
    return f"{value:,.{digits}f}".replace(",", " ")


def main() -> None:
    rows = [("clips", [spaced(clips) for clips in CLIPS]), ("---", ["---"] * len(CLIPS))]
    rows.append(("files of a store", [spaced(files(clips)) for clips in CLIPS]))
    gigabytes = {name: [clips * clip_bytes(recipe) / 1e9 for clips in CLIPS] for name, recipe in LAYOUTS.items()}
    rows += [(f"{name}, GB", [spaced(each, 1) for each in all_gb]) for name, all_gb in gigabytes.items()]
    for name, all_gb in gigabytes.items():
        rows.append((f"{name}, $ a month", [spaced(DOLLARS_PER_GB_MONTH * each, 1) for each in all_gb]))
    for cores in CORES:
        hours = [clips * CORE_MS_PER_CLIP / 1000 / 3600 / cores for clips in CLIPS]
        rows.append((f"hours of features on {cores} cores", [f"{each:.2g}" for each in hours]))
    for name, cells in rows:
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
