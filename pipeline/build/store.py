"""Building a store: what no store holds yet is computed, shard by shard, in parallel."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import asdict, dataclass
from hashlib import blake2b
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from features.extractor import draw_many, extractor_of
from features.tensors import AnyRecipe
from pipeline.build.shards import ShardTask, build_shard, needs_of
from pipeline.corpus.sources.base import Recordings
from pipeline.support.executors import TaskRunner
from pipeline.support.progress import Meter
from stores.codec import Compression
from stores.files import checked_json, read_checked, remove_partials, write_checked
from stores.layout import ADDRESS, POINTER, ArraySpec
from stores.remote.donors import remote_donors
from stores.remote.objects import Objects
from stores.remote.writer import RemoteWriter
from stores.reuse import Copies, Donor, Pool, folder_donors
from stores.writer import StoreWriter, Writer

SCRATCH = "uploading"  # beside current.json: shards on their way to object storage
ROWS_AT_ONCE = 1 << 16  # of tables that are worked through in pieces


@dataclass(frozen=True)
class Built:
    """Result of a build: folder or address of its store, and counts of tensors, that is of clips times variants.

    Of those that were not computed, `copied` stand in shards that were written, beside computed ones or alone.
    """

    path: Path | str
    computed: int
    reused: int
    copied: int


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
    address: str | None = None,
    redo: Collection[tuple[str, int]] | None = None,
    accept_new_bytes: bool = False,
) -> Built:
    """Build, finish or mend the store of these clips in the folder `family`, and point `current.json` there.

    With the address of a folder in object storage, the store is built below that, and the pointer says so. Tensors that
    any store beside it, or in a folder beside `family`, holds already are linked or copied. The caller holds the lock
    of the family. `redo` names shards, by variant and number, of a complete store in a folder that are damaged: what is
    whole in them is copied. Raises `ChangedError` when a recording is not what was indexed, and `StoreError` when a
    shard that was finished once comes out with other bytes, unless `accept_new_bytes` says that the store takes them,
    under another identity.
    """
    specs = array_specs(recipe, clips_per_shard, compression)
    name_of_store = store_identity(clips, specs)
    writer: Writer
    if address is None:
        hashes = clips["content_hash"]
        writer = StoreWriter(family / name_of_store, specs, hashes, accept_new_bytes=accept_new_bytes)
    else:
        objects = Objects(address).below(name_of_store)
        writer = RemoteWriter(objects, family / SCRATCH, specs, clips["content_hash"])
    total = len(clips) * len(specs)
    computed = copied = 0
    if redo is not None or not writer.complete:
        writer.prepare(
            row_table(clips, recipe), {"corpus": name, "recipe": asdict(recipe), "channels": list(recipe.channels)}
        )
        pool = Pool(_donors(family.parent, address, specs))
        pool.link(writer)
        missing = writer.missing(redo or ())
        pending = sum(len(writer.shards[shard]) * len(variants) for shard, variants in missing.items())
        held = pool.find(writer, missing)
        tasks = _tasks(writer, missing, held, recordings, clips["samples"], recipe)
        with Meter(f"{name}: tensors", pending) as meter:
            shards = engine.run(build_shard, tasks, len(missing), needs=needs_of, count_workers=meter.show_workers)
            for done, fresh in shards:
                computed += fresh
                copied += done - fresh
                meter.advance(done)
        writer.sweep()  # after workers that were killed, whose shards others have written
        writer.finish(_manifest(name_of_store, name, len(clips), recipe, specs))
    _point(family, address, name_of_store, writer.identity, keep_other=redo is not None)
    return Built(writer.path, computed, total - computed, copied)


def _donors(stores: Path, address: str | None, specs: Sequence[ArraySpec]) -> list[Donor]:
    """Return the stores that may hold some of the tensors, those in the same storage first."""
    remote = [] if address is None else remote_donors(Objects(address.rsplit("/", 1)[0]), specs)
    return [*remote, *folder_donors(stores, specs)]


def _point(family: Path, address: str | None, store: str, identity: str, keep_other: bool) -> None:
    """Point `current.json` to a store, unless it points to another one that is to be kept."""
    pointer = family / POINTER
    if keep_other and pointer.is_file() and read_checked(pointer)["store"] != store:  # an old one is mended
        return
    current = {"store": store} | ({} if identity == store else {"identity": identity})
    remove_partials(family.glob(f"{POINTER}*"))
    write_checked(pointer, current | ({} if address is None else {ADDRESS: address}))
    if address is not None:
        Objects(address).put(POINTER, checked_json(current))


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
    writer: Writer,
    missing: dict[int, list[str]],
    copies: Copies,
    recordings: Recordings,
    lengths: pa.ChunkedArray,
    recipe: AnyRecipe,
) -> Iterator[ShardTask]:
    if not missing:
        return
    features = extractor_of(recipe)
    for shard, variants in missing.items():
        rows = writer.shards[shard]
        hashes = writer.shard_hashes(shard)
        yield ShardTask(
            destination=writer.destination,
            specs=[writer.specs[variant] for variant in variants],
            shard=shard,
            recordings=recordings(rows),
            content_hashes=hashes,
            lengths=lengths.slice(rows.start, len(rows)).to_pylist(),
            held={variant: copies.of(variant, shard, len(hashes)) for variant in variants},
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
    }
