"""Building a store: what no store holds yet is computed, shard by shard, in parallel."""

import platform
from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import soundfile
from threadpoolctl import threadpool_info

from features.audio import content_hash
from features.engine import Engine as Features
from features.engine import Ready, drawn, engine_of
from features.recipe import AnyRecipe
from pipeline.engines import Engine
from pipeline.errors import InputError
from pipeline.progress import Meter
from pipeline.recordings import Decoder, Recording
from pipeline.sources.base import Recordings
from stores.codec import Compression
from stores.errors import StoreError
from stores.files import remove_partials, write_checked
from stores.layout import POINTER, ArraySpec, Layout
from stores.reuse import HeldClip, Pool
from stores.writer import StoreWriter, VariantShard, writing_shard


class ChangedError(InputError):
    """A recording is not what was indexed, though its size and modification time may be."""


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
    recordings: Sequence[Recording]
    content_hashes: Sequence[str]
    held: dict[str, list[HeldClip | None]]  # by variant: tensors to copy in place of computing them
    features: Features | Ready


def build_store(
    family: Path,
    clips: pa.Table,
    recordings: Recordings,
    recipe: AnyRecipe,
    *,
    name: str,
    clips_per_shard: int,
    compression: Compression | None = None,
    engine: Engine,
    redo: Collection[tuple[str, int]] | None = None,
) -> Built:
    """Build, finish or mend the store of these clips in the folder `family`, and point `current.json` there.

    Tensors that any store beside it holds already are linked or copied. The caller holds the lock of the family.
    `redo` names shards, by variant and number, of a complete store that are damaged: what is whole in them is copied.
    Raises `ChangedError` when a recording is not what was indexed.
    """
    specs = array_specs(recipe, clips_per_shard, compression)
    identity = store_identity(clips, specs)
    writer = StoreWriter(family / identity, specs, clips["content_hash"].to_pylist())
    total = len(clips) * len(specs)
    computed = 0
    if redo is not None or not writer.complete:
        writer.prepare(
            row_table(clips, recipe), {"corpus": name, "recipe": asdict(recipe), "channels": list(recipe.channels)}
        )
        pools = {variant: Pool(family.parent, spec) for variant, spec in writer.specs.items()}
        for shard, variants in writer.missing().items():
            for variant in variants:
                pools[variant].link(writer.layout, shard, writer.shard_hashes(shard))
        missing = writer.missing(redo or ())
        pending = sum(len(writer.shards[shard]) * len(variants) for shard, variants in missing.items())
        tasks = _tasks(writer, missing, pools, recordings, recipe)
        with Meter(f"{name}: tensors", pending) as meter:
            for done, fresh in engine.run(build_shard, tasks, len(missing)):
                computed += fresh
                meter.advance(done)
        writer.finish(_manifest(identity, name, len(clips), recipe, specs))
    if redo is None or not (family / POINTER).is_file():  # a store that is mended need not be the current one
        remove_partials(family.glob(f"{POINTER}*"))
        write_checked(family / POINTER, {"store": identity})
    return Built(writer.layout.path, computed, total - computed)


def build_shard(task: ShardTask) -> tuple[int, int]:
    """Write the missing variants of one shard, clip by clip; returns the counts of all and of computed tensors."""
    computed = 0
    variants = [spec.variant for spec in task.specs]
    decoder = Decoder()
    with writing_shard(task.layout, task.specs, task.shard, task.content_hashes) as shards:
        for slot, (recording, expected) in enumerate(zip(task.recordings, task.content_hashes, strict=True)):
            wanted = [variant for variant in variants if not _copied(task.held[variant][slot], shards[variant])]
            if not wanted:
                continue
            changed = ChangedError(f"{recording}: this file changed since it was indexed; type the same command again")
            try:
                samples, rate_hz = decoder.decode(recording)
            except (OSError, ValueError, soundfile.SoundFileError):
                raise changed from None
            content = content_hash(samples, rate_hz)
            if content.hex() != expected:
                raise changed
            clip = task.features.clip(samples, rate_hz)
            for variant, tensor in task.features.compute(clip, content, wanted):  # type: ignore[arg-type]  # its own clip
                shards[variant].append(tensor.values, tensor.statistics)
                computed += 1
    return len(task.recordings) * len(variants), computed


def _copied(held: HeldClip | None, shard: VariantShard) -> bool:
    """Copy a tensor from another store, if one holds it undamaged; says whether."""
    if held is None:
        return False
    try:
        values, statistics = held.read()
    except (StoreError, OSError):  # that store may be damaged, or be removed just now
        return False
    shard.append(values, statistics)
    return True


def row_table(clips: pa.Table, recipe: AnyRecipe) -> pa.Table:
    """The store's row table: the clips, and what each augmentation draws for them as `<variant>_<parameter>`."""
    table = clips.select(["id", "label", "group", "fold", "content_hash"])
    columns: dict[str, np.ndarray] = {}
    for row, text in enumerate(table["content_hash"].to_pylist()):
        for variant, parameters in drawn(recipe, bytes.fromhex(text)).items():
            for parameter, value in parameters.items():
                columns.setdefault(f"{variant}_{parameter}", np.empty(len(table)))[row] = value
    for name, values in columns.items():
        table = table.append_column(name, pa.array(values))
    return table


def array_specs(recipe: AnyRecipe, clips_per_shard: int, compression: Compression | None = None) -> list[ArraySpec]:
    """One array per variant, with all that decides its bytes in its attributes."""
    return [
        ArraySpec(
            variant=variant,
            identity=recipe.identity(variant),
            clip_shape=recipe.shape,
            dimensions=recipe.dimensions,
            statistics_groups=len(recipe.statistics),
            dtype=recipe.dtype,
            clips_per_shard=clips_per_shard,
            attributes={
                "identity": recipe.identity(variant),
                "clips_per_shard": clips_per_shard,
                "compression": compression,
                "recipe": recipe.provenance(variant),
                "channels": list(recipe.channels),
                "units": recipe.units,
                "statistics": list(recipe.statistics),
                **recipe.spacing,
            },
            compression=compression,
        )
        for variant in recipe.variant_names
    ]


def store_identity(clips: pa.Table, specs: Sequence[ArraySpec]) -> str:
    """Hash of what the store holds: its arrays' identities, and its rows in their order."""
    whole = blake2b(digest_size=8)
    for spec in specs:
        whole.update(f"{spec.variant}\0{spec.identity}\0{spec.clips_per_shard}\0{spec.compression}\n".encode())
    rows = clips.select(["id", "label", "group", "fold", "content_hash"])
    rows = rows.set_column(1, "label", pc.fill_null(rows["label"], ""))  # which is no label
    for batch in rows.to_batches(max_chunksize=4096):
        for row in zip(*(column.to_pylist() for column in batch.columns), strict=True):
            whole.update(("\0".join(map(str, row)) + "\n").encode())
    return whole.hexdigest()


def _tasks(
    writer: StoreWriter,
    missing: dict[int, list[str]],
    pools: dict[str, Pool],
    recordings: Recordings,
    recipe: AnyRecipe,
) -> Iterator[ShardTask]:
    if not missing:
        return
    features = engine_of(recipe)
    for shard, variants in missing.items():
        rows = writer.shards[shard]
        hashes = writer.shard_hashes(shard)
        yield ShardTask(
            layout=writer.layout,
            specs=[writer.specs[variant] for variant in variants],
            shard=shard,
            recordings=recordings(rows),
            content_hashes=hashes,
            held={variant: pools[variant].find(hashes) for variant in variants},
            features=features,
        )


def _manifest(identity: str, name: str, clips: int, recipe: AnyRecipe, specs: Sequence[ArraySpec]) -> dict[str, Any]:
    return {
        "format": 1,
        "identity": identity,
        "corpus": name,
        "recipe": asdict(recipe),
        "variants": [spec.variant for spec in specs],
        "identities": {spec.variant: spec.identity for spec in specs},
        "clips": clips,
        "shape": [clips, *specs[0].clip_shape],
        "dimensions": ["clip", *specs[0].dimensions],
        "channels": list(recipe.channels),
        "statistics": list(recipe.statistics),
        "dtype": specs[0].dtype,
        "clips_per_shard": specs[0].clips_per_shard,
        "compression": specs[0].compression,
        "bytes": sum(spec.clip_bytes for spec in specs) * clips,
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
