"""Pages that open without a network: their figures are inside them."""

import io
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2
import matplotlib
from markupsafe import Markup
from matplotlib.figure import Figure
from matplotlib.text import Text

from stores.files import write_bytes

BLUE, ORANGE = "#2457a6", "#d2691e"


@dataclass(frozen=True)
class Panel:
    """A heading with a picture or a table, or both."""

    title: str
    note: str = ""
    svg: Markup | None = None
    columns: Sequence[str] = ()
    rows: Sequence[Sequence[Any]] = ()


def link(text: str, address: str) -> Markup:
    """Return a table cell that leads to an address."""
    return Markup('<a href="{}">{}</a>').format(address, text)


def write_page(
    path: Path, title: str, subtitle: str, figures: Sequence[tuple[str, str]], sections: Sequence[Panel]
) -> None:
    """Write a page of key figures and sections."""
    template = Path(__file__).with_name("page.html.jinja").read_text(encoding="utf-8")
    environment = jinja2.Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    page = environment.from_string(template).render(title=title, subtitle=subtitle, figures=figures, sections=sections)
    write_bytes(path, page.encode())


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
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    page = buffer.getvalue()
    return Markup(page[page.index("<svg") :])
