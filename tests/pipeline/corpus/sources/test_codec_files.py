"""Files of an audio folder that libsndfile does not read: listed, looked at again with another decoder, and named."""

import sys
from pathlib import Path

import numpy as np
import pytest
from corpora import RATE_HZ, tone, write_corpus
from encoded import encode
from indices import index, table

from pipeline.corpus.sources import files
from pipeline.corpus.sources.audio import scan as scanning
from pipeline.corpus.sources.audio.probe import probe_all
from pipeline.corpus.sources.audio.recording import AudioFile
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource


@pytest.fixture
def root(tmp_path: Path) -> Path:
    root = write_corpus(tmp_path / "c", "a", 2)
    for number, suffix in enumerate((".m4a", ".aac", ".wma")):
        encode(root / "a" / f"phone{suffix}", tone(300, 1.0, number), RATE_HZ)
    encode(root / "a" / "browser.WEBM", tone(300, 1.0, 9, 48000), 48000, "libopus")
    encode(root / "a" / "lossless.opus", tone(300, 1.0, 9), RATE_HZ, "flac")  # libsndfile reads none in Ogg
    return root


def use_decoder(monkeypatch: pytest.MonkeyPatch, version: str) -> None:
    """Let another version of the decoder, or none, be installed."""
    monkeypatch.setattr(files, "decoder_version", lambda: version)
    metadata = {**scanning.FILES.metadata, b"av": version.encode()}
    monkeypatch.setattr(scanning, "FILES", scanning.FILES.with_metadata(metadata))
    if not version:
        monkeypatch.setitem(sys.modules, "av", None)


def test_they_are_recordings_like_others(tmp_path: Path, root: Path) -> None:
    found = index(tmp_path / "i", root)
    assert (len(found.clips), found.quarantined) == (7, 0)
    rates = dict(zip(found.clips["id"].to_pylist(), found.clips["sample_rate_hz"].to_pylist(), strict=True))
    assert (rates["a/phone.m4a"], rates["a/browser.WEBM"]) == (RATE_HZ, 48000)


def test_without_the_extra_the_quarantine_names_it(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as without:
        use_decoder(without, "")
        found = index(tmp_path / "i", root, max_quarantine=0.9)
        fingerprint = AudioSource(AudioCorpus(root=root), "").fingerprint()
        assert (len(found.clips), found.quarantined) == (2, 5)
        lines = (tmp_path / "i" / "quarantine.csv").read_text().splitlines()[1:]
        reason = "undecodable: the package av is not installed; to install it: pip install 'otogura[codecs]'"
        assert all(line.endswith(f'"{reason}"') for line in lines)
    assert AudioSource(AudioCorpus(root=root), "").fingerprint() != fingerprint  # so that the index is made again
    assert index(tmp_path / "i", root).quarantined == 0


def test_another_decoder_looks_at_its_files_alone(tmp_path: Path, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index(tmp_path / "i", root)
    use_decoder(monkeypatch, "99.0")
    opened: list[AudioFile] = []
    monkeypatch.setattr(scanning, "probe_all", lambda task: opened.extend(task.files) or probe_all(task))
    index(tmp_path / "i", root)
    assert {file.path.suffix for file in opened} == {".m4a", ".aac", ".wma", ".WEBM"}


def test_a_corpus_without_such_files_does_not_depend_on_the_decoder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = write_corpus(tmp_path / "c", "a", 2)
    fingerprint = AudioSource(AudioCorpus(root=root), "").fingerprint()
    use_decoder(monkeypatch, "")
    assert AudioSource(AudioCorpus(root=root), "").fingerprint() == fingerprint


def test_they_have_segments(tmp_path: Path, root: Path) -> None:
    text = "path,start_s,end_s,label\n" + "".join(f"a/phone.m4a,{n / 10},{n / 10 + 0.2},x\n" for n in range(8))
    columns = {"start_s": "start_s", "end_s": "end_s"}
    clips = index(tmp_path / "i", root, table=table(root, text), **columns).clips
    assert len(clips) == 8
    whole, _ = AudioFile(root / "a/phone.m4a").decode()
    parts = AudioSource(AudioCorpus(root=root), "").recordings(Path(), clips)(range(8))
    for number, part in enumerate(parts):
        start = int(np.floor(number / 10 * RATE_HZ + 0.5))
        np.testing.assert_array_equal(part.decode()[0], whole[start : start + 4410])
