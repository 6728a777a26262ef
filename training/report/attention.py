"""Figures of single decisions: the tensor of a clip, with attention and occlusion on its time axis."""

import math
from collections.abc import Sequence
from itertools import groupby
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from features.mel_scale import band_centres_hz
from features.recipe import MelRecipe, SoundRecipe, TensorRecipe
from features.tensors import recorded_recipe
from stores.reader import Store
from training.evaluation.padding import real_span
from training.report.page import Panel
from training.report.raster import raster

if TYPE_CHECKING:  # it imports torch, which a comparison does without
    from training.evaluation.explanation import Explanation

WIDTH, LEFT, RIGHT = 440, 54, 10  # pixels, as all lengths here
CURVE, PICTURE, HEAD, GAP = 34, 96, 4, 7
COLUMNS, ROWS = 320, 64  # of a picture, at most
SLIGHT = 0.01  # losses of probability below this are drawn pale
TICKS_HZ = (125, 500, 2000, 8000, 32000)
NOTE = (
    "The most confident right clip of each class, and the most confident wrong one. Occlusion is the loss in the "
    "probability of the decided class when that part of the clip is replaced by the clip's median; it is pale where it "
    "stays below 0.01."
)
ATTENTION_NOTE = (
    " Attention is that of the pooling over time, or else the mean of the heads; 1× is equal attention. It is no "
    "evidence by itself: its rank correlation with the occlusion is {}, the mean of {} clips."
)


def looked_panel(explanations: Sequence["Explanation"], store: Store, classes: Sequence[str]) -> Panel:
    """Return the section of a report on the decisions for some clips, a row of figures for each class."""
    recipe = recorded_recipe(store.manifest["recipe"])
    names = store.rows["id"].take([explanation.row for explanation in explanations]).to_pylist()
    rows = []
    for _, group in groupby(zip(explanations, names, strict=True), key=lambda one: one[0].group):
        figures = [_captioned(store.clip(one.row), recipe, one, name, classes) for one, name in group]
        rows.append(Markup('<div class="plots">{}</div>').format(Markup("").join(figures)))
    note, agreements = NOTE, [one.agreement for one in explanations if one.agreement is not None]
    if agreements:
        note += ATTENTION_NOTE.format(_signed(f"{np.mean(agreements):.2f}"), len(agreements))
    return Panel("Where it looked", note, body=Markup("").join(rows))


def _captioned(
    values: np.ndarray, recipe: TensorRecipe, explanation: "Explanation", name: str, classes: Sequence[str]
) -> Markup:
    decided = classes[explanation.decided]
    if explanation.label < 0:
        text = f"{decided}, answered though it is no label of the clip"
    elif explanation.label == explanation.decided:
        text = f"{decided}, right"
    else:
        text = f"{classes[explanation.label]}, taken for {decided}"
    text += f", probability {explanation.probabilities[explanation.decided]:.3f}"
    if explanation.agreement is not None:
        text += f", rank correlation {_signed(f'{explanation.agreement:.2f}')}"
    figure = looked_figure(values, recipe, explanation)
    return Markup("<figure>{}<figcaption>{}<br>{}</figcaption></figure>").format(figure, text, name)


def looked_figure(values: np.ndarray, recipe: TensorRecipe, explanation: "Explanation") -> Markup:
    """Draw the real frames of a clip, and above them attention and occlusion on the same axis of time.

    Below, each row of the last picture is the attention that one head receives, the first block's heads at the top.

    Parameters
    ----------
    values : array, shape recipe.shape
        Tensor of the clip as `Store.clip` returns it; of several channels the first is drawn.
    recipe : TensorRecipe
    explanation : Explanation

    Returns
    -------
    Markup
        An SVG element of some 15 kB, whose text has the colour of the text around it.
    """
    real = _first_channel(values, recipe)[..., explanation.begin : explanation.end].astype(np.float64)
    parts: list[Markup] = []
    top = GAP
    if explanation.attention is not None:
        parts.append(_curve(explanation.attention, top, "attention", "×", "var(--blue)"))
        top += CURVE + GAP
    slight = np.abs(explanation.occlusion).max() < SLIGHT
    parts.append(_curve(explanation.occlusion, top, "occlusion", "", "var(--orange)", opacity=0.35 if slight else 1.0))
    top += CURVE + GAP
    parts += [_waveform(real, top)] if real.ndim == 1 else [_spectrogram(real, top), _rows_axis(recipe, len(real), top)]
    top += PICTURE
    if explanation.received is not None:
        height = HEAD * len(explanation.received)
        heads = _means(explanation.received, COLUMNS)[::-1]
        parts += [
            _picture(raster(heads, "Blues"), top + GAP, height),
            _label(LEFT - 6, top + GAP + height / 2, "heads"),
        ]
        top += GAP + height
    parts.append(_time_axis(real.shape[-1], recipe, top))
    return _svg("attention and occlusion over time", top + 28, parts)


def clip_picture(values: np.ndarray, recipe: TensorRecipe) -> Markup:
    """Draw the real frames of a clip, with a cursor for the player beside it; `values` as in `looked_figure`."""
    channel = _first_channel(values, recipe)
    span = real_span(channel)
    real = channel[..., span.begin : span.end].astype(np.float64)
    parts = [_waveform(real, GAP)] if real.ndim == 1 else [_spectrogram(real, GAP), _rows_axis(recipe, len(real), GAP)]
    parts.append(_time_axis(real.shape[-1], recipe, GAP + PICTURE))
    figure = _svg("spectrogram" if real.ndim > 1 else "waveform", GAP + PICTURE + 28, parts)
    seconds = real.shape[-1] * (_step_s(recipe) or 0.0)
    return Markup(
        '<div class="picture" data-seconds="{:.3f}" data-left="{:.4f}" data-width="{:.4f}"><figure>{}</figure>'
        '<div class="cursor"></div></div>'
    ).format(seconds, LEFT / WIDTH, (WIDTH - LEFT - RIGHT) / WIDTH, figure)


def _svg(name: str, height: float, parts: Sequence[Markup]) -> Markup:
    return Markup(
        '<svg xmlns="http://www.w3.org/2000/svg" width="{0}" height="{1}" viewBox="0 0 {0} {1}" role="img" '
        'aria-label="{2}" fill="currentColor" font-family="sans-serif" font-size="10">{3}</svg>'
    ).format(WIDTH, height, name, Markup("").join(parts))


def _step_s(recipe: TensorRecipe) -> float | None:
    """Return the time between two frames, or two samples, in seconds; None where it is not known."""
    if isinstance(recipe, SoundRecipe) and "sample" in recipe.dimensions:
        return 1 / recipe.sample_rate_hz
    return recipe.spacing.get("frame_seconds")


def _first_channel(values: np.ndarray, recipe: TensorRecipe) -> np.ndarray:
    """Return `(rows, frames)` or `(samples,)`; of compact tensors the mel bands."""
    if values.ndim == 3:
        return values[..., 0]
    return values[: recipe.n_mels] if values.ndim == 2 and isinstance(recipe, MelRecipe) else values


def _curve(values: np.ndarray, top: float, name: str, unit: str, colour: str, opacity: float = 1.0) -> Markup:
    """Draw the steps of a curve as an area from zero, with its name and its extremes beside it."""
    lowest, highest = min(0.0, float(values.min())), max(0.0, float(values.max()))
    scale = CURVE / (highest - lowest or 1.0)
    zero = top + highest * scale
    ends, heights = _x(np.arange(1, len(values) + 1) / len(values)), zero - values * scale
    steps = "".join(f"V{y:.1f}H{x:.1f}" for x, y in zip(ends.tolist(), heights.tolist(), strict=True))
    area = Markup('<path d="M{0} {1:.1f}{2}V{1:.1f}Z" fill="{3}" fill-opacity="{4}"/>').format(
        LEFT, zero, steps, colour, opacity
    )
    labels = [name, f"{highest:.2g}{unit}"]
    if lowest < -0.05 * highest:
        labels.append(_signed(f"{lowest:.2g}"))
    ticks = [_label(LEFT - 6, top + 5 + place * 12, text) for place, text in enumerate(labels)]
    line = Markup('<path d="M{} {:.1f}H{}" stroke="currentColor" stroke-opacity=".4"/>').format(
        LEFT, zero, WIDTH - RIGHT
    )
    return Markup("").join([area, line, *ticks])


def _spectrogram(values: np.ndarray, top: float) -> Markup:
    return _picture(raster(_means(_means(values, COLUMNS).T, ROWS).T, "magma"), top, PICTURE)


def _waveform(samples: np.ndarray, top: float) -> Markup:
    """Draw the extremes of the samples in each column."""
    starts = np.arange(min(COLUMNS, len(samples))) * len(samples) // min(COLUMNS, len(samples))
    lower, upper = np.minimum.reduceat(samples, starts), np.maximum.reduceat(samples, starts)
    scale = PICTURE / 2 / max(float(np.abs(samples).max()), np.finfo(float).tiny)
    x = _x((np.arange(len(starts)) + 0.5) / len(starts))
    y = top + PICTURE / 2 - np.concatenate([upper, lower[::-1]]) * scale
    x = np.concatenate([x, x[::-1]])
    outline = " ".join(f"{one:.1f} {other:.1f}" for one, other in zip(x.tolist(), y.tolist(), strict=True))
    return Markup('<path d="M{0}Z" stroke="currentColor" stroke-width=".5" fill-opacity=".6"/>').format(outline)


def _picture(address: str, top: float, height: float) -> Markup:
    return Markup(
        '<image href="{}" x="{}" y="{}" width="{}" height="{}" preserveAspectRatio="none" image-rendering="pixelated"/>'
    ).format(address, LEFT, top, WIDTH - LEFT - RIGHT, height)


def _rows_axis(recipe: TensorRecipe, rows: int, top: float) -> Markup:
    """Draw the axis of mel bands in Hz, or that of rows by number."""
    if isinstance(recipe, MelRecipe):
        centres_hz = band_centres_hz(recipe)
        seen = [hz for hz in TICKS_HZ if centres_hz[0] <= hz <= centres_hz[-1]]
        ticks = [(f"{hz}", float(np.interp(hz, centres_hz, np.arange(rows)))) for hz in seen]
        unit = "Hz"
    else:
        ticks, unit = [(f"{row}", float(row)) for row in (0, rows - 1)], "row"
    labels = [_label(LEFT - 6, top + PICTURE * (1 - (row + 0.5) / rows), text) for text, row in ticks]
    turned = Markup('<text transform="translate(9 {}) rotate(-90)" text-anchor="middle">{}</text>')
    return Markup("").join([*labels, turned.format(top + PICTURE / 2, unit)])


def _time_axis(frames: int, recipe: TensorRecipe, top: float) -> Markup:
    """Draw ticks in seconds from the first real frame on, or the numbers of frames where their length is not known."""
    step_s = _step_s(recipe)
    step, unit = (1.0, "frame") if step_s is None else (step_s, "s")
    length = frames * step
    rough = length / 6
    power = 10.0 ** math.floor(math.log10(rough))
    spacing = next(power * factor for factor in (1, 2, 5, 10) if power * factor >= rough)
    tick = Markup(
        '<path d="M{0:.1f} {1}v4" stroke="currentColor"/><text x="{0:.1f}" y="{2}" text-anchor="middle">{3:g}</text>'
    )
    numbers = range(int(length / spacing) + 1)
    places = _x(np.array(numbers) * spacing / length).tolist()
    marks = [
        tick.format(x, top, top + 14, round(number * spacing, 9)) for number, x in zip(numbers, places, strict=True)
    ]
    unit_label = Markup('<text x="{}" y="{}" text-anchor="end">{}</text>').format(WIDTH - RIGHT, top + 25, unit)
    return Markup("").join([*marks, unit_label])


def _label(x: float, y: float, text: str) -> Markup:
    return Markup('<text x="{}" y="{:.1f}" text-anchor="end" dominant-baseline="middle">{}</text>').format(x, y, text)


def _signed(number: str) -> str:
    return number.replace("-", "\N{MINUS SIGN}", 1) if number.startswith("-") else number


def _x(shares: np.ndarray) -> np.ndarray:
    return LEFT + shares * (WIDTH - LEFT - RIGHT)


def _means(values: np.ndarray, columns: int) -> np.ndarray:
    """Return `values` `(rows, any)` with at most `columns` columns, the means of neighbours."""
    count = values.shape[1]
    if count <= columns:
        return values
    starts = np.arange(columns) * count // columns
    return np.add.reduceat(values, starts, axis=1) / np.diff(starts, append=count)
