"""The demo corpus: deterministic, in real formats, and not to be told apart by its average spectrum."""

from hashlib import blake2b
from pathlib import Path

import numpy as np
import pytest
import soundfile

from features.extractor import FeatureExtractor
from features.tensors.log_mel import LogMelRecipe
from pipeline.demos import genres as demo


def test_a_clip_is_a_function_of_its_name() -> None:
    assert demo.synthesise("funk", 3).tobytes() == demo.synthesise("funk", 3).tobytes()
    assert demo.synthesise("funk", 3).tobytes() != demo.synthesise("funk", 4).tobytes()


@pytest.mark.parametrize("genre", demo.GENRES)
def test_sound_is_of_one_length_and_below_full_scale(genre: str) -> None:
    clip = demo.synthesise(genre, 0)
    assert clip.dtype == np.float32
    assert len(clip) == round(demo.SECONDS * demo.RATE_HZ)
    assert 0.25 < np.abs(clip).max() < 1


def test_files_have_the_forms_and_faults_of_real_life(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo, "CLIPS_PER_GENRE", 6)
    demo.write(tmp_path / "genres", tmp_path / "genres.json")
    files = sorted(path for path in (tmp_path / "genres").rglob("*") if path.is_file())
    assert len(files) == 6 * 10 + 2
    good = [path for path in files if path.stem not in ("truncated", "empty")]
    kinds = {(info.format, info.subtype, info.channels, info.samplerate) for info in map(soundfile.info, good)}
    assert kinds == {
        ("WAV", "PCM_16", 1, 22050),
        ("FLAC", "PCM_16", 1, 22050),
        ("FLAC", "PCM_16", 2, 22050),
        ("WAV", "PCM_16", 1, 44100),
        ("FLAC", "PCM_24", 1, 22050),
    }
    first = blake2b(b"".join(path.read_bytes() for path in files)).digest()
    demo.write(tmp_path / "genres", tmp_path / "genres.json")
    assert blake2b(b"".join(path.read_bytes() for path in files)).digest() == first


def test_the_average_spectrum_does_not_tell_the_genre() -> None:
    """A logistic regression on each clip's mean log-mel stays below 0.8 in cross-validation."""
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import cross_val_score
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    engine = FeatureExtractor(LogMelRecipe(sample_rate_hz=demo.RATE_HZ, dtype="float32"))
    means, genres = [], []
    for genre in demo.GENRES:
        for number in range(demo.CLIPS_PER_GENRE):
            clip = engine.clip(demo.synthesise(genre, number), demo.RATE_HZ)
            means.append(engine.assembly(clip).values[:, :, 0].mean(axis=1))
            genres.append(genre)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000))
    assert 0.3 < cross_val_score(model, np.array(means), genres, cv=5).mean() < 0.8
