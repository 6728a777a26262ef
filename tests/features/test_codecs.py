"""Sound that FFmpeg decodes: its samples beside those of libsndfile, and the faults that files of it may have."""

import io
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from corpora import tone
from encoded import CODECS, encode

from features.audio import blocks, content_hash, decode, join_blocks, open_sound
from features.codecs.sound import CodecSound
from features.decoding import DecodingError
from features.faults import FaultyError, decode_checked
from features.spans import SpanReader
from pipeline.build.environment import environment

RATE_HZ = 48000  # which all codecs take
SECONDS = 7.0  # more than one block
SOUND = np.stack([tone(440, SECONDS, 0, RATE_HZ), tone(660, SECONDS, 1, RATE_HZ)], axis=1)


def by_ffmpeg(path: Path) -> np.ndarray:
    with CodecSound(path) as sound:
        assert sound.samplerate == RATE_HZ
        return join_blocks(blocks(sound))


def write(path: Path, samples: np.ndarray, subtype: str | None) -> Path:
    channels = 1 if samples.ndim == 1 else samples.shape[1]
    container = {".opus": "OGG"}.get(path.suffix)
    with soundfile.SoundFile(path, "w", RATE_HZ, channels, subtype=subtype, format=container) as file:
        for start in range(0, len(samples), 4096):
            file.write(samples[start : start + 4096])
    return path


@pytest.mark.parametrize(
    ("name", "subtype"),
    [
        *(("x.wav", subtype) for subtype in ("PCM_U8", "PCM_16", "PCM_24", "PCM_32", "FLOAT", "DOUBLE", "ULAW")),
        *(("x.flac", subtype) for subtype in ("PCM_16", "PCM_24")),
    ],
)
@pytest.mark.parametrize("samples", [SOUND[:, 0], SOUND], ids=["mono", "stereo"])
def test_lossless_samples_are_those_of_libsndfile(tmp_path: Path, name: str, subtype: str, samples: np.ndarray) -> None:
    path = write(tmp_path / name, samples, subtype)
    np.testing.assert_array_equal(by_ffmpeg(path), decode(path)[0])


@pytest.mark.parametrize(
    ("name", "subtype", "tolerance"),
    [("x.ogg", "VORBIS", 1e-6), ("x.opus", "OPUS", 1e-6), ("x.mp3", None, 5e-6)],
)
@pytest.mark.parametrize("samples", [SOUND[:, 0], SOUND], ids=["mono", "stereo"])
def test_lossy_samples_are_nearly_those_of_libsndfile(
    tmp_path: Path, name: str, subtype: str | None, tolerance: float, samples: np.ndarray
) -> None:
    path = write(tmp_path / name, samples, subtype)
    expected, found = decode(path)[0], by_ffmpeg(path)
    assert len(found) == len(expected)
    assert np.abs(found - expected).max() < tolerance


@pytest.mark.parametrize("suffix", CODECS)
@pytest.mark.parametrize("samples", [SOUND[:, 0], SOUND], ids=["mono", "stereo"])
def test_what_phones_and_browsers_write_is_decoded(tmp_path: Path, suffix: str, samples: np.ndarray) -> None:
    found, rate_hz = decode_checked(encode(tmp_path / f"x{suffix}", samples, RATE_HZ))
    expected = samples if samples.ndim == 1 else samples.mean(axis=1)
    assert (rate_hz, found.dtype) == (RATE_HZ, np.float32)
    assert abs(len(found) - len(expected)) < 4096
    size = 1 << 19
    spectra = np.fft.rfft(expected, size), np.fft.rfft(found, size)
    likeness = np.fft.irfft(spectra[0].conj() * spectra[1]).max()  # whatever the delay of the codec is
    assert likeness > 0.97 * np.linalg.norm(expected) * np.linalg.norm(found)


def test_a_lossless_file_hashes_as_its_twin(tmp_path: Path) -> None:
    wav = write(tmp_path / "x.wav", SOUND, "PCM_16")
    rounded, _ = soundfile.read(wav, dtype="float32")
    twin = encode(tmp_path / "x.m4a", rounded, RATE_HZ, "alac")
    assert content_hash(*decode_checked(twin)) == content_hash(*decode(wav))


def test_bytes_are_read_as_files_are(tmp_path: Path) -> None:
    for suffix in (".m4a", ".webm", ".wma", ".aac"):
        path = encode(tmp_path / f"x{suffix}", SOUND, RATE_HZ)
        with open_sound(io.BytesIO(path.read_bytes())) as sound:
            np.testing.assert_array_equal(join_blocks(blocks(sound)), decode(path)[0])
        (tmp_path / "upload.wav").write_bytes(path.read_bytes())  # named as what it is not
        np.testing.assert_array_equal(decode(tmp_path / "upload.wav")[0], decode(path)[0])


@pytest.mark.parametrize("suffix", CODECS)
def test_spans_are_parts_of_what_is_decoded(tmp_path: Path, suffix: str) -> None:
    path = encode(tmp_path / f"x{suffix}", SOUND, RATE_HZ)
    samples, _ = decode(path)
    with open_sound(path) as sound:
        reader = SpanReader(sound)
        for start, stop in ((5, 7), (6, 50000), (40000, 300000), (300000, 300001), (320000, 1 << 40)):
            np.testing.assert_array_equal(reader.read(start, stop), samples[start:stop])
        assert reader.end == len(samples)


@pytest.mark.parametrize("codec", ["aac", "alac"])
def test_an_mp4_file_that_is_cut_off_is_refused(tmp_path: Path, codec: str) -> None:
    for name, options in (("front", {"movflags": "faststart"}), ("back", {})):
        path = encode(tmp_path / f"{name}.m4a", SOUND, RATE_HZ, codec, **options)
        data = path.read_bytes()
        path.write_bytes(data[: len(data) // 2])
    with pytest.raises(FaultyError, match=r"^(truncated: the header states \d+ samples, \d+ decode|undecodable: .*)$"):
        decode_checked(tmp_path / "front.m4a")
    with pytest.raises(FaultyError, match=r"^undecodable: Invalid data found when processing input$"):
        decode_checked(tmp_path / "back.m4a")


def video(path: Path) -> None:
    with av.open(str(path), "w") as file:
        stream = file.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        for number in range(3):
            frame = av.VideoFrame.from_ndarray(np.full((96, 64), number, np.uint8), "yuv420p")
            file.mux(stream.encode(frame))
        file.mux(stream.encode(None))


def playlist(path: Path) -> None:
    """Write a list of another file, which a browser would open."""
    encode(path.with_name("other.m4a"), SOUND, RATE_HZ)
    path.write_text(f"ffconcat version 1.0\nfile {path.with_name('other.m4a')}\n")


BAD = {
    "text": (lambda path: path.write_text("no sound"), "undecodable: Invalid data found when processing input"),
    "empty": (lambda path: path.write_bytes(b""), "empty file"),
    "video": (video, "undecodable: it holds no sound"),
    "playlist": (playlist, "undecodable: it is in no container that is read"),
}


@pytest.mark.parametrize("name", BAD)
def test_a_bad_file_has_a_reason(tmp_path: Path, name: str) -> None:
    make, reason = BAD[name]
    make(tmp_path / "x.m4a")
    with pytest.raises(FaultyError) as caught:
        decode_checked(tmp_path / "x.m4a")
    assert str(caught.value) == reason
    with pytest.raises(FileNotFoundError):
        decode_checked(tmp_path / "absent.m4a")


def test_a_rate_that_changes_is_refused(tmp_path: Path) -> None:
    one, two = (encode(tmp_path / f"{rate}.aac", SOUND, rate) for rate in (44100, 48000))
    (tmp_path / "x.aac").write_bytes(one.read_bytes() + two.read_bytes())
    with pytest.raises(FaultyError, match=r"^undecodable: its rate changes from 44100 to 48000 Hz$"):
        decode_checked(tmp_path / "x.aac")


def test_it_is_read_forwards_alone(tmp_path: Path) -> None:
    with (
        CodecSound(encode(tmp_path / "x.m4a", SOUND, RATE_HZ)) as sound,
        pytest.raises(DecodingError, match="forwards"),
    ):
        sound.seek(0)


@pytest.mark.parametrize("suffix", [".m4a", ".webm", ".opus"])
def test_what_is_missing_is_named(tmp_path: Path, suffix: str, monkeypatch: pytest.MonkeyPatch) -> None:
    path = encode(
        tmp_path / f"x{suffix}", SOUND, RATE_HZ, "flac" if suffix == ".opus" else ""
    )  # which libsndfile refuses
    monkeypatch.setitem(sys.modules, "av", None)
    with pytest.raises(FaultyError) as caught:
        decode_checked(path)
    assert str(caught.value) == (
        "undecodable: the package av is not installed; to install it: pip install 'otogura[codecs]'"
    )


def test_the_environment_names_the_decoder_of_what_it_has_decoded() -> None:
    assert environment(True)["packages"] == environment()["packages"] | {"av": av.__version__}
    assert "av" not in environment()["packages"]
