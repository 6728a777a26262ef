"""Row tables and names of stores, which are worked out in pieces of many rows, do not depend on the pieces."""

from hashlib import blake2b

import numpy as np
import pyarrow as pa
import pytest

from features.extractor import draw_parameters
from features.tensors.four_channel import Recipe
from pipeline.build import store
from pipeline.build.store import row_table, store_identity
from stores.layout import ArraySpec

COLUMNS = ("id", "label", "group", "fold", "content_hash")
SPEC = ArraySpec("v", "i", (1,), ("sample",), 1, "float32", 4, {})


def clips(count: int) -> pa.Table:
    rng = np.random.default_rng(0)
    folds = pa.array([None if number % 3 else number - 40 for number in range(count)], pa.int64())
    return pa.table(
        {
            "id": [f"été/音 {number}.wav" for number in range(count)],
            "label": [None if number % 5 == 0 else f"{number % 4}" for number in range(count)],
            "group": [None if number % 7 == 0 else "g" * (number % 3) for number in range(count)],
            "fold": folds,
            "content_hash": [rng.bytes(16).hex() for _ in range(count)],
        }
    )


@pytest.mark.parametrize("rows_at_once", [7, 100, 1 << 16])
def test_the_name_of_a_store_is_the_hash_of_its_rows_as_text(
    monkeypatch: pytest.MonkeyPatch, rows_at_once: int
) -> None:
    monkeypatch.setattr(store, "ROWS_AT_ONCE", rows_at_once)
    table = clips(100)
    told = ["v\0i\x004\0None\n"]
    for row in table.to_pylist():
        values = row | {"label": row["label"] or ""}
        told.append("\0".join(str(values[name]) for name in COLUMNS) + "\n")
    expected = blake2b("".join(told).encode(), digest_size=8).hexdigest()
    assert expected == "50d15833e999ec41"
    parts = pa.concat_tables([table.slice(0, 33), table.slice(33)])
    assert store_identity(table, [SPEC]) == store_identity(parts, [SPEC]) == expected
    assert store_identity(table.slice(0, 0), [SPEC]) == blake2b(told[0].encode(), digest_size=8).hexdigest()


@pytest.mark.parametrize("rows_at_once", [7, 1 << 16])
def test_a_row_table_has_what_each_recording_draws(monkeypatch: pytest.MonkeyPatch, rows_at_once: int) -> None:
    monkeypatch.setattr(store, "ROWS_AT_ONCE", rows_at_once)
    table, recipe = clips(20), Recipe(seed=3)
    rows = row_table(table, recipe)
    assert rows.column_names == [
        *COLUMNS,
        "noise_snr_db",
        "shift_fraction",
        "stretch_rate",
        "pitch_semitones",
        "rolloff_cutoff_hz",
        "rolloff_gain",
    ]
    assert rows.select(list(COLUMNS)).equals(table)
    for row in rows.to_pylist():
        for variant, parameters in draw_parameters(recipe, bytes.fromhex(row["content_hash"])).items():
            assert {name: row[f"{variant}_{name}"] for name in parameters} == parameters
