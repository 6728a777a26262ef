"""Small real stores, built by the pipeline itself."""

from pathlib import Path

from corpora import write_corpus

from features.recipe import Recipe
from pipeline.build import build_store
from pipeline.config import AudioCorpus
from pipeline.engines import Engine
from pipeline.index import update_index
from pipeline.sources import AudioSource
from stores import Store, open_store

RECIPE = Recipe(frames=24, n_mels=32)


def small_store(folder: Path, labels: str = "abc", clips: int = 6, recipe: Recipe = RECIPE) -> Store:
    """A corpus of tones below `folder` and its store, shards of 4 clips."""
    root = write_corpus(folder / "corpus", labels, clips)
    listing = AudioSource(AudioCorpus(root=root), "corpus").listing()
    options = {"refuse_silence": False, "max_quarantine": 0.5, "engine": Engine(), "where": "corpus"}
    index = update_index(folder / "index", listing, **options)
    built = build_store(
        folder / "stores" / "family", index.clips, root, recipe, name="tones", clips_per_shard=4, engine=Engine()
    )
    return open_store(built.path)
