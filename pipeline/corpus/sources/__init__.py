"""Where recordings come from, one form a file."""

from pathlib import Path

from pipeline.config.corpora import AudioCorpus, CsvCorpus, JsonCorpus
from pipeline.corpus.recordings import Recording, audio_file, whole_name
from pipeline.corpus.sources.audio import AudioSource
from pipeline.corpus.sources.base import Source
from pipeline.corpus.sources.csv import CsvSource
from pipeline.corpus.sources.json import JsonSource, record_at
from pipeline.support.errors import InputError

__all__ = ["AudioSource", "CsvSource", "JsonSource", "Source", "recording_at", "source_of"]


def source_of(corpus: AudioCorpus | JsonCorpus | CsvCorpus, where: str) -> Source:
    """The source of a corpus; `where` names its section of the configuration in error messages."""
    match corpus:
        case AudioCorpus():
            return AudioSource(corpus, where)
        case JsonCorpus():
            return JsonSource(corpus, where)
        case CsvCorpus():
            return CsvSource(corpus, where)


def recording_at(path: Path) -> Recording:
    """The recording that a path names: an audio file, `file[2/3]` of it, or a record of a JSON file, `file.json#12`."""
    if Path(whole_name(str(path))).is_file():
        return audio_file(Path(), str(path))
    name, _, number = path.name.rpartition("#")
    if number.isdecimal() and path.with_name(name).is_file():
        return record_at(path.with_name(name), int(number))
    raise InputError(f"{path}: no such file; expected a recording, its part file[2/3], or a record file.json#12")
