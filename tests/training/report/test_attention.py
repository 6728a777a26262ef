"""Figures of single decisions, for tensors of every kind."""

import xml.etree.ElementTree as ET
from typing import Any

import numpy as np
import pytest

from features.recipe import TensorRecipe
from features.tensors.four_channel import Recipe
from features.tensors.log_mel import LogMelRecipe
from features.tensors.spectrogram import SpectrogramRecipe
from features.tensors.waveform import WaveformRecipe
from stores import Store
from training.evaluation.explanation import POINTS, Explanation
from training.report.attention import looked_figure, looked_panel

RECIPES = [Recipe(), Recipe(layout="compact"), LogMelRecipe(), SpectrogramRecipe(), WaveformRecipe()]


def explanation(frames: int, **changes: Any) -> Explanation:
    rng = np.random.default_rng(0)
    points = min(frames, POINTS)
    values: dict[str, Any] = {"row": 0, "label": 0, "decided": 1, "probabilities": np.array([0.25, 0.75]), "begin": 0}
    values |= {"end": frames, "occlusion": rng.normal(size=24), "pooling": rng.random(points)}
    values |= {"received": rng.random((20, points)), "agreement": 0.5}
    return Explanation(**values | changes)


def tensor(recipe: TensorRecipe) -> np.ndarray:
    return np.random.default_rng(0).standard_normal(recipe.shape).astype(recipe.dtype)


def texts(figure: str) -> list[str]:
    return [element.text or "" for element in ET.fromstring(figure).iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("recipe", RECIPES, ids=lambda recipe: f"{recipe.kind}-{len(recipe.shape)}")
def test_a_figure_has_axes_with_units_and_is_small(recipe: TensorRecipe) -> None:
    frames = recipe.shape[0] if recipe.kind == "waveform" else recipe.shape[1]
    figure = looked_figure(tensor(recipe), recipe, explanation(frames))
    assert len(figure.encode()) < 25_000
    words = texts(figure)
    assert {"attention", "occlusion", "heads"} <= set(words)
    assert ("Hz" in words) == (recipe.kind in ("four_channel", "log_mel"))
    assert ("row" in words) == (recipe.kind == "spectrogram")
    assert ("frame" if recipe.kind == "spectrogram" else "s") in words


def test_time_is_in_seconds_from_the_first_real_frame() -> None:
    recipe = Recipe()
    shown = texts(looked_figure(tensor(recipe), recipe, explanation(431, begin=444, end=875)))  # 10 s
    assert [text for text in shown if text in {"0", "2", "4", "6", "8", "10", "12", "30"}] == [
        "0",
        "2",
        "4",
        "6",
        "8",
        "10",
    ]
    waveform = WaveformRecipe()
    shown = texts(looked_figure(tensor(waveform), waveform, explanation(44100)))  # 1 s
    assert {"0", "0.2", "0.4", "0.6", "0.8", "1"} <= set(shown)


def test_curves_that_are_not_there_are_not_drawn() -> None:
    recipe = Recipe()
    alone = texts(looked_figure(tensor(recipe), recipe, explanation(1320, pooling=None, received=None)))
    assert "occlusion" in alone
    assert not {"attention", "heads"} & set(alone)
    heads = texts(looked_figure(tensor(recipe), recipe, explanation(1320, pooling=None)))
    assert {"attention", "heads"} <= set(heads)


def test_losses_that_are_next_to_nothing_are_pale() -> None:
    recipe = Recipe()
    figures = [
        looked_figure(tensor(recipe), recipe, explanation(1320, occlusion=np.linspace(0, highest, 24)))
        for highest in (0.5, 0.001)
    ]
    assert ['fill-opacity="0.35"' in figure for figure in figures] == [False, True]


def test_a_section_has_a_row_of_figures_for_each_class(store: Store) -> None:
    frames = store.clip_shape[1]
    shown = [
        explanation(frames, row=4, label=0, decided=0),
        explanation(frames, row=2, label=0, decided=1),
        explanation(frames, row=3, label=1, decided=1, agreement=None),
    ]
    panel = looked_panel(shown, store, ["<b>", "y"])
    assert panel.title == "Where it looked"
    assert "0.50, the mean of 2 clips" in panel.note
    assert panel.body.count("<div") == 2
    assert panel.body.count("<svg") == 3
    assert "&lt;b&gt;, right, probability 0.250, rank correlation 0.50" in panel.body
    assert "&lt;b&gt;, taken for y, probability 0.750" in panel.body
    assert store.rows["id"][2].as_py() in panel.body
    without = looked_panel([explanation(frames, pooling=None, received=None, agreement=None)], store, ["x", "y"])
    assert "ttention" not in without.note
