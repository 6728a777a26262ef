"""Groups that share samples become one, whichever clips an index looks at to find them."""

import numpy as np
import pyarrow as pa
import pytest

from pipeline.corpus.index import _merged, _merged_groups


def table(ids: list[str], groups: list[str | None], content: list[str]) -> pa.Table:
    columns = [pa.array(values, pa.string()) for values in (ids, groups, content)]
    return pa.table(columns, names=["id", "group", "content_hash"])


def merged(clips: pa.Table, before: dict[str, str]) -> list[str]:
    named = pa.array([before.get(name) for name in clips["id"].to_pylist()], pa.string())
    groups: list[str] = _merged_groups(clips, named).to_pylist()
    return groups


def test_a_group_is_renamed_with_those_that_it_shares_samples_with_and_no_other() -> None:
    clips = table(["a", "b", "c", "d", "e"], ["z", "y", "y", "x", None], ["1", "1", "2", "3", "4"])
    assert merged(clips, {}) == ["y", "y", "y", "x", "4"]
    assert merged(clips, {"c": "old", "d": "x"}) == ["old", "old", "old", "x", "4"]
    assert merged(clips, {"e": "0"}) == ["y", "y", "y", "x", "0"]


def test_recordings_without_groups_are_grouped_by_their_samples() -> None:
    clips = table(["a", "b", "c"], [None] * 3, ["2", "1", "2"])
    assert merged(clips, {}) == ["2", "1", "2"]
    assert merged(clips, {"a": "2", "b": "1"}) == ["2", "1", "2"]
    assert merged(clips, {"c": "old", "b": "1"}) == ["old", "1", "old"]


@pytest.mark.parametrize("seed", range(40))
def test_looking_at_some_clips_finds_what_looking_at_all_finds(seed: int) -> None:
    rng = np.random.default_rng(seed)
    count = int(rng.integers(1, 60))
    ids = [f"{number}" for number in range(count)]
    shares = rng.choice([0.0, 0.5, 1.0])
    groups = [f"g{rng.integers(count)}" if rng.random() < shares else None for _ in ids]
    clips = table(ids, groups, [f"c{rng.integers(3 * count)}" for _ in ids])
    own = [group or content for group, content in zip(groups, clips["content_hash"].to_pylist(), strict=True)]
    before = {
        name: group if rng.random() < 0.8 else f"old{rng.integers(3)}"
        for name, group in zip(ids, own, strict=True)
        if rng.random() < 0.7
    }
    named = pa.chunked_array([pa.array([before.get(name) for name in ids], pa.string())])
    expected = _merged(clips, pa.chunked_array([pa.array(own, pa.string())]), named)
    assert merged(clips, before) == expected.to_pylist()
    assert (
        merged(clips, {})
        == _merged(clips, pa.chunked_array([own]), pa.chunked_array([pa.nulls(count, pa.string())])).to_pylist()
    )
