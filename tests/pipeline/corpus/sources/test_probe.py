"""Every fault that a recording may have, and its reason."""

import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpora import RATE_HZ, tone

from features.audio import content_hash, decode
from features.extractor import extract
from features.tensors.four_channel import Recipe
from pipeline.corpus.sources.audio.probe import Probe
from pipeline.corpus.sources.audio.probe import probe as probe_file
from pipeline.corpus.sources.audio.recording import AudioFile
from pipeline.corpus.sources.base import UNREADABLE

SOUND = tone(440, 1.0)


def cut_in_half(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])


def probe(path: Path, refuse_silence: bool) -> Probe:
    (found,) = probe_file([AudioFile(path)], refuse_silence)
    return found


def write(path: Path, samples: np.ndarray = SOUND, subtype: str | None = None) -> Path:
    soundfile.write(path, samples, RATE_HZ, subtype=subtype)
    return path


@pytest.mark.parametrize("suffix", ["wav", "flac", "aiff", "au", "ogg", "mp3"])
def test_a_good_recording(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"x.{suffix}")
    found = probe(path, refuse_silence=True)
    assert found.reason == ""
    samples, rate_hz = decode(path)
    assert (found.samples, found.sample_rate_hz) == (len(samples), RATE_HZ)
    assert found.content_hash == content_hash(samples, rate_hz).hex()


def test_blocks_hash_as_the_whole(tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", np.stack([tone(300, 15), tone(500, 15)], axis=1))  # more than one block
    assert probe(path, refuse_silence=False).content_hash == content_hash(*decode(path)).hex()


@pytest.mark.parametrize(
    ("suffix", "reason"),
    [
        ("wav", r"truncated: the header states \d+ bytes of samples, \d+ are there"),
        ("flac", "undecodable: flac decoder lost sync"),
        ("aiff", r"truncated: the header states \d+ bytes of samples, \d+ are there"),
        ("au", r"truncated: the header states \d+ bytes of samples, \d+ are there"),
    ],
)
def test_lossless_files_shorter_than_stated(tmp_path: Path, suffix: str, reason: str) -> None:
    path = write(tmp_path / f"x.{suffix}")
    cut_in_half(path)
    assert re.fullmatch(reason, probe(path, refuse_silence=False).reason)


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "FLOAT"])
def test_truncated_wav_of_any_depth(tmp_path: Path, subtype: str) -> None:
    path = write(tmp_path / "x.wav", subtype=subtype)
    cut_in_half(path)
    assert probe(path, refuse_silence=False).reason.startswith("truncated: the header states")


@pytest.mark.parametrize("suffix", ["mp3", "ogg"])
def test_lossy_files_are_as_long_as_they_decode(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"x.{suffix}", tone(440, 5.0))
    cut_in_half(path)
    found = probe(path, refuse_silence=False)
    assert found.reason == ""
    assert 0 < found.samples < 5 * RATE_HZ
    assert found.samples == len(decode(path)[0])


def streamed(path: Path) -> None:
    """Programs that do not know the length write the largest number into the header."""
    data = bytearray(write(path).read_bytes())
    place = data.index(b"data") + 4
    data[place : place + 4] = b"\xff\xff\xff\xff"
    path.write_bytes(data)


def test_a_length_that_the_writer_did_not_know(tmp_path: Path) -> None:
    streamed(tmp_path / "x.wav")
    found = probe(tmp_path / "x.wav", refuse_silence=False)
    assert (found.reason, found.samples) == ("", len(SOUND))


def without_length(path: Path) -> None:
    """Encoders that cannot go back to the header leave FLAC's total of samples at 0."""
    data = bytearray(write(path, tone(440, 15.0)).read_bytes())
    data[21] &= 0xF0  # of STREAMINFO, after its 8 bytes of marker and header
    data[22:26] = bytes(4)
    path.write_bytes(data)


def test_a_flac_stream_without_a_length_decodes_as_one_with_it(tmp_path: Path) -> None:
    without_length(tmp_path / "x.flac")
    whole = write(tmp_path / "y.flac", tone(440, 15.0))
    assert probe(tmp_path / "x.flac", refuse_silence=False) == probe(whole, refuse_silence=False)
    np.testing.assert_array_equal(decode(tmp_path / "x.flac")[0], decode(whole)[0])
    cut_in_half(tmp_path / "x.flac")
    assert probe(tmp_path / "x.flac", refuse_silence=False).reason == "undecodable: flac decoder lost sync"


BAD: dict[str, tuple[Callable[[Path], object], str]] = {
    "empty": (lambda path: path.write_bytes(b""), "empty file"),
    "no audio": (lambda path: path.write_text("not a recording"), "undecodable: Format not recognised"),
    "no samples": (lambda path: write(path, SOUND[:0]), "no samples"),
    "nan": (lambda path: write(path, np.where(SOUND > 0.4, np.nan, SOUND), "FLOAT"), "NaN or infinite samples"),
    "infinite": (lambda path: write(path, np.where(SOUND > 0.4, np.inf, SOUND), "FLOAT"), "NaN or infinite samples"),
    "absent": (lambda path: None, "no such file"),
    "a folder": (lambda path: path.mkdir(), "unreadable: Is a directory"),
    "cut": (
        lambda path: cut_in_half(write(path)),
        "truncated: the header states 44100 bytes of samples, 22028 are there",
    ),
    "too loud": (
        lambda path: write(path, 1e30 * SOUND.astype(np.float64), "DOUBLE"),
        "samples of up to 5.3e+29 times full scale",
    ),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_recording_has_a_reason(tmp_path: Path, name: str) -> None:
    make, reason = BAD[name]
    make(tmp_path / "x.wav")
    found = probe(tmp_path / "x.wav", refuse_silence=False)
    assert found.reason == reason


@pytest.mark.parametrize("name", sorted(BAD.keys() - {"absent", "a folder"}))
def test_extraction_refuses_what_the_index_refuses(tmp_path: Path, name: str) -> None:
    make, _ = BAD[name]
    make(tmp_path / "x.wav")
    reason = probe(tmp_path / "x.wav", refuse_silence=False).reason
    with pytest.raises(ValueError, match="^" + re.escape(f"{tmp_path / 'x.wav'}: {reason}") + "$"):
        extract(tmp_path / "x.wav", Recipe(frames=24))


def test_extraction_says_what_keeps_a_file_from_being_read(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"x\.wav"):
        extract(tmp_path / "x.wav", Recipe(frames=24))
    with pytest.raises(IsADirectoryError):
        extract(tmp_path, Recipe(frames=24))


@pytest.mark.parametrize(
    ("name", "data", "reason"),
    [
        ("x.mp3", b"\0" * 5000, "undecodable: no frame of MPEG audio in it can be decoded"),
        ("x.mp3", b"<html>moved</html>", "undecodable: no frame of MPEG audio in it can be decoded"),
        ("x.au", b"<html>moved</html>", "undecodable: it has no header that states its format and rate"),
        ("x.wav", b"<html>moved</html>", "undecodable: Format not recognised"),
        ("x.m4a", b"\0\0\0 ftypM4A ", "undecodable: Invalid data found when processing input"),
        ("x.wma", b"<html>moved</html>", "undecodable: Invalid data found when processing input"),
        (
            "x.raw",
            b"\0" * 5000,
            "undecodable: files that end in .raw are not decoded; expected .aac, .aif, ",
        ),
        ("x", b"\0" * 5000, "undecodable: files without an ending are not decoded; expected .aac, .aif, "),
    ],
)
def test_the_decoders_words_mislead_nobody(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], name: str, data: bytes, reason: str
) -> None:
    (tmp_path / name).write_bytes(data)
    assert probe(tmp_path / name, refuse_silence=False).reason.startswith(reason)


def test_a_constant_is_silent(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for level, noise, silent in ((0.5, 0.0, True), (-0.5, 5e-5, True), (0.5, 2e-4, False)):
        path = write(tmp_path / "x.wav", level + noise * rng.uniform(-1, 1, 1000), "FLOAT")
        assert probe(path, refuse_silence=True).reason.startswith("silent beside a constant") == silent
        assert probe(path, refuse_silence=False).reason == ""


def test_silence_only_where_it_is_refused(tmp_path: Path) -> None:
    path = write(tmp_path / "x.wav", np.zeros(1000, np.float32))
    assert probe(path, refuse_silence=True).reason == "silent"
    assert probe(path, refuse_silence=False).reason == ""


def test_a_file_that_may_not_be_read_is_looked_at_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*arguments: object, **options: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("builtins.open", refuse)
    found = probe(tmp_path / "x.wav", refuse_silence=False)
    assert found.reason == f"{UNREADABLE}: Permission denied"
