"""What a run's weights have learned from, so that no run that starts from them is tested on it."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from pipeline.errors import InputError
from pipeline.split import Sides
from stores.files import replacing

LEARNED = "learned.parquet"


def write_learned(folder: Path, rows: pa.Table, sides: Sides, init_from: Path | None) -> None:
    """Note the content of a run's training clips, and of those that its first weights had learned from."""
    content = rows["content_hash"].take(sides.train).combine_chunks()
    if init_from is not None:
        content = pa.concat_arrays([content, _learned(init_from)])
    folder.mkdir(parents=True, exist_ok=True)
    with replacing(folder / LEARNED) as file:
        pq.write_table(pa.table({"content_hash": content.unique()}), file)


def refuse_learned(rows: pa.Table, sides: Sides, init_from: Path, where: str) -> None:
    """Raises `InputError` where a clip that would validate or test is known to the weights."""
    if not (init_from / LEARNED).is_file():
        raise InputError(f"{where}.init_from: {init_from} does not say what it has learned from; train it again")
    learned = _learned(init_from)
    for side in ("validation", "test"):
        clips = rows.take(getattr(sides, side))
        known = clips.filter(pc.is_in(clips["content_hash"], learned))
        if len(known):
            raise InputError(
                f"{where}.init_from: expected weights that know no clip of {side}, but {init_from} has learned from "
                f"{len(known)} of {len(clips)}, such as {known['id'][0]}; give both the same groups and folds"
            )


def _learned(folder: Path) -> pa.Array:
    return pq.read_table(folder / LEARNED)["content_hash"].combine_chunks()
