"""Stages of the work on a corpus, each without sound: what is prepared before it, and the call that is timed."""

import io
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stdout
from pathlib import Path

import numpy as np
import pyarrow as pa

from benchmarks.scale.site import CONFIG, Site
from pipeline.build.store import build_store, row_table
from pipeline.commands.stores import stores
from pipeline.corpus.index import read_index
from pipeline.corpus.sides import by_side
from pipeline.corpus.split_file import recorded_sides, update_split
from pipeline.support.executors import TaskRunner
from stores import open_store
from stores.reuse import Pool, folder_donors
from training.stream import ClipStream

Action = Callable[[], object]
ROOT = Path(__file__).parents[2]
BATCH = 16
NEW_CLIPS = 100


def fingerprint(site: Site) -> Action:
    """Look every recording up on the disk, which each command does."""
    return site.source.fingerprint


def index(site: Site) -> Action:
    """Scan a corpus of which no file has changed, and write its index."""
    return site.index


def index_read(site: Site) -> Action:
    return lambda: read_index(site.index_folder)


def split(site: Site) -> Action:
    """Draw and record the sides."""
    clips, record, settings = site.clips, site.record, site.plan.experiments["genre"].split.split
    record.unlink(missing_ok=True)
    return lambda: update_split(record, clips, settings)


def split_again(site: Site) -> Action:
    """Bring recorded sides up to date, and read them as training does."""
    clips, record, settings = site.clips, site.record, site.plan.experiments["genre"].split.split

    def action() -> None:
        update_split(record, clips, settings)
        by_side(clips, recorded_sides(record, clips))

    return action


def rows(site: Site) -> Action:
    clips, recipe = site.clips, site.store.recipe
    return lambda: row_table(clips, recipe)


def plan(site: Site) -> Action:
    """Resolve the configuration, name the store, and list the shards that it lacks."""
    clips = site.clips
    return lambda: Site().writer(clips).missing()


def finish(site: Site) -> Action:
    """Write row table, metadata and manifest of a store all of whose shards are there."""
    clips = site.clips
    site.writer(clips).layout.manifest.unlink(missing_ok=True)
    return lambda: _build(site, clips)


def rerun(site: Site) -> Action:
    """Build a store that is complete."""
    clips = site.clips
    return lambda: _build(site, clips)


def command(site: Site) -> Action:
    """Type `snakemake features` where all is there."""
    snakemake = str(Path(sys.executable).with_name("snakemake"))
    words = [snakemake, "--snakefile", str(ROOT / "Snakefile"), "--cores", "2", "features", "--configfile", str(CONFIG)]

    def action() -> None:
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    action()  # the first time jobs are noted as done
    return action


def find(site: Site) -> Action:
    """Find every tensor of a store in one of another order, of which no shard can be linked."""
    clips = site.clips
    writer = site.writer(clips.take(np.arange(len(clips))[::-1]))

    def action() -> None:
        missing = writer.missing()
        copies = Pool(folder_donors(site.store.family.parent, site.specs)).find(writer, missing)
        assert None not in copies.of("original", len(writer.shards) - 1, 1)

    return action


def link(site: Site) -> Action:
    """Link the shards of a store into that of a corpus that has grown by some clips."""
    clips = site.clips
    new = clips.slice(0, NEW_CLIPS).set_column(
        clips.column_names.index("content_hash"), "content_hash", pa.array([f"{n:032}" for n in range(NEW_CLIPS)])
    )
    grown = pa.concat_tables([clips, new])
    writer = site.writer(grown)
    if writer.layout.path.is_dir():
        subprocess.run(["rm", "-r", str(writer.layout.path)], check=True)
    writer.prepare(row_table(grown, site.store.recipe), {})

    def action() -> None:
        Pool(folder_donors(site.store.family.parent, site.specs)).link(writer)
        assert len(writer.missing()) <= 1 + -(-NEW_CLIPS // site.store.clips_per_shard)

    return action


def opening(site: Site) -> Action:
    """Open a store, without a stream."""
    return lambda: open_store(site.store.family)


def stream(site: Site) -> Action:
    """Make a shuffled stream of all variants of all clips."""
    store = open_store(site.store.family)
    return lambda: _stream(store)


def first_batch(site: Site) -> Action:
    clips = _stream(open_store(site.store.family))
    return lambda: next(iter(clips))


def order(site: Site) -> Action:
    """Draw the order of an epoch, in batches of 1024."""
    clips = _stream(open_store(site.store.family), 1024)

    def action() -> None:
        for _ in clips.items():
            pass

    return action


def resume(site: Site) -> Action:
    """Go on in the middle of an epoch, and read a batch."""
    clips = _stream(open_store(site.store.family))

    def action() -> None:
        clips.load_state_dict({"epoch": 3, "seen": len(clips) // 2 * BATCH})
        next(iter(clips))

    return action


def listing(site: Site) -> Action:
    """Type `otogura stores`."""

    def action() -> None:
        with redirect_stdout(io.StringIO()):
            stores(configfile=[CONFIG])

    return action


STAGES: dict[str, Callable[[Site], Action]] = {
    "fingerprint of the files": fingerprint,
    "index, no file changed": index,
    "index read": index_read,
    "split drawn": split,
    "split again": split_again,
    "row table": rows,
    "plan": plan,
    "metadata and manifest": finish,
    "no-op build": rerun,
    "no-op command": command,
    "find all tensors elsewhere": find,
    "stores listed": listing,
    "store opened": opening,
    "stream made": stream,
    "first batch": first_batch,
    "order of an epoch": order,
    "resume in an epoch": resume,
    "link all shards": link,
}


def _build(site: Site, clips: pa.Table) -> None:
    target = site.store

    def recordings(rows: range) -> list[object]:
        raise AssertionError(f"expected a store with all tensors, but rows {rows} are computed")

    build_store(
        target.family,
        clips,
        recordings,  # type: ignore[arg-type]
        target.recipe,
        name=target.name,
        clips_per_shard=target.clips_per_shard,
        engine=TaskRunner(),
    )


def _stream(store: object, batch: int = BATCH) -> ClipStream:
    from stores.reader import Store

    assert isinstance(store, Store)
    labels = np.zeros(len(store), np.int64)
    rows = np.arange(len(store))
    return ClipStream(store, rows, labels, batch_size=batch, variants=store.variants, shuffle=True)
