"""Names under which shards are reused: all that decides their bytes, and nothing else."""

from dataclasses import replace
from hashlib import blake2b

from stores.layout import ArraySpec, shard_ranges

SPEC = ArraySpec("noise", "identity", (4, 6, 2), ("row", "frame", "channel"), 5, "float16", 4, {})


def test_a_shard_is_known_by_its_array_and_its_recordings_in_their_order() -> None:
    keys = {
        SPEC.shard_key(["a", "b"]),
        SPEC.shard_key(["b", "a"]),
        SPEC.shard_key(["a"]),
        SPEC.shard_key(["ab"]),
        replace(SPEC, identity="other").shard_key(["a", "b"]),
        replace(SPEC, clips_per_shard=8).shard_key(["a", "b"]),
        replace(SPEC, compression="zstd").shard_key(["a", "b"]),
    }
    assert len(keys) == 7
    assert replace(SPEC, variant="copy", attributes={"x": 1}).shard_key(["a", "b"]) == SPEC.shard_key(["a", "b"])
    # Markers of stores that exist hold such keys; those of another form would link nothing.
    assert SPEC.shard_key(["a", "b"]) == blake2b(b"identity\n4\nNone\na\nb", digest_size=16).hexdigest()


def test_shards_cover_every_row_once() -> None:
    assert [list(rows) for rows in shard_ranges(5, 2)] == [[0, 1], [2, 3], [4]]
    assert shard_ranges(4, 2) == [range(2), range(2, 4)]
    assert shard_ranges(0, 2) == []
