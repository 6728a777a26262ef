"""Mending a store: what is damaged, and nothing else, is written again from the recordings."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.build.store import array_specs, build_store, store_identity
from pipeline.corpus.index import read_index
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from pipeline.support.lock import exclusive
from pipeline.workflow.jobs import BuildJob
from pipeline.workflow.plan import Plan
from pipeline.workflow.targets import StoreTarget
from stores.files import read_checked
from stores.layout import POINTER, Layout
from stores.verify import Damage


@dataclass(frozen=True)
class Repaired:
    """Numbers of tensors, clips times variants, that a repair wrote."""

    computed: int
    copied: int


def repair(path: Path, damages: Sequence[Damage], plan: Plan, workers: int, accept_new_bytes: bool = False) -> Repaired:
    """Write again what is damaged in the store at `path`, or in the current one of that folder.

    The configuration says where the recordings are. Raises `InputError` if none of its experiments builds the store,
    or if its recipe or the recordings are no longer those of the store; and `StoreError` if a tensor comes out with
    other bytes than were written first, unless `accept_new_bytes` gives the store another identity.
    """
    family = path.parent if Layout(path).group.is_dir() else path
    target = _target(family, plan)
    job = BuildJob.model_validate_json(target.job)
    redo = {(damage.variant, damage.shard) for damage in damages if damage.variant and damage.shard is not None}
    damaged = {damage.path for damage in damages}
    with exclusive(target.lock):
        known = _known(path, family, damaged)
        if known is None or known.rows in damaged or not known.rows.is_file():
            clips = read_index(job.index)
        else:
            clips = _with_lengths(pq.read_table(known.rows), job.index)
        identity = store_identity(clips, array_specs(job.recipe, job.clips_per_shard, job.compression))
        if known is not None and identity != known.path.name:
            raise InputError(
                f"{known.path}: made from other recordings, or by another recipe or version, than {plan.origin} names "
                "now; build anew with `snakemake features`"
            )
        layout = Layout(family / identity)
        for file in damaged & {family / POINTER, layout.manifest, *layout.metadata()}:
            file.unlink(missing_ok=True)
        built = build_store(
            family.resolve(),
            clips,
            job.recordings(clips),
            job.recipe,
            name=job.name,
            clips_per_shard=job.clips_per_shard,
            compression=job.compression,
            engine=TaskRunner.named(plan.engine, workers),
            redo=redo,
            accept_new_bytes=accept_new_bytes,
        )
    return Repaired(built.computed, built.copied)


def _with_lengths(rows: pa.Table, index: Path) -> pa.Table:
    """Return the rows of a store with the length of each recording in samples, 0 where the index has none now."""
    try:
        indexed = read_index(index).select(["id", "samples"])
    except FileNotFoundError:
        return rows.append_column("samples", pa.array(np.zeros(len(rows), np.int64)))
    places = pc.index_in(rows["id"], value_set=indexed["id"].combine_chunks())
    return rows.append_column("samples", pc.fill_null(indexed["samples"].take(places), 0))


def _target(family: Path, plan: Plan) -> StoreTarget:
    """Return the target of a configuration that builds a folder of stores."""
    for target in plan.stores.values():
        if target.family.resolve() == family.resolve():
            return target
    raise InputError(
        f"{family}: no experiment of {plan.origin} builds it; name the file of the one that does with --configfile"
    )


def _known(path: Path, family: Path, damaged: Collection[Path]) -> Layout | None:
    """The store that is meant, unless what leads to it is damaged."""
    if path != family:
        return Layout(path)
    pointer = family / POINTER
    return None if pointer in damaged or not pointer.is_file() else Layout(family / read_checked(pointer)["store"])
