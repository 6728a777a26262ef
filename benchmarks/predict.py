"""Answers from files by a loaded model, against the features and the evaluation of the pipeline."""

from collections.abc import Callable, Iterator
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch
from joblib import cpu_count

from benchmarks.measure import Row, medians, row
from benchmarks.models import RECIPE, write_model
from benchmarks.scratch import scratch
from pipeline.build.store import build_store
from pipeline.corpus.index import update_index
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.predict.inputs import Inputs
from pipeline.support.executors import TaskRunner
from stores import open_store
from training.evaluation.predict import predict
from training.inference.answers import Prediction
from training.inference.batches import answer_all, computed_ahead
from training.inference.model import TrainedModel
from training.stream import ClipStream

CLIPS, SECONDS, RATE_HZ = 32, 30, 22050


def rows(wanted: Callable[[str], bool]) -> Iterator[Row]:
    name = "predict/vs_training_eval"
    if not wanted(name):
        return
    with scratch() as folder:
        root = folder / "corpus"
        root.mkdir()
        rng = np.random.default_rng(0)
        for number in range(CLIPS):
            sound = 0.1 * rng.standard_normal(SECONDS * RATE_HZ)
            soundfile.write(root / f"{number:03}.flac", sound, RATE_HZ)
        write_model(folder / "model")
        model = TrainedModel(folder / "model", "cpu")
        source = AudioSource(AudioCorpus(root=root), "bench")
        clips = update_index(
            folder / "index", source.scan(folder / "index", TaskRunner()), max_quarantine=0.0, config_path="bench"
        ).clips
        stores = (folder / f"store-{number}" for number in count())
        recordings = source.recordings(folder / "index", clips)

        def theirs() -> dict[str, np.ndarray]:
            options: dict[str, Any] = {"name": "bench", "clips_per_shard": 16}
            options["engine"] = TaskRunner("threads", cpu_count())
            store = open_store(build_store(next(stores), clips, recordings, RECIPE, **options).path)
            stream = ClipStream(store, np.arange(CLIPS), np.zeros(CLIPS, np.int64), batch_size=16)
            found = predict(model.network, stream, torch.device("cpu"))
            names = [str(root / name) for name in store.rows["id"].take(found.rows).to_pylist()]
            return dict(zip(names, found.probabilities, strict=True))

        ours = partial(answers, model, root)
        expected, found = theirs(), ours()
        assert expected.keys() == found.keys()
        for key, shares in expected.items():
            np.testing.assert_allclose(found[key], shares, atol=1e-5)
        mine_s, theirs_s = medians(ours, theirs)
        unit = f"ms a clip of {SECONDS} s from FLAC to probabilities, published network, {cpu_count()} cores"
        other_name = "features to a store by as many threads, and the evaluation from there"
        yield row(name, unit, mine_s / CLIPS, theirs_s / CLIPS, other_name)


def answers(model: TrainedModel, root: Path) -> dict[str, np.ndarray]:
    """Return the probabilities of all files below a folder, by their paths."""
    inputs = Inputs(model)
    ahead = computed_ahead(inputs.recordings(inputs.expanded([str(root)])), cpu_count())
    found = {}
    for name, answer in answer_all(model, ahead):
        assert isinstance(answer, Prediction)
        found[name] = np.array(list(answer.probabilities.values()))
    return found
