"""Decoder of a worker: clips of long recordings are those of short ones, and are held alone."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import tone

from features.audio import content_hash, decode, resample, resampled_length
from features.extractor import FeatureExtractor
from features.sound import Clip
from features.tensors.four_channel import Recipe
from features.tensors.waveform import WaveformRecipe
from pipeline.build import decoder as decoding
from pipeline.build.decoder import Decoder, worker_decoder
from pipeline.corpus.sources.audio.recording import AudioFile

RATES_HZ = (8000, 22050, 44100)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    sound = np.concatenate([tone(300 * number, 5.0, number, 44100) for number in range(1, 5)])
    soundfile.write(tmp_path / "x.flac", sound, 44100)
    soundfile.write(tmp_path / "x.mp3", sound, 44100)
    return tmp_path / "x"


@pytest.mark.parametrize("suffix", [".flac", ".mp3"])
@pytest.mark.parametrize("rate_hz", RATES_HZ)
@pytest.mark.parametrize("seconds", [(0.0, None), (0.75, 19.5), (3.0, 3.1)])
def test_a_long_recording_gives_the_clip_of_a_short_one(
    path: Path, suffix: str, rate_hz: int, seconds: tuple[float, float | None], monkeypatch: pytest.MonkeyPatch
) -> None:
    recording = AudioFile(path.with_suffix(suffix), start_s=seconds[0], end_s=seconds[1])
    samples, own_hz = recording.decode()
    features = FeatureExtractor(Recipe(sample_rate_hz=rate_hz, frames=100))
    expected = features.clip(samples, own_hz)
    monkeypatch.setattr(decoding, "LONG", 0)
    content, clip = Decoder().clip(recording, len(samples), features)
    assert isinstance(clip, Clip)
    assert content == content_hash(samples, own_hz)
    np.testing.assert_array_equal(clip.samples, expected.samples)
    assert clip.sample_rate_hz == expected.sample_rate_hz == rate_hz


@pytest.mark.parametrize("long", [0, decoding.LONG])
@pytest.mark.parametrize("suffix", [".flac", ".mp3"])
def test_equal_parts_are_those_of_the_whole(
    path: Path, suffix: str, long: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoding, "LONG", long)
    samples, own_hz = decode(path.with_suffix(suffix))
    features, decoder = FeatureExtractor(Recipe(frames=100)), Decoder()
    for number in range(3):
        part = AudioFile(path.with_suffix(suffix), number, 3)
        expected = part.cut(samples)
        content, clip = decoder.clip(part, len(expected), features)
        assert content == content_hash(expected, own_hz)
        np.testing.assert_array_equal(clip.samples, features.clip(expected, own_hz).samples)  # type: ignore[union-attr]


def test_of_a_part_no_more_is_decoded_where_the_length_is_known(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []

    class Watched(soundfile.SoundFile):  # type: ignore[misc]
        def read(self, *arguments: Any, **options: Any) -> Any:
            read.append(len(block := super().read(*arguments, **options)))
            return block

    monkeypatch.setattr(soundfile, "SoundFile", Watched)
    part, _ = Decoder().decode(AudioFile(path.with_suffix(".flac"), 2, 4))
    assert sum(read) == len(part) == 5 * 44100


def test_the_last_second_is_that_of_the_whole(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = AudioFile(path.with_suffix(".flac"))
    features = FeatureExtractor(WaveformRecipe(sample_rate_hz=22050, samples=22050))
    samples, own_hz = recording.decode()
    monkeypatch.setattr(decoding, "LONG", 0)
    _, clip = Decoder().clip(recording, len(samples), features)
    np.testing.assert_array_equal(clip.samples, features.clip(samples, own_hz).samples)  # type: ignore[union-attr]


def test_a_recording_that_has_become_shorter_hashes_otherwise(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recording = AudioFile(path.with_suffix(".flac"))
    samples, own_hz = recording.decode()
    soundfile.write(recording.path, samples[: own_hz // 2], own_hz)
    monkeypatch.setattr(decoding, "LONG", 0)
    content, _ = Decoder().clip(recording, len(samples), FeatureExtractor(Recipe(frames=100)))
    assert content == content_hash(*decode(recording.path)) != content_hash(samples, own_hz)


def test_the_resampled_length_is_known_before() -> None:
    rng = np.random.default_rng(0)
    for from_hz in (7999, 8000, 11025, 22050, 44100, 48000, 96000):
        for to_hz in (8000, 22050, 44100, 48000):
            for count in [1, 2, 3, *rng.integers(1, 5000, 5).tolist()]:
                found = len(resample(np.zeros(count, np.float32), from_hz, to_hz))
                assert resampled_length(count, from_hz, to_hz) == found


def test_a_worker_goes_on_in_a_file_from_task_to_task(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Path] = []
    real = soundfile.SoundFile
    monkeypatch.setattr(soundfile, "SoundFile", lambda path: opened.append(path) or real(path))
    for start_s in (1.0, 2.0, 3.0):
        worker_decoder().decode(AudioFile(path.with_suffix(".mp3"), start_s=start_s, end_s=start_s + 1))
    assert opened == [path.with_suffix(".mp3")]


def test_parts_of_a_lossy_file_follow_those_of_a_lossless_one(path: Path) -> None:
    decoder = Decoder()
    for suffix in (".flac", ".mp3", ".flac"):
        parts = [AudioFile(path.with_suffix(suffix), number, 3) for number in range(3)]
        samples = np.concatenate([decoder.decode(part)[0] for part in parts])
        np.testing.assert_array_equal(samples, decode(path.with_suffix(suffix))[0])
