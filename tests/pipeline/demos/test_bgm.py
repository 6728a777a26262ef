"""The demo of background music: deterministic, tagged as catalogues are, and with one class that is vague."""

import csv
import json
from collections import Counter
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from pipeline.demos import bgm
from pipeline.demos.bgm import words
from pipeline.demos.bgm.instruments import INSTRUMENTS, instrument
from pipeline.demos.synthesis.music import PARTS
from pipeline.demos.synthesis.sounds import generator

CATALOGUE = [bgm.track(number) for number in range(bgm.TRACKS)]
POLARITY = {line.split(":")[0]: float(line.split(":")[3]) for line in words.POLARITY.split()}


def named(track: bgm.Track, tags: Mapping[str, str]) -> set[str]:
    """The classes that a track's tags name."""
    return {name for name, tag in tags.items() if tag in track.tags}


def test_a_track_is_a_function_of_its_number() -> None:
    assert bgm.track(3) == CATALOGUE[3] != CATALOGUE[4]
    assert bgm.synthesise(CATALOGUE[3]).tobytes() == bgm.synthesise(bgm.track(3)).tobytes()


@pytest.mark.parametrize("genre", words.GENRE_TAGS)
def test_sound_is_of_one_length_and_below_full_scale(genre: str) -> None:
    sound = bgm.synthesise(next(track for track in CATALOGUE if track.genre == genre))
    assert sound.dtype == np.float32
    assert len(sound) == round(bgm.SECONDS * bgm.RATE_HZ)
    assert 0.25 < np.abs(sound).max() < 1
    seconds = np.square(sound).reshape(round(bgm.SECONDS), -1).mean(axis=1)
    assert seconds.min() > 1e-3 * seconds.max()  # any part of a track holds music


def test_classes_are_drawn_apart_from_each_other() -> None:
    for kind, share in (("genre", 1 / 5), ("instrument", 1 / 4)):
        counts = Counter(getattr(track, kind) for track in CATALOGUE)
        assert min(counts.values()) > 0.6 * share * bgm.TRACKS
    pairs = {(track.genre, track.instrument) for track in CATALOGUE}
    assert len(pairs) == len(words.GENRE_TAGS) * len(words.INSTRUMENT_TAGS)


@pytest.mark.parametrize(("kind", "tags"), [("genre", words.GENRE_TAGS), ("instrument", words.INSTRUMENT_TAGS)])
def test_most_tracks_name_their_class_a_few_two_or_none(kind: str, tags: dict[str, str]) -> None:
    counts = Counter(len(named(track, tags)) for track in CATALOGUE)
    assert set(counts) == {0, 1, 2}
    assert all(0.03 * bgm.TRACKS < counts[few] < 0.1 * bgm.TRACKS for few in (0, 2))
    assert all(getattr(track, kind) in named(track, tags) for track in CATALOGUE if named(track, tags))


def test_the_mean_polarity_of_the_tags_is_that_of_the_emotion() -> None:
    for track in CATALOGUE:
        scores = [POLARITY[tag] for tag in track.tags if tag in POLARITY]
        assert len(scores) in ({0} if track.emotion == "neutral" else {1, 2, 3})
        assert np.sign(sum(scores)) == {"positive": 1, "neutral": 0, "negative": -1}[track.emotion]
    assert 0.05 < np.mean([track.emotion == "neutral" for track in CATALOGUE]) < 0.2
    assert len({round(np.mean([POLARITY.get(tag, 0) for tag in track.tags]), 6) for track in CATALOGUE}) > 50


def test_titles_differ_and_tags_come_in_any_order_with_any_separator() -> None:
    assert len({track.title for track in CATALOGUE}) == bgm.TRACKS
    assert {track.separator for track in CATALOGUE} == set(bgm.SEPARATORS)
    assert not {*"".join(tag for track in CATALOGUE for tag in track.tags)} & set(bgm.SEPARATORS)
    assert {track.tags[0] for track in CATALOGUE} > {*words.USE_TAGS, *words.GENRE_TAGS.values()}
    assert all(track.description.count("。") == 1 and track.description.endswith("。") for track in CATALOGUE)


def test_the_dictionary_knows_more_than_the_tags_use_and_some_words_of_little_polarity() -> None:
    moods = {mood for tags in words.EMOTION_TAGS.values() for mood in tags}
    assert moods < set(POLARITY)
    assert not set(POLARITY) & {*words.USE_TAGS, *words.GENRE_TAGS.values(), *words.INSTRUMENT_TAGS.values()}
    assert len(POLARITY) == len(words.POLARITY.split()) > 1.8 * len(moods)
    assert sum(abs(score) < 0.3 for score in POLARITY.values()) > 5


def test_pops_has_four_parts_of_one_genre_and_two_of_another_and_a_tempo_between_them() -> None:
    owns = set()
    for number in range(40):
        pops = bgm.pops(generator(number))
        alike = {name: [part for part in PARTS if getattr(bgm.GENRES[name], part) == getattr(pops, part)]
                 for name in bgm.VAGUE}  # fmt: skip
        _, other, own = sorted(bgm.VAGUE, key=lambda name: len(alike[name]))
        assert (len(alike[own]), len(alike[other])) == (4, 2)
        assert np.sum(pops.bpm) == np.sum([bgm.GENRES[name].bpm for name in (own, other)]) / 2
        owns.add(own)
    assert owns == set(bgm.VAGUE)


def test_struck_and_plucked_notes_fade_and_the_other_instruments_hold_them() -> None:
    kept = {}
    for name in INSTRUMENTS:
        note = instrument(name, bright=1.4, rng=generator(name))(440.0, 1.0)
        energy = np.square(note[: bgm.RATE_HZ]).reshape(10, -1).mean(axis=1)
        kept[name] = energy[8] / energy[1]
    assert kept["guitar"] < 0.05 < kept["piano"] < 0.6 < min(kept["synthesiser"], kept["electric"])


def test_a_positive_track_is_higher_and_brighter_than_a_negative_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgm, "SECONDS", 3.0)
    monkeypatch.setattr(bgm, "finish", lambda sound, rng: sound)  # without the equaliser, whose part is to hide it

    def centroid_hz(track: bgm.Track, emotion: str) -> float:
        sound = bgm.synthesise(replace(track, emotion=emotion))
        spectrum = np.abs(np.fft.rfft(sound))
        return float(np.average(np.fft.rfftfreq(len(sound), 1 / bgm.RATE_HZ), weights=spectrum))

    without_drums = [track for track in CATALOGUE if track.genre == "classical"][:4]
    ratios = [centroid_hz(track, "positive") / centroid_hz(track, "negative") for track in without_drums]
    assert np.mean(ratios) > 1.3


def test_files_are_as_a_catalogue_would_have_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bgm, "TRACKS", 5)
    monkeypatch.setattr(bgm, "SECONDS", 1.0)
    root, done = tmp_path / "bgm", tmp_path / "bgm.json"
    bgm.write(root, done)
    assert json.loads(done.read_text())["tracks"] == 5
    header, *rows = csv.reader((root / "tracks.csv").read_text(encoding="utf-8").splitlines())
    assert header == ["file", "title", "tags", "description"]
    assert [tuple(row[2].split(track.separator)) for row, track in zip(rows, CATALOGUE, strict=False)] == [
        track.tags for track in CATALOGUE[:5]
    ]
    assert sorted(path.name for path in (root / "tracks").iterdir()) == [row[0] for row in rows]
    info = soundfile.info(root / "tracks" / rows[0][0])
    assert (info.format, info.subtype, info.channels, info.samplerate) == ("FLAC", "PCM_16", 1, bgm.RATE_HZ)
    lines = (root / "polarity.dic").read_bytes().decode("cp932").split("\r\n")
    assert lines.pop() == ""
    for line in lines:
        word, reading, _, score = line.split(":")
        assert word
        assert all("ぁ" <= letter <= "ん" for letter in reading)
        assert -1 <= float(score) <= 1
    before = {path: path.read_bytes() for path in root.rglob("*") if path.is_file()}
    bgm.write(root, done)
    assert {path: path.read_bytes() for path in root.rglob("*") if path.is_file()} == before
