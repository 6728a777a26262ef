"""The façade: its examples run as they stand, its keywords are those of the stream, its version is the project's."""

import doctest
import inspect
from pathlib import Path

import pytest
import yaml
from corpora import write_corpus
from stores_of import indexed

import otogura
from pipeline.build.store import build_store
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.readers import source_of
from pipeline.support.executors import TaskRunner
from training.stream import ClipStream

ROOT = Path(__file__).parents[1]
EXAMPLES = [test for test in doctest.DocTestFinder().find(otogura) if test.examples]
EXAMPLES += doctest.DocTestFinder(recurse=False).find(otogura.open_store, "otogura.open_store")


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with recordings and a store where those of the demo lie."""
    folder = tmp_path_factory.mktemp("demo")
    source = source_of(AudioCorpus(root=write_corpus(folder / "corpus", clips=6)), "corpus")
    clips = indexed(source, folder / "index")
    recordings = source.recordings(folder / "index", clips)
    store = folder / "work" / "stores" / "genres-demo-34bfcb93"
    build_store(
        store, clips, recordings, otogura.Recipe(frames=216), name="tones", clips_per_shard=64, engine=TaskRunner()
    )
    recording = folder / "work" / "demo" / "genres" / "funk" / "funk-00.wav"
    recording.parent.mkdir(parents=True)
    recording.write_bytes((folder / "corpus" / "a" / "0.wav").read_bytes())
    return folder


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_examples_run(example: doctest.DocTest, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo)
    lines: list[str] = []
    result = doctest.DocTestRunner().run(example, out=lines.append)
    assert result.failed == 0, "".join(lines)


@pytest.mark.parametrize("name", ["extract", "open_store", "stream"])
def test_every_function_has_an_example(name: str) -> None:
    assert f"otogura.{name}" in {example.name for example in EXAMPLES}


def test_the_stream_takes_every_keyword_of_a_clip_stream() -> None:
    facade = set(inspect.signature(otogura.stream).parameters)
    assert facade == set(inspect.signature(ClipStream).parameters) - {"labels"}


def test_defaults_are_those_of_a_clip_stream() -> None:
    facade, stream = (inspect.signature(function).parameters for function in (otogura.stream, ClipStream))
    shared = {name for name in stream if stream[name].default is not inspect.Parameter.empty}
    assert {name: facade[name].default for name in shared} == {name: stream[name].default for name in shared}


def test_the_citation_names_the_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == otogura.__version__
