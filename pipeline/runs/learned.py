"""Clips that a run's weights know, so that no run that starts from them is tested on one."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.corpus.sides import Sides
from pipeline.support.errors import InputError
from stores.files import replacing

LEARNED = "learned.parquet"


def write_learned(folder: Path, rows: pa.Table, sides: Sides, init_from: Path | None) -> None:
    """Record the content and side of the clips that trained a run or chose its weights, and of those before it."""
    known = [_known(init_from)] if init_from is not None else []
    for side in ("train", "validation"):
        content = rows["content_hash"].take(getattr(sides, side))
        known.append(pa.table({"content_hash": content, "side": pa.array([side] * len(content), pa.string())}))
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / LEARNED) as file:
        # Threads would leave the rows in another order each time.
        grouped = pa.concat_tables(known).group_by(["content_hash", "side"], use_threads=False)
        pq.write_table(grouped.aggregate([]), file)


def refuse_learned(rows: pa.Table, sides: Sides, init_from: Path, config_path: str) -> None:
    """Refuse weights that know clips which are to be kept from them.

    Raises `InputError` where a clip that would test has trained them or chosen among them (their epoch, the learning
    rate of later ones, a threshold), or where one that would validate has trained them.
    """
    if not (init_from / LEARNED).is_file() or "side" not in pq.read_schema(init_from / LEARNED).names:
        raise InputError(f"{config_path}.init_from: {init_from} does not say what it has learned from; train it again")
    known = _known(init_from)
    trained = known.filter(pc.equal(known["side"], "train"))["content_hash"].combine_chunks()
    chosen = known["content_hash"].combine_chunks()
    for side, forbidden, deed in (("validation", trained, "trained by"), ("test", chosen, "trained or chosen by")):
        clips = rows.take(getattr(sides, side))
        torn = clips.filter(pc.is_in(clips["content_hash"], forbidden))
        if len(torn):
            raise InputError(
                f"{config_path}.init_from: expected weights that know no clip of {side}, but those of {init_from} "
                f"were {deed} {len(torn)} of {len(clips)}, such as {torn['id'][0]}; give both one split"
            )


def _known(folder: Path) -> pa.Table:
    return pq.read_table(folder / LEARNED)
