"""Indices of folders of audio files, as `snakemake features` makes them."""

from pathlib import Path
from typing import Any

from pipeline.corpus.index import Index, update_index
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.support.executors import TaskRunner


def index(folder: Path, root: Path, **options: Any) -> Index:
    corpus = AudioCorpus(root=root, **options)
    scan = AudioSource(corpus, "mine.yaml: corpus").scan(folder, TaskRunner())
    return update_index(folder, scan, max_quarantine=corpus.max_quarantine, config_path="mine.yaml: corpus")


def table(root: Path, text: str) -> Path:
    (root / "meta.csv").write_text(text)
    return Path("meta.csv")
