"""Building a store: what no store holds yet is computed, shard by shard, in parallel."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import soundfile

from features.decoding import MissingDecoderError
from features.extractor import FeatureExtractor, PassThroughExtractor, draw_many, extractor_of
from features.tensors import AnyRecipe
from pipeline.build.decoder import worker_decoder
from pipeline.build.environment import environment
from pipeline.corpus.recordings import Recording, decoded_by_codecs
from pipeline.corpus.sources.base import Recordings
from pipeline.support.errors import InputError
from pipeline.support.executors import Needs, TaskRunner
from pipeline.support.progress import Meter
from stores.codec import Compression
from stores.errors import StoreError
from stores.files import read_checked, remove_partials, write_checked
from stores.held import HeldClip
from stores.layout import POINTER, ArraySpec, Layout
from stores.reuse import Copies, Pool
from stores.writer import StoreWriter, VariantShard, writing_shard

ROWS_AT_ONCE = 1 << 16  # of tables that are worked through in pieces


class ChangedError(InputError):
    """A recording is not what was indexed, though its size and modification time may be."""


@dataclass(frozen=True)
class Built:
    """Result of a build: its store, and counts of tensors, that is of clips times variants.

    Of those that were not computed, `copied` stand in shards that were written, beside computed ones or alone.
    """

    path: Path
    computed: int
    reused: int
    copied: int


@dataclass(frozen=True)
class ShardTask:
    """One range of clips and all variants that it lacks."""

    layout: Layout
    specs: Sequence[ArraySpec]
    shard: int
    recordings: Sequence[Recording]
    content_hashes: Sequence[str]
    lengths: Sequence[int]  # in samples at the recordings' own rates
    held: dict[str, list[HeldClip | None]]  # by variant: tensors to copy in place of computing them
    features: FeatureExtractor | PassThroughExtractor
    accept_new_bytes: bool = False


def build_store(
    family: Path,
    clips: pa.Table,
    recordings: Recordings,
    recipe: AnyRecipe,
    *,
    name: str,
    clips_per_shard: int,
    compression: Compression | None = None,
    engine: TaskRunner,
    redo: Collection[tuple[str, int]] | None = None,
    accept_new_bytes: bool = False,
) -> Built:
    """Build, finish or mend the store of these clips in the folder `family`, and point `current.json` there.

    Tensors that any store beside it holds already are linked or copied. The caller holds the lock of the family.
    `redo` names shards, by variant and number, of a complete store that are damaged: what is whole in them is copied.
    Raises `ChangedError` when a recording is not what was indexed, and `StoreError` when a shard that was finished once
    comes out with other bytes, unless `accept_new_bytes` says that the store takes them, under another identity.
    """
    specs = array_specs(recipe, clips_per_shard, compression)
    identity = store_identity(clips, specs)
    writer = StoreWriter(family / identity, specs, clips["content_hash"])
    total = len(clips) * len(specs)
    computed = copied = 0
    if redo is not None or not writer.complete:
        writer.prepare(
            row_table(clips, recipe), {"corpus": name, "recipe": asdict(recipe), "channels": list(recipe.channels)}
        )
        pool = Pool(family.parent, specs)
        pool.link(writer)
        missing = writer.missing(redo or ())
        pending = sum(len(writer.shards[shard]) * len(variants) for shard, variants in missing.items())
        held = pool.find(writer, missing)
        tasks = _tasks(writer, missing, held, recordings, clips["samples"], recipe, accept_new_bytes)
        with Meter(f"{name}: tensors", pending) as meter:
            shards = engine.run(build_shard, tasks, len(missing), needs=_needs, count_workers=meter.show_workers)
            for done, fresh in shards:
                computed += fresh
                copied += done - fresh
                meter.advance(done)
        writer.sweep()  # after workers that were killed, whose shards others have written
        writer.finish(_manifest(identity, name, len(clips), recipe, specs))
    pointer = family / POINTER
    if redo is None or not pointer.is_file() or read_checked(pointer)["store"] == identity:  # else an old one is mended
        told = read_checked(writer.layout.manifest)["identity"]
        remove_partials(family.glob(f"{POINTER}*"))
        write_checked(pointer, {"store": identity} | ({} if told == identity else {"identity": told}))
    return Built(writer.layout.path, computed, total - computed, copied)


def build_shard(task: ShardTask) -> tuple[int, int]:
    """Write the missing variants of one shard, clip by clip; returns the counts of all and of computed tensors."""
    computed = 0
    variants = [spec.variant for spec in task.specs]
    decoder = worker_decoder()
    accept = task.accept_new_bytes
    with writing_shard(task.layout, task.specs, task.shard, task.content_hashes, accept_new_bytes=accept) as shards:
        clips = zip(task.recordings, task.content_hashes, task.lengths, strict=True)
        for slot, (recording, expected, length) in enumerate(clips):
            wanted = [variant for variant in variants if not _copied(task.held[variant][slot], shards[variant])]
            if not wanted:
                continue
            changed = ChangedError(f"{recording}: this file changed since it was indexed; type the same command again")
            try:
                content, clip = decoder.clip(recording, length, task.features)
            except MissingDecoderError as error:  # of a worker elsewhere
                raise InputError(f"{recording}: {error}") from None
            except (OSError, ValueError, soundfile.SoundFileError):
                raise changed from None
            if content.hex() != expected:
                raise changed
            made_by = environment(decoded_by_codecs(recording))
            for variant, tensor in task.features.compute(clip, content, wanted):  # type: ignore[arg-type]  # its own clip
                shards[variant].append(tensor.values, tensor.statistics, [made_by])
                computed += 1
    return len(task.recordings) * len(variants), computed


def _needs(task: ShardTask) -> Needs:
    """Return paths that tell a worker with the same storage: the row table was written just now."""
    return Needs(read=(task.layout.rows, task.recordings[0].path), written=(task.layout.path,))


def _copied(held: HeldClip | None, shard: VariantShard) -> bool:
    """Copy a tensor from another store, if one holds it undamaged and as was promised here; says whether."""
    if held is None:
        return False
    try:
        values, statistics, written_with = held.read()
    except (StoreError, OSError):  # that store may be damaged, or be removed just now
        return False
    if not shard.as_promised(values):
        return False
    shard.append(values, statistics, written_with)
    return True


def row_table(clips: pa.Table, recipe: AnyRecipe) -> pa.Table:
    """The store's row table: the clips, and what each augmentation draws for them as `<variant>_<parameter>`."""
    table = clips.select(["id", "label", "group", "fold", "content_hash"])
    columns: dict[str, np.ndarray] = {}
    for start in range(0, len(table), ROWS_AT_ONCE):
        contents = [bytes.fromhex(text) for text in table["content_hash"].slice(start, ROWS_AT_ONCE).to_pylist()]
        for variant, parameters in draw_many(recipe, contents).items():
            for parameter, values in parameters.items():
                column = columns.setdefault(f"{variant}_{parameter}", np.full(len(table), np.nan))
                column[start : start + len(contents)] = values
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
    for batch in clips.select(["id", "label", "group", "fold", "content_hash"]).to_batches(ROWS_AT_ONCE):
        columns = [
            pc.fill_null(batch[name].cast(pa.string()), "" if name == "label" else "None")  # a null label is none
            for name in batch.schema.names
        ]
        lines = pc.binary_join_element_wise(pc.binary_join_element_wise(*columns, "\0"), "", "\n")
        _, offsets, texts = lines.buffers()  # of an array that was just made: its texts lie one after the other
        whole.update(memoryview(texts)[: np.frombuffer(offsets, np.int32)[len(lines)]])
    return whole.hexdigest()


def _tasks(
    writer: StoreWriter,
    missing: dict[int, list[str]],
    copies: Copies,
    recordings: Recordings,
    lengths: pa.ChunkedArray,
    recipe: AnyRecipe,
    accept_new_bytes: bool,
) -> Iterator[ShardTask]:
    if not missing:
        return
    features = extractor_of(recipe)
    for shard, variants in missing.items():
        rows = writer.shards[shard]
        hashes = writer.shard_hashes(shard)
        yield ShardTask(
            layout=writer.layout,
            specs=[writer.specs[variant] for variant in variants],
            shard=shard,
            recordings=recordings(rows),
            content_hashes=hashes,
            lengths=lengths.slice(rows.start, len(rows)).to_pylist(),
            held={variant: copies.of(variant, shard, len(hashes)) for variant in variants},
            features=features,
            accept_new_bytes=accept_new_bytes,
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
    }
