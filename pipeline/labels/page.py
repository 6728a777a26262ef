"""Tags and classes of tracks, as a page with plots and as tables on the terminal."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from markupsafe import Markup
from rich.table import Table
from rich.text import Text

from pipeline.labels.labelling import NEGATIVE, POSITIVE
from pipeline.labels.mine import Mined
from training.report.drawing import BLUE, GREY, ORANGE, plot, svg
from training.report.page import KeyFigure, Panel, write_page

MOST_TAGS = 60
TAG_COLUMNS = ("tag", "tracks", "stands for", "score")
BINS = np.linspace(-1, 1, 41).tolist()

Row = tuple[object, ...]


def write_labels_page(mined: Mined, folder: Path, title: str) -> None:
    """Write `labels.html`."""
    figures = [
        KeyFigure("tracks", str(len(mined.decisions))),
        KeyFigure("with a label", str(mined.sizes.total())),
        KeyFigure("classes", str(len(mined.sizes))),
        KeyFigure("different tags", str(len(mined.tags))),
    ]
    sizes = sorted(mined.sizes.items())
    sections = [
        Panel("Classes", plots=[bars(sizes)], columns=("class", "tracks"), rows=sizes),
    ]
    if mined.left_out:
        sections.append(Panel("Left out", columns=("reason", "tracks"), rows=mined.left_out.most_common()))
    if histogram := scores(mined):
        sections.append(Panel("Polarity", "Mean score of the words of a track that the dictionary has.", [histogram]))
    note = "Those without a class are words that could stand for one; the score is that of the dictionary."
    frequent = mined.tags.most_common(MOST_TAGS // 2)
    sections.append(Panel("Tags", note, [bars(frequent)], columns=TAG_COLUMNS, rows=tags(mined)))
    write_page(folder / "labels.html", f"Labels {title}", mined.summary(), figures, sections)


def tables(mined: Mined) -> list[Table]:
    """Return tables of classes, reasons and tags, and the histogram of scores if there are any."""
    tables = [
        _table("class", "tracks", rows=sorted(mined.sizes.items())),
        _table("left out", "tracks", rows=mined.left_out.most_common()),
        _table(*TAG_COLUMNS, rows=tags(mined)[:20]),
    ]
    if counts := _histogram(mined):
        bins = [(f"{low:+.2f} … {low + 0.1:+.2f}", count) for low, count in counts]
        tables.append(_table("polarity", "tracks", rows=bins))
    return [table for table in tables if table.row_count]


def tags(mined: Mined) -> list[Row]:
    """Return the most frequent tags with their numbers of tracks, the class that each stands for, and its score."""
    meant = {
        word: part.label
        for part in mined.decisions
        for word in (part.words if part.label not in (NEGATIVE, POSITIVE) else ())
        if part.label
    }
    rows: list[Row] = []
    for tag, count in mined.tags.most_common(MOST_TAGS):
        score = None if mined.polarity is None else mined.polarity.score(tag)
        rows.append((tag, count, meant.get(tag, ""), "" if score is None else f"{score:+.2f}"))
    return rows


def bars(counts: Sequence[tuple[str, int]]) -> Markup:
    """Draw one horizontal bar for each name."""
    figure, axes = plot("tracks", "", width=5.4, height=0.6 + 0.24 * len(counts))
    axes.barh([name for name, _ in counts], [count for _, count in counts], color=BLUE)
    axes.invert_yaxis()
    axes.margins(y=0.01)
    return svg(figure)


def scores(mined: Mined) -> Markup | None:
    """Draw a histogram of the mean scores of tracks, with negative and positive ones in colour; None without scores."""
    by_label: dict[str, list[float]] = {NEGATIVE: [], "": [], POSITIVE: []}
    for part in mined.decisions:
        if part.score is not None:
            by_label[part.label if part.label in by_label else ""].append(part.score)
    if not any(by_label.values()):
        return None
    figure, axes = plot("mean score", "tracks", width=5.4)
    colours = {NEGATIVE: ORANGE, "": GREY, POSITIVE: BLUE}
    axes.hist(list(by_label.values()), BINS, stacked=True, color=[colours[name] for name in by_label])
    for name in (NEGATIVE, POSITIVE):
        if by_label[name]:
            axes.plot([], [], color=colours[name], linewidth=6, label=name)
    axes.set_xlim(-1, 1)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(frameon=False)
    return svg(figure)


def _histogram(mined: Mined) -> list[tuple[float, int]]:
    """Return the lower ends of bins 0.1 wide and their counts; empty ones are left out."""
    scores = [part.score for part in mined.decisions if part.score is not None]
    counts, ends = np.histogram(scores, np.linspace(-1, 1, 21))
    return [(float(low), int(count)) for low, count in zip(ends[:-1], counts, strict=True) if count]


def _table(*columns: str, rows: Sequence[Row]) -> Table:
    table = Table(*columns)
    for row in rows:
        table.add_row(*(Text(str(cell)) for cell in row))  # a tag is no markup
    return table
