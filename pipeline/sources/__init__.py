"""Where recordings come from, one form a file."""

from pipeline.config import AudioCorpus, JsonCorpus
from pipeline.sources.audio import AudioSource
from pipeline.sources.base import Source
from pipeline.sources.json import JsonSource

__all__ = ["AudioSource", "JsonSource", "Source", "source_of"]


def source_of(corpus: AudioCorpus | JsonCorpus, where: str) -> Source:
    """The source of a corpus; `where` names its section of the configuration in error messages."""
    return JsonSource(corpus, where) if isinstance(corpus, JsonCorpus) else AudioSource(corpus, where)
