"""The pages name what is there."""

import re
from importlib import import_module
from operator import attrgetter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
STEPS = re.findall(
    r"^\| ([A-Z]) \|.*\| `([\w/]+)\.py` `([\w.]+)` \|$", (ROOT / "docs/clip-to-batch.md").read_text(), re.M
)


def test_each_letter_of_the_diagram_is_a_step() -> None:
    letters = re.findall(r'class="letter">([A-Z])<', (ROOT / "docs/clip-to-batch.svg").read_text())
    assert [letter for letter, _, _ in STEPS] == letters == list("ABCDEFGHIJKL")


@pytest.mark.parametrize(("file", "function"), [step[1:] for step in STEPS])
def test_each_step_names_a_function(file: str, function: str) -> None:
    assert callable(attrgetter(function)(import_module(file.replace("/", "."))))


@pytest.mark.parametrize("page", [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")], ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / target).exists(), target
