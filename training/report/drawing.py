"""Drawing for pages: figures as SVG in the colours of the page, light or dark."""

import io
import warnings

import matplotlib
from markupsafe import Markup
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import MaxNLocator

BLUE, ORANGE, GREY = "#2457a6", "#c2571a", "#8a94a3"
THEME = {BLUE: "var(--blue)", ORANGE: "var(--orange)", "#000000": "var(--ink)"}


def plot(xlabel: str, ylabel: str, *, width: float = 4.4, height: float = 3.1) -> tuple[Figure, Axes]:
    """Return a figure with one pair of axes, small enough for a phone; labels carry units."""
    figure = Figure(figsize=(width, height), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=xlabel, ylabel=ylabel)
    axes.spines[["top", "right"]].set_visible(False)
    return figure, axes


def whole_numbers(axes: Axes) -> None:
    """Put the ticks of the horizontal axis on whole numbers."""
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))


def svg(figure: Figure) -> Markup:
    """Return the figure as an SVG element; equal figures give equal text.

    The browser's fonts draw labels in any script. No text is read as a formula: classes and tags may have dollar signs.
    """
    for text in figure.findobj(Text):
        text.set_parse_math(False)
    # What draws itself only now, such as ticks, follows the setting.
    with (
        matplotlib.rc_context({"svg.hashsalt": "otogura", "svg.fonttype": "none", "text.parse_math": False}),
        warnings.catch_warnings(),
    ):
        warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # the browser has one that has it
        buffer = io.StringIO()
        figure.savefig(buffer, format="svg", transparent=True, metadata={"Date": None, "Creator": None})
    page = buffer.getvalue()
    for colour, variable in THEME.items():
        page = page.replace(colour, variable)
    return Markup(page[page.index("<svg") :])
