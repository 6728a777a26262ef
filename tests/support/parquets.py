"""Parquet files of sound, as the Hugging Face hub has them."""

import io
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import soundfile

AUDIO = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def in_memory(samples: np.ndarray, rate_hz: int, ending: str = "wav", subtype: str | None = None) -> bytes:
    """Return an audio file."""
    file = io.BytesIO()
    soundfile.write(file, samples, rate_hz, subtype=subtype, format="OGG" if ending == "ogg" else ending.upper())
    return file.getvalue()


def write_parquet(
    path: Path,
    sounds: Sequence[bytes | None],
    classes: Sequence[str] | None = None,
    paths: Sequence[str | None] | None = None,
    row_group_size: int = 4,
    **columns: Any,
) -> Path:
    """Write rows of sounds and other columns; with `classes`, `label` holds their numbers or lists of these."""
    paths = paths or [f"{number}.wav" for number in range(len(sounds))]
    audio = pa.array([{"bytes": sound, "path": name} for sound, name in zip(sounds, paths, strict=True)], AUDIO)
    table = pa.table({"audio": audio, **columns})
    if classes is not None:
        feature: dict[str, Any] = {"names": list(classes), "_type": "ClassLabel"}
        if pa.types.is_list(table["label"].type):
            feature = {"feature": feature, "_type": "List"}
        features = {"audio": {"_type": "Audio"}, "label": feature}
        table = table.replace_schema_metadata({"huggingface": json.dumps({"info": {"features": features}})})
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(table, path, row_group_size=row_group_size)
    return path
