"""Single mistakes: which, in which order, and how they sound; and predictions of several clips of one recording."""

import base64
import io
import re
from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpora import RATE_HZ, tone

from pipeline.corpus.sources.audio.recording import AudioFile
from pipeline.runs.mistakes import RATE_HZ as PLAYED_HZ
from pipeline.runs.mistakes import SECONDS, mistakes_of, mistakes_panel, player, write_mistakes
from training.evaluation.predictions import Predictions, averaged

CLASSES = ["a", "b", "c"]


def logits(*shares: tuple[float, ...]) -> np.ndarray:
    return np.log(np.array(shares, np.float32))


TESTED = Predictions(
    np.array([4, 7, 9, 11]),
    np.array([0, 1, 2, 0]),
    logits((0.8, 0.1, 0.1), (0.6, 0.3, 0.1), (0.05, 0.9, 0.05), (0.1, 0.1, 0.8)),
)
NAMES = ["right.wav", "first.wav", "second.wav", "third.wav"]


def test_mistakes_are_listed_with_the_most_confident_first(tmp_path: Path) -> None:
    found = mistakes_of(TESTED, TESTED.logits.argmax(axis=1), NAMES, CLASSES)
    assert [(wrong.row, wrong.name, wrong.true, wrong.decided) for wrong in found] == [
        (9, "second.wav", ("c",), ("b",)),
        (11, "third.wav", ("a",), ("c",)),
        (7, "first.wav", ("b",), ("a",)),
    ]
    assert found[0].probabilities == pytest.approx((0.05, 0.9, 0.05))
    write_mistakes(tmp_path / "m.csv", found, CLASSES)
    lines = (tmp_path / "m.csv").read_text().splitlines()
    assert lines[:2] == ["recording,class,taken for,a,b,c", "second.wav,c,b,0.0500,0.9000,0.0500"]
    names = re.findall(r"<h3>(.*)</h3>", mistakes_panel(found, CLASSES, None).body)
    assert names == ["second.wav", "third.wav", "first.wav"]


def test_a_player_holds_the_middle_of_the_recording(tmp_path: Path) -> None:
    sound = np.concatenate([np.zeros(20 * RATE_HZ), tone(440, 4), np.zeros(20 * RATE_HZ)]).astype(np.float32)
    soundfile.write(tmp_path / "x.wav", sound, RATE_HZ)
    markup = player(AudioFile(tmp_path / "x.wav"))
    data = base64.b64decode(markup.split("base64,")[1].split('"')[0])
    played, rate_hz = soundfile.read(io.BytesIO(data))
    assert rate_hz == PLAYED_HZ
    assert len(played) / rate_hz == pytest.approx(SECONDS, abs=0.2)
    spectrum = np.abs(np.fft.rfft(played))
    assert abs(np.argmax(spectrum) * rate_hz / len(played) - 440) < 2


def test_a_segment_or_part_is_played_as_a_file_of_its_own(tmp_path: Path) -> None:
    path = tmp_path / "x.wav"
    soundfile.write(path, tone(440, 3 * SECONDS, rate_hz=8000), 8000, subtype="FLOAT")
    for recording in (AudioFile(path, start_s=2.0, end_s=2.0 + 1.5 * SECONDS), AudioFile(path, 1, 2)):
        samples, rate_hz = recording.decode()
        soundfile.write(tmp_path / "own.wav", samples, rate_hz, subtype="FLOAT")
        assert player(recording) == player(AudioFile(tmp_path / "own.wav")) != ""


def test_a_recording_that_is_gone_has_no_player(tmp_path: Path) -> None:
    assert player(AudioFile(tmp_path / "gone.wav")) == ""


def test_clips_of_one_recording_share_a_prediction() -> None:
    found, names = averaged(TESTED, ["y", "x", "x", "z"])
    assert found.logits.dtype == np.float32
    assert names == ["x", "y", "z"]
    assert found.rows.tolist() == [7, 4, 11]
    assert found.labels.tolist() == [1, 0, 0]
    assert np.exp(found.logits[0]) == pytest.approx([0.325, 0.6, 0.075])
    assert np.exp(found.logits[1]) == pytest.approx([0.8, 0.1, 0.1])


def test_clips_that_are_whole_recordings_keep_their_predictions() -> None:
    found, names = averaged(TESTED, NAMES)
    assert found is TESTED
    assert names == NAMES
