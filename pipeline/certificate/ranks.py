"""Proof that ranks share the items of an epoch: each is given to one rank, once."""

from collections.abc import Sequence
from itertools import islice
from typing import Any

import numpy as np

from pipeline.certificate.record import RunRecord
from pipeline.runs.fitting import originals, tensors_per_epoch, train_stream
from training.stream import ClipStream

RANKS = (1, 2, 4)
START = {"epoch": 0, "seen": 0}


def proofs(record: RunRecord) -> list[dict[str, Any]]:
    """Return a proof for each side and number of ranks, and for each change of their number in the middle of an epoch.

    An epoch of training gives each clip, variant and view once, or each clip and view where it draws one variant of a
    clip; what does not fill a batch of all ranks is left out. Sides that are not shuffled leave nothing out. Only the
    first batch of each rank is read.
    """
    run, sides, training = record.run, record.sides, record.run.setup.training
    drawn = training.variants == "one"
    items = tensors_per_epoch(sides, run)

    def training_streams(ranks: int) -> list[ClipStream]:
        options: dict[str, Any] = {"batch_size": max(1, training.batch_size // ranks), "world_size": ranks}
        return [train_stream(sides, run, rank=rank, pin=False, **options) for rank in range(ranks)]

    def evaluation_streams(side: str, ranks: int) -> list[ClipStream]:
        return [originals(getattr(sides, side), run, rank=rank, world_size=ranks) for rank in range(ranks)]

    numbers = [number for number in RANKS if number <= items]
    results = []
    for number in numbers:
        streams = training_streams(number)
        results.append(_proof("train", [number], items, _given(streams), drawn, _left_over(streams), _read(streams)))
    for before, after in zip(numbers, [*numbers[1:], *numbers[:1]], strict=True):
        if before != after:
            streams = training_streams(after)
            given, agreed = _given_with_change(training_streams(before), streams)
            results.append(_proof("train", [before, after], items, given, drawn, _left_over(streams), agreed))
    for side in ("validation", "test"):
        for number in RANKS if len(getattr(sides, side)) else ():
            streams = evaluation_streams(side, number)
            clips = len(getattr(sides, side))
            results.append(_proof(side, [number], clips, _given(streams), False, 0, _read(streams)))
    return results


def _proof(
    side: str, ranks: list[int], items: int, batches: list[np.ndarray], drawn: bool, most_left: int, sound: bool
) -> dict[str, Any]:
    """Return whether `batches` have each of so many items once, but for `most_left` at most."""
    rows, variants, views = np.concatenate(batches, axis=1) if batches else np.empty((3, 0), np.int64)
    codes = rows << 32 | (0 if drawn else variants) << 24 | views
    distinct = len(np.unique(codes))
    twice, left_out = len(codes) - distinct, items - distinct
    passed = sound and twice == 0 and 0 <= left_out <= most_left
    return {
        "side": side,
        "ranks": ranks,
        "items": items,
        "given_once": distinct,
        "given_again": twice,
        "left_out": left_out,
        "passed": passed,
    }


def _given(streams: Sequence[ClipStream]) -> list[np.ndarray]:
    return [batch for stream in streams for batch in stream.items()]


def _given_with_change(before: Sequence[ClipStream], after: Sequence[ClipStream]) -> tuple[list[np.ndarray], bool]:
    """Return the batches of half an epoch and, from its saved position on, those of other ranks.

    Returns as well whether all ranks before had saved one position.
    """
    batches = [batch for stream in before for batch in islice(stream.items(), len(stream) // 2)]
    states = [stream.state_dict() for stream in before]
    for stream in after:
        stream.load_state_dict(states[0])
    return batches + _given(after), all(state == states[0] for state in states)


def _left_over(streams: Sequence[ClipStream]) -> int:
    """Return how many items too few for a batch of all ranks there may be."""
    return streams[0].global_batch - 1


def _read(streams: Sequence[ClipStream]) -> bool:
    """Return True if the first batch that each rank reads holds the items that it names."""
    for stream in streams:
        stream.load_state_dict(START)
        named = next(stream.items(), None)
        stream.load_state_dict(START)
        batch = next(iter(stream), None)
        if named is None or batch is None:
            same = named is None and batch is None
        else:
            same = np.array_equal(named[:2], np.stack([batch["row"], batch["variant"]]))
        if not same:
            return False
    return True
