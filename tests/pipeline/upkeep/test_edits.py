"""Edits of parts of users' own, as `otogura why` tells them."""

import re
from pathlib import Path

import pytest
from stores_of import built, plan_of_tones

from pipeline.upkeep.catalogue import why
from pipeline.upkeep.edits import edits
from pipeline.workflow.plan import Plan

GAIN = """
import numpy as np

class Gain:
    def __init__(self, factor: float = 0.5):
        self.factor = factor
    def draw(self, rng):
        return {}
    def apply(self, clip, parameters, rng):
        return clip.samples * np.float32(self.factor)
"""


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder that the command runs in."""
    monkeypatch.chdir(tmp_path)
    Path("gain.py").write_text(GAIN)
    return tmp_path


def plan(folder: Path, **settings: object) -> Plan:
    others = dict.fromkeys(["noise", "shift", "rolloff"])
    return plan_of_tones(folder, **others, gain={"class": "gain.py:Gain", **settings})


def told(plan: Plan) -> list[str]:
    return [re.sub("[0-9a-f]{8}", "#", line) for line in edits(plan)]


def test_nothing_is_told_before_anything_is_made_or_changed(folder: Path) -> None:
    assert told(plan(folder)) == []
    built(plan(folder))
    assert told(plan(folder)) == []
    assert told(plan(folder, factor=2)) == []  # which is no edit


def test_an_edit_is_told_until_the_store_is_built(folder: Path) -> None:
    before = built(plan(folder))
    Path("gain.py").write_text(GAIN + "# edited\n")
    edited = plan(folder)
    line = "gain.py:Gain has changed (version # → #)"
    assert told(edited) == [f"features small: {line}"]
    after = built(edited)
    assert told(edited) == []
    reasons = {name: re.sub("[0-9a-f]{8} → [0-9a-f]{8}", "# → #", text) for name, text in why(after, edited.work)}
    assert reasons["gain"] == f"computed, since {line} in {before}"
    assert reasons["original"].startswith(f"as in {before}")


def test_local_modules_that_may_have_changed_are_named(folder: Path) -> None:
    Path("levels.py").write_text("LEVEL = 1\n")
    Path("gain.py").write_text("from levels import LEVEL\n" + GAIN)
    built(plan(folder))
    Path("levels.py").write_text("LEVEL = 2\n")
    line = "gain.py:Gain or a module that it imports (levels.py) has changed (version # → #)"
    assert told(plan(folder)) == [f"features small: {line}"]


def test_a_stated_version_is_told_as_it_is(folder: Path) -> None:
    text = GAIN.replace("class Gain:", "class Gain:\n    version = 1")
    Path("gain.py").write_text(text)
    built(plan(folder))
    Path("gain.py").write_text(text.replace("version = 1", "version = 2"))
    assert told(plan(folder)) == ["features small: gain.py:Gain has changed (version 1 → 2)"]


def test_an_edit_of_a_feature_is_told(folder: Path) -> None:
    text = (
        "import numpy as np\n"
        "class Mean:\n"
        "    shape, axes, units = (1, 2), ('row', 'frame'), '1'\n"
        "    def compute(self, samples, sample_rate_hz): return np.full((1, 2), samples.mean())\n"
    )
    others = dict.fromkeys(["noise", "shift", "rolloff"])

    def chosen(edit: str = "") -> Plan:
        Path("mean.py").write_text(text + edit)
        return plan_of_tones(folder, recipe={"class": "mean.py:Mean", "seconds": 0.5}, **others)

    before = built(chosen())
    edited = chosen("# edited\n")
    line = "mean.py:Mean has changed (version # → #)"
    assert told(edited) == [f"features small: {line}"]
    after = built(edited)
    assert told(edited) == []
    reasons = {name: re.sub("[0-9a-f]{8} → [0-9a-f]{8}", "# → #", text) for name, text in why(after, edited.work)}
    assert reasons == {"original": f"computed, since {line} in {before}"}


def test_a_file_that_is_gone_has_its_name(folder: Path) -> None:
    before = built(plan(folder))
    Path("gain.py").write_text(GAIN + "# edited\n")
    after = built(plan(folder))
    work = plan(folder).work
    Path("gain.py").unlink()
    text = dict(why(after, work))["gain"]
    assert text.startswith("computed, since gain.py:Gain or a module that it imports has changed (version ")
    assert text.endswith(f" in {before}")
