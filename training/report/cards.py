"""Cards of single clips: name, class, probabilities as bars, a picture and a player."""

from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from training.report.page import NOTHING, render

BARS = 5  # likeliest classes


@dataclass(frozen=True)
class Card:
    """One clip of a report; `shares` are the probabilities of the classes that are shown, the largest first."""

    name: str
    true: Sequence[str]
    decided: Sequence[str]
    shares: Sequence[tuple[str, float]]
    picture: Markup = NOTHING
    sound: Markup = NOTHING


def likeliest(probabilities: Sequence[float], classes: Sequence[str], true: Sequence[str]) -> list[tuple[str, float]]:
    """Return the likeliest classes with their probabilities, and the true ones that are not among them."""
    ordered = sorted(zip(classes, probabilities, strict=True), key=lambda pair: -pair[1])
    return ordered[:BARS] + [pair for pair in ordered[BARS:] if pair[0] in true]


def cards(shown: Sequence[Card]) -> Markup:
    """Return cards side by side, as many as the width allows."""
    return render("cards", cards=shown)
