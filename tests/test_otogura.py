"""The façade: its examples run as they stand, its keywords are those of the stream, its version is the project's."""

import asyncio
import doctest
import inspect
import signal
from pathlib import Path
from typing import Any

import pytest
import yaml
from corpora import write_corpus
from stores_of import indexed

import otogura
from pipeline.build.store import build_store
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.readers import source_of
from pipeline.support.executors import TaskRunner
from stores.files import read_json
from training.inference.model import TrainedModel
from training.stream import ClipStream

ROOT = Path(__file__).parents[1]
EXAMPLES = [test for test in doctest.DocTestFinder().find(otogura) if test.examples]
EXAMPLES += doctest.DocTestFinder(recurse=False).find(otogura.open_store, "otogura.open_store")
EXAMPLES += [test for test in doctest.DocTestFinder().find(TrainedModel) if test.examples]


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
    model = {"name": "resnet_attention", "width": 0.125, "blocks": [1, 1, 1], "attention_blocks": 1}
    experiment = {
        "corpus": {"root": str(folder / "corpus")},
        "recipe": "small",
        "model": model,
        "training": {"epochs": 2, "batch_size": 8, "variants": "original"},
    }
    variants = dict.fromkeys(("noise", "shift", "stretch", "pitch", "rolloff"))
    recipes = {"small": {"frames": 24, "n_mels": 32, "variants": variants}}
    names = ("genre", "in_a_loop")
    (folder / "config").mkdir()
    (folder / "config" / "config.yaml").write_text(
        yaml.safe_dump({"recipes": recipes, "experiments": dict.fromkeys(names, experiment)})
    )
    return folder


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.name)
def test_examples_run(example: doctest.DocTest, demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(demo)
    if any("load_model" in part.source for part in example.examples):
        otogura.train("config/config.yaml", "genre")
    lines: list[str] = []
    result = doctest.DocTestRunner().run(example, out=lines.append)
    assert result.failed == 0, "".join(lines)


@pytest.mark.parametrize("name", ["extract", "load_model", "open_store", "stream", "train"])
def test_every_function_has_an_example(name: str) -> None:
    assert f"otogura.{name}" in {example.name for example in EXAMPLES}


def test_the_stream_takes_every_keyword_of_a_clip_stream() -> None:
    facade = set(inspect.signature(otogura.stream).parameters)
    assert facade == set(inspect.signature(ClipStream).parameters) - {"labels"}


def test_defaults_are_those_of_a_clip_stream() -> None:
    facade, stream = (inspect.signature(function).parameters for function in (otogura.stream, ClipStream))
    shared = {name for name in stream if stream[name].default is not inspect.Parameter.empty}
    assert {name: facade[name].default for name in shared} == {name: stream[name].default for name in shared}


def test_training_runs_inside_an_event_loop_and_beside_one(demo: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Once in the thread of the loop, as a notebook does, and once more, when it is finished, in another one."""
    monkeypatch.chdir(demo)
    before = signal.getsignal(signal.SIGINT)

    async def trained() -> list[dict[str, Any]]:
        arguments = ("config/config.yaml", "in_a_loop")
        return [otogura.train(*arguments), await asyncio.to_thread(otogura.train, *arguments)]

    first, second = asyncio.run(trained())
    assert len(first["history"]) == 2
    assert second == first
    assert first == read_json(demo / "work" / "runs" / "in_a_loop" / "metrics.json")
    assert signal.getsignal(signal.SIGINT) is before


def test_the_citation_names_the_version() -> None:
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == otogura.__version__
