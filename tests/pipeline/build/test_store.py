"""Building: the same bytes however it is done, and nothing computed twice."""

import json
import shutil
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
import soundfile
import zarr
from corpora import RATE_HZ, tone, tree, write_corpus
from stores_of import indexed

from features.audio import content_hash, decode
from features.extractor import draw_parameters
from features.tensors import AnyRecipe
from features.tensors.four_channel import Recipe
from features.tensors.log_mel import LogMelRecipe
from features.tensors.waveform import WaveformRecipe
from otogura import extract
from pipeline.build.environment import environment
from pipeline.build.shards import build_shard
from pipeline.build.store import Built, array_specs, build_store
from pipeline.corpus.sources.audio.settings import AudioCorpus
from pipeline.corpus.sources.audio.source import AudioSource
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from stores import open_store
from stores.codec import Compression
from stores.files import read_checked
from stores.layout import Layout
from stores.shard_writing import writing_shard

RECIPE = Recipe(frames=24, n_mels=32)


def source(root: Path) -> AudioSource:
    return AudioSource(AudioCorpus(root=root), "corpus")


def build(
    tmp_path: Path,
    recipe: AnyRecipe = RECIPE,
    engine: TaskRunner | None = None,
    work: str = "work",
    compression: Compression | None = None,
) -> Built:
    folder = tmp_path / work / "index"
    clips = indexed(source(tmp_path / "corpus"), folder)
    return build_store(
        tmp_path / work / "stores" / "tones",
        clips,
        source(tmp_path / "corpus").recordings(folder, clips),
        recipe,
        name="tones",
        clips_per_shard=4,
        compression=compression,
        engine=engine or TaskRunner(),
    )


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    return write_corpus(tmp_path / "corpus", clips=5)


@pytest.mark.parametrize("recipe", [LogMelRecipe(frames=20), WaveformRecipe(samples=5000)], ids=["log_mel", "waveform"])
def test_other_kinds_of_recipes_are_stored_as_well(tmp_path: Path, corpus: Path, recipe: AnyRecipe) -> None:
    store = open_store(build(tmp_path, recipe).path)
    group = zarr.open_group(store.path / "tensors.zarr", mode="r")
    for variant in recipe.variant_names:
        array = group[variant]
        assert array.shape == (15, *recipe.shape)
        assert array.dtype == recipe.dtype
        assert array.metadata.dimension_names == ("clip", *recipe.dimensions)
        assert array.attrs["units"] == recipe.units
        np.testing.assert_array_equal(array[7], store.clip(7, variant))
        assert store.statistics(variant).shape == (15, 1, 2)
    first = corpus / store.rows["id"][0].as_py()
    np.testing.assert_array_equal(extract(first, recipe, "pitch"), store.clip(0, "pitch"))


# An expression, since workers cannot import what is defined in a test.
THREADS = "[__import__('pipeline.build.store'), __import__('threadpoolctl').threadpool_info()][1]"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside dask's own cluster
@pytest.mark.parametrize("name", ["joblib", "dask"])
def test_every_worker_runs_one_thread(name: Any) -> None:
    for libraries in TaskRunner(name, 2).run(eval, [THREADS] * 4, 4):
        assert {library["num_threads"] for library in libraries} == {1}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside dask's own cluster
@pytest.mark.parametrize(("name", "workers"), [("joblib", 2), ("dask", 1), ("dask", 2)])
def test_engines_and_workers_give_the_same_bytes(tmp_path: Path, corpus: Path, name: Any, workers: int) -> None:
    one = build(tmp_path, work="one")
    other = build(tmp_path, engine=TaskRunner(name, workers), work="other")
    assert one.computed == other.computed == 15 * 6
    assert tree(one.path) == tree(other.path)


def test_what_is_built_is_not_computed_again(tmp_path: Path, corpus: Path, capsys: pytest.CaptureFixture[str]) -> None:
    first = build(tmp_path)
    assert first == Built(first.path, 15 * 6, 0, 0)
    assert "tones: tensors: 90/90, " in capsys.readouterr().err
    before = tree(tmp_path / "work" / "stores")
    assert build(tmp_path) == Built(first.path, 0, 15 * 6, 0)
    assert tree(tmp_path / "work" / "stores") == before


def test_a_compressed_store_is_copied_from_one_that_is_not(tmp_path: Path, corpus: Path) -> None:
    plain = build(tmp_path)
    packed = build(tmp_path, compression="zstd")
    assert (packed.computed, packed.reused, packed.copied) == (0, 15 * 6, 15 * 6)
    assert tree(packed.path) == tree(build(tmp_path, compression="zstd", work="fresh").path)
    for row in range(15):
        np.testing.assert_array_equal(
            open_store(packed.path).clip(row, "pitch"), open_store(plain.path).clip(row, "pitch")
        )


def test_one_augmentation_changed_computes_that_one_alone(tmp_path: Path, corpus: Path) -> None:
    build(tmp_path)
    changed = Recipe(frames=24, n_mels=32, variants={"stretch": {"rate": [0.9, 1.1]}})
    built = build(tmp_path, changed)
    assert (built.computed, built.reused) == (15, 15 * 5)
    fresh = build(tmp_path, changed, work="fresh")
    assert tree(fresh.path) == tree(built.path)


def test_a_grown_corpus_costs_what_is_new(tmp_path: Path, corpus: Path) -> None:
    old = build(tmp_path)
    write_corpus(tmp_path / "corpus", clips=6)
    new = build(tmp_path)
    assert (new.computed, new.reused, new.copied) == (3 * 6, 15 * 6, 3 * 6)
    assert read_checked(old.path.parent / "current.json") == {"store": new.path.name}
    assert open_store(old.path).rows["id"].to_pylist() == open_store(new.path).rows["id"].to_pylist()[:15]
    fresh = open_store(build(tmp_path, work="fresh").path)
    ids = fresh.rows["id"].to_pylist()
    grown = open_store(new.path)
    for row, name in enumerate(grown.rows["id"].to_pylist()):
        for variant in grown.variants:
            np.testing.assert_array_equal(grown.clip(row, variant), fresh.clip(ids.index(name), variant))
            np.testing.assert_array_equal(grown.statistics(variant)[row], fresh.statistics(variant)[ids.index(name)])


def test_a_removed_or_changed_clip_costs_no_other(tmp_path: Path, corpus: Path) -> None:
    build(tmp_path)
    (corpus / "a" / "0.wav").unlink()
    soundfile.write(corpus / "b" / "0.wav", tone(777, 0.6), RATE_HZ)
    built = build(tmp_path)
    assert (built.computed, built.reused) == (6, 13 * 6)


def test_an_interrupted_build_goes_on(tmp_path: Path, corpus: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = build(tmp_path, work="whole")
    run = TaskRunner.run

    def two_shards(self: TaskRunner, function: Any, tasks: Any, count: int, **options: Any) -> Any:
        for number, result in enumerate(run(self, function, tasks, count, **options)):
            if function is build_shard and number == 2:
                raise KeyboardInterrupt
            yield result

    monkeypatch.setattr(TaskRunner, "run", two_shards)
    with pytest.raises(KeyboardInterrupt):
        build(tmp_path)
    monkeypatch.undo()
    built = build(tmp_path)
    assert 0 < built.computed < 15 * 6
    assert tree(built.path) == tree(whole.path)


def test_variants_stand_in_the_order_of_the_recipe(tmp_path: Path, corpus: Path) -> None:
    assert open_store(build(tmp_path).path).variants == RECIPE.variant_names


@pytest.mark.parametrize("compression", [None, "zstd"])
def test_a_store_says_all_that_it_is(tmp_path: Path, corpus: Path, compression: Compression | None) -> None:
    """Other software reads the attributes of its arrays, and readers its manifest."""
    recipe = Recipe(frames=24, n_mels=32, variants={**dict.fromkeys(["shift", "stretch", "pitch", "rolloff"])})
    path = build(tmp_path, recipe, compression=compression).path
    assert read_checked(path.parent / "current.json") == {"store": path.name}
    described = json.loads(json.dumps(asdict(recipe)))
    channels, statistics = ["log_mel", "mfcc", "delta", "delta_delta"], list(recipe.statistics)
    manifest = read_checked(path / "manifest.json")
    assert sorted(manifest.pop("files")) == sorted(
        ["rows.parquet", *(str(file.relative_to(path)) for file in path.glob("tensors.zarr/**/zarr.json"))]
    )
    packing = {"clips_per_shard": 4, "compression": compression}
    assert manifest == packing | {
        "format": 1,
        "identity": path.name,
        "corpus": "tones",
        "recipe": described,
        "variants": ["original", "noise"],
        "identities": {variant: recipe.identity(variant) for variant in ("original", "noise")},
        "clips": 15,
        "shape": [15, 32, 24, 4],
        "dimensions": ["clip", "row", "frame", "channel"],
        "channels": channels,
        "statistics": statistics,
        "dtype": "float16",
        "bytes": 15 * 2 * 32 * 24 * 4 * 2,
        "written_with": [environment()],
    }
    group = zarr.open_group(path / "tensors.zarr", mode="r")
    assert dict(group.attrs) == {"corpus": "tones", "recipe": described, "channels": channels}
    for variant in ("original", "noise"):
        assert dict(group[variant].attrs) == packing | {
            "identity": recipe.identity(variant),
            "recipe": json.loads(json.dumps(recipe.provenance(variant))),
            "channels": channels,
            "units": "1 (normalised per clip; see statistics)",
            "statistics": statistics,
            "frame_seconds": 512 / 22050,
        }


def test_a_recipe_may_have_one_variant(tmp_path: Path, corpus: Path) -> None:
    recipe = WaveformRecipe(samples=500, variants=dict.fromkeys(["noise", "shift", "stretch", "pitch", "rolloff"]))
    built = build(tmp_path, recipe)
    assert (built.computed, open_store(built.path).variants) == (15, ("original",))


def test_a_clip_of_other_bytes_than_were_promised_is_not_copied(tmp_path: Path, corpus: Path) -> None:
    """A shard is lost whose clips another store holds with bytes of its own."""
    path = build(tmp_path).path
    before = tree(path)
    other = Layout(shutil.copytree(path, path.with_name("0")))  # the first one that is looked into
    (noise,) = (spec for spec in array_specs(RECIPE, 4) if spec.variant == "noise")
    hashes = open_store(path).rows["content_hash"].to_pylist()[:4]
    with writing_shard(other, [noise], 0, hashes, accept_new_bytes=True) as shards:
        for _ in hashes:
            shards["noise"].append(np.ones(noise.clip_shape, noise.dtype), np.ones(noise.statistics_shape))
    Layout(path).shard(noise, 0).unlink()
    assert build(tmp_path).computed == 4
    assert tree(path) == before


def test_a_source_that_gives_too_few_recordings_is_an_error(tmp_path: Path, corpus: Path) -> None:
    clips = indexed(source(corpus), tmp_path / "work" / "index")
    recordings = source(corpus).recordings(tmp_path / "work" / "index", clips)
    family = tmp_path / "work" / "stores" / "tones"
    with pytest.raises(ValueError, match="argument 2 is longer"):
        build_store(
            family,
            clips,
            lambda rows: recordings(rows)[:-1],
            RECIPE,
            name="tones",
            clips_per_shard=4,
            engine=TaskRunner(),
        )
    assert not list(family.glob("*/markers/*/*.json"))


def test_the_row_table_says_what_was_drawn(tmp_path: Path, corpus: Path) -> None:
    store = open_store(build(tmp_path).path)
    rows = pq.read_table(store.path / "rows.parquet").to_pylist()
    row = rows[7]
    content = content_hash(*decode(corpus / row["id"]))
    assert row["content_hash"] == content.hex()
    assert row["label"] == row["id"].split("/")[0]
    for variant, parameters in draw_parameters(RECIPE, content).items():
        for name, value in parameters.items():
            assert row[f"{variant}_{name}"] == value
    assert 15 <= row["noise_snr_db"] <= 30


def test_one_file_alone_has_the_bytes_of_the_store(tmp_path: Path, corpus: Path) -> None:
    store = open_store(build(tmp_path, engine=TaskRunner("joblib", 2)).path)
    for row in (0, 9):
        for variant in store.variants:
            alone = extract(corpus / store.rows["id"][row].as_py(), RECIPE, variant)
            assert alone.tobytes() == store.clip(row, variant).tobytes()


def test_a_store_holds_no_time_host_process_or_path(tmp_path: Path, corpus: Path) -> None:
    import getpass
    import os
    import socket
    import time

    path = build(tmp_path).path
    secrets = [str(tmp_path), str(Path.cwd()), getpass.getuser() + "@", time.strftime("%Y-%m-%d"), f'"{os.getpid()}"']
    if len(socket.gethostname()) > 4:
        secrets.append(socket.gethostname())
    for name, data in tree(path).items():
        if name.endswith((".json", ".parquet")):
            for secret in secrets:
                assert secret.encode() not in data, (name, secret)


def test_a_file_that_changes_under_the_build_is_noticed(tmp_path: Path, corpus: Path) -> None:
    clips = indexed(source(corpus), tmp_path / "work" / "index")
    recordings = source(corpus).recordings(tmp_path / "work" / "index", clips)
    soundfile.write(corpus / "b" / "0.wav", tone(777, 0.6), RATE_HZ)
    family = tmp_path / "work" / "stores" / "tones"
    with pytest.raises(InputError, match=r"b/0\.wav: this file changed"):
        build_store(family, clips, recordings, RECIPE, name="tones", clips_per_shard=4, engine=TaskRunner())
    assert not (family / "current.json").exists()
    assert not list(tmp_path.rglob("*.partial"))


def test_memory_does_not_grow_with_the_corpus(tmp_path: Path) -> None:
    """Builds 146 MB of tensors, then reads all of them, with little more memory than the programs need."""
    write_corpus(tmp_path / "corpus", clips=12)
    script = Path(__file__).with_name("bounded.py")
    result = subprocess.run(
        [sys.executable, script, tmp_path], capture_output=True, text=True, check=False, timeout=120
    )
    assert result.returncode == 0, result.stderr
    assert result.stdout.strip() == "read 216 tensors"
