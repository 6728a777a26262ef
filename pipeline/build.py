"""Building a store: what no store holds yet is computed, shard by shard, in parallel."""

import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pyarrow as pa
import soundfile
from threadpoolctl import threadpool_info

from features.audio import content_hash, decode
from features.engine import Engine as Features
from features.engine import drawn
from features.recipe import Recipe
from features.tensor import CHANNELS, PAIRS
from pipeline.engines import Engine
from pipeline.errors import InputError
from pipeline.progress import Meter
from stores.files import write_json
from stores.layout import ArraySpec, Layout
from stores.reader import POINTER
from stores.reuse import HeldClip, Pool
from stores.writer import StoreWriter, writing_shard


@dataclass(frozen=True)
class Built:
    """What a build did. `computed` and `reused` count tensors: clips times variants."""

    path: Path
    computed: int
    reused: int


@dataclass(frozen=True)
class ShardTask:
    """One range of clips and all variants that it lacks."""

    layout: Layout
    specs: Sequence[ArraySpec]
    shard: int
    paths: Sequence[Path]
    content_hashes: Sequence[str]
    held: dict[str, list[HeldClip | None]]  # by variant: tensors to copy in place of computing them
    features: Features


def build_store(
    family: Path, clips: pa.Table, root: Path, recipe: Recipe, *, name: str, clips_per_shard: int, engine: Engine
) -> Built:
    """Build or finish the store of these clips in the folder `family`, and point `current.json` there.

    Tensors that any store beside it holds already are linked or copied. The caller holds the lock of the family.
    """
    rows = row_table(clips, recipe)
    specs = array_specs(recipe, clips_per_shard)
    identity = store_identity(rows, specs)
    writer = StoreWriter(family / identity, specs, rows)
    total = len(rows) * len(specs)
    computed = 0
    if not writer.complete:
        writer.prepare({"corpus": name, "recipe": asdict(recipe), "channels": list(CHANNELS)})
        _link_whole_shards(writer, family.parent)
        tasks = _tasks(writer, family.parent, root, recipe)
        with Meter(f"{name}: tensors", sum(len(task.paths) * len(task.specs) for task in tasks)) as meter:
            for done, fresh in engine.run(build_shard, tasks):
                computed += fresh
                meter.advance(done)
        writer.finish(_manifest(identity, name, rows, recipe, specs))
    write_json(family / POINTER, {"store": identity})
    return Built(writer.layout.path, computed, total - computed)


def build_shard(task: ShardTask) -> tuple[int, int]:
    """Write the missing variants of one shard, clip by clip; returns the counts of all and of computed tensors."""
    computed = 0
    specs = {spec.variant: spec for spec in task.specs}
    with writing_shard(task.layout, task.specs, task.shard, task.content_hashes) as shards:
        for slot, (path, expected) in enumerate(zip(task.paths, task.content_hashes, strict=True)):
            held = {variant: found[slot] for variant, found in task.held.items()}
            for variant, source in held.items():
                if source is not None:
                    shards[variant].append(*source.read(specs[variant]))
            wanted = [variant for variant in specs if held.get(variant) is None]
            if not wanted:
                continue
            samples, rate_hz = decode(path)
            content = content_hash(samples, rate_hz)
            if content.hex() != expected:
                raise InputError(f"{path}: this file changed since it was indexed; run the same command again")
            clip = task.features.clip(samples, rate_hz)
            for variant, tensor in task.features.compute(clip, content, wanted):
                shards[variant].append(tensor.values, tensor.statistics)
                computed += 1
    return len(task.paths) * len(specs), computed


def row_table(clips: pa.Table, recipe: Recipe) -> pa.Table:
    """The store's row table: the clips, and what each augmentation draws for them as `<variant>_<parameter>`."""
    table = clips.select(["id", "label", "group", "fold", "content_hash"])
    draws = [drawn(recipe, bytes.fromhex(text)) for text in table["content_hash"].to_pylist()]
    for variant, parameters in draws[0].items():
        for parameter in parameters:
            values = pa.array([draw[variant][parameter] for draw in draws], pa.float64())
            table = table.append_column(f"{variant}_{parameter}", values)
    return table


def array_specs(recipe: Recipe, clips_per_shard: int) -> list[ArraySpec]:
    """One array per variant, with all that decides its bytes in its attributes."""
    return [
        ArraySpec(
            variant=variant,
            identity=recipe.identity(variant),
            clip_shape=recipe.shape,
            dtype=recipe.dtype,
            clips_per_shard=clips_per_shard,
            attributes={
                "identity": recipe.identity(variant),
                "clips_per_shard": clips_per_shard,
                "recipe": recipe.provenance(variant),
                "channels": list(CHANNELS),
                "units": "1 (normalised per clip; see statistics)",
                "statistics": list(PAIRS),
                "frame_seconds": recipe.hop_length / recipe.sample_rate_hz,
            },
        )
        for variant in recipe.variant_names
    ]


def store_identity(rows: pa.Table, specs: Sequence[ArraySpec]) -> str:
    """Hash of what the store holds: its arrays' identities, and its rows in their order."""
    whole = blake2b(digest_size=8)
    for spec in specs:
        whole.update(f"{spec.variant}\0{spec.identity}\0{spec.clips_per_shard}\n".encode())
    for row in rows.select(["id", "label", "group", "fold", "content_hash"]).to_pylist():
        whole.update(("\0".join(map(str, row.values())) + "\n").encode())
    return whole.hexdigest()


def _link_whole_shards(writer: StoreWriter, stores: Path) -> None:
    missing = writer.missing()
    for variant, spec in writer.specs.items():
        pool = Pool(stores, spec)
        for shard, lacking in missing.items():
            if variant in lacking:
                pool.link(writer.layout, shard, writer.shard_hashes(shard))


def _tasks(writer: StoreWriter, stores: Path, root: Path, recipe: Recipe) -> list[ShardTask]:
    missing = writer.missing()
    if not missing:
        return []
    ids = writer.rows["id"].to_pylist()
    features = Features(recipe)
    pools = {variant: Pool(stores, spec) for variant, spec in writer.specs.items()}
    tasks = []
    for shard, variants in missing.items():
        rows = writer.shards[shard]
        hashes = writer.shard_hashes(shard)
        tasks.append(
            ShardTask(
                layout=writer.layout,
                specs=[writer.specs[variant] for variant in variants],
                shard=shard,
                paths=[root / name for name in ids[rows.start : rows.stop]],
                content_hashes=hashes,
                held={variant: pools[variant].find(hashes) for variant in variants},
                features=features,
            )
        )
    return tasks


def _manifest(identity: str, name: str, rows: pa.Table, recipe: Recipe, specs: Sequence[ArraySpec]) -> dict[str, Any]:
    return {
        "format": 1,
        "identity": identity,
        "corpus": name,
        "recipe": asdict(recipe),
        "variants": [spec.variant for spec in specs],
        "identities": {spec.variant: spec.identity for spec in specs},
        "clips": len(rows),
        "shape": [len(rows), *recipe.shape],
        "dtype": recipe.dtype,
        "clips_per_shard": specs[0].clips_per_shard,
        "bytes": sum(spec.clip_bytes for spec in specs) * len(rows),
        "written_with": _environment(),
    }


def _environment() -> dict[str, Any]:
    """What the bytes depend on besides the recipe."""
    packages = {name: version(name) for name in ("librosa", "numpy", "scipy", "soundfile", "soxr")}
    blas = sorted(
        f"{library['internal_api']} {library['version']} {library.get('architecture', '')}".strip()
        for library in threadpool_info()
        if library["user_api"] == "blas"
    )
    return {"packages": packages, "libsndfile": soundfile.__libsndfile_version__, "cpu": _cpu(), "blas": blas}


def _cpu() -> str:
    """The processor's model, or its architecture where the system does not tell."""
    try:
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith("model name"):
                return line.split(":", 1)[1].strip()
    except OSError:
        pass
    return platform.machine()
