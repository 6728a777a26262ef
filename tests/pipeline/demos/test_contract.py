"""The contract of all demos: a version, and settings by which their files are read."""

import subprocess
import sys
from pathlib import Path

import pytest

from pipeline.config.corpora import DEFAULT_DEMO, DemoCorpus
from pipeline.demos import NAMES, demo


def test_the_demos_are_the_modules() -> None:
    assert NAMES == ("bgm", "environment", "genres", "scenes", "spectrogram", "strikes")
    assert DEFAULT_DEMO in NAMES


@pytest.mark.parametrize("name", NAMES)
def test_a_demo_is_read_as_a_corpus_below_its_folder(name: str, tmp_path: Path) -> None:
    assert demo(name).VERSION > 0
    configured = DemoCorpus(name=name)
    assert configured.demo == name
    corpus = configured.synthesised(tmp_path)
    assert corpus.source == demo(name).corpus(tmp_path)["source"]
    paths = [value for _, value in corpus if isinstance(value, Path) and str(value) != "file"]
    assert paths
    assert all(path.is_relative_to(tmp_path / name) for path in paths)
    assert configured.has_folds == corpus.has_folds
    assert configured.spectrogram_values == corpus.spectrogram_values
    with pytest.raises(TypeError, match=f"the demo {name} has no folder yet"):
        configured.stored()


def test_the_names_of_demos_import_none_of_them() -> None:
    """Each call of Snakemake asks for the names; audio libraries take their time."""
    code = "import sys, pipeline.demos; print([name for name in sys.modules if name.startswith('pipeline.demos.')])"
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "[]"
