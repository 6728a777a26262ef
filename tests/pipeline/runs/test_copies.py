"""Copies are dealt to the sides whatever their clips are, as many of each class as the sides have by clips."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.sides import SIDES, Sides
from pipeline.runs.copies import CopySplit, split_copies

VARIANTS = ("original", "noise", "shift")


def rows(*numbers: int) -> np.ndarray:
    return np.array(numbers, dtype=np.int64)


SPLIT = Sides(rows(0, 2, 3, 7, 8), rows(5, 9), rows(1, 4, 11), rows(6))
LABELS = np.array([0, 0, 1, 0, 1, 1, 0, 1, 0, 0, -1, 0])


def pairs(copies: CopySplit, side: int) -> set[tuple[int, int]]:
    found, shown = copies.of(side)
    clips, variants = np.nonzero(shown)
    return set(zip(found[clips].tolist(), variants.tolist(), strict=True))


@given(seed=st.integers(0, 2**32))
def test_every_tensor_is_on_one_side_and_classes_have_their_shares(seed: int) -> None:
    copies = split_copies(SPLIT, LABELS, VARIANTS, seed)
    by_side = [pairs(copies, number) for number in range(3)]
    used = [row for side in SIDES for row in getattr(SPLIT, side).tolist()]
    assert sorted(pair for side in by_side for pair in side) == sorted((row, v) for row in used for v in range(3))
    for name, side in zip(SIDES, by_side, strict=True):
        counts = np.bincount([LABELS[row] for row, _ in side], minlength=2)
        assert counts.tolist() == (3 * np.bincount(LABELS[getattr(SPLIT, name)], minlength=2)).tolist()


def test_variants_of_a_clip_are_on_several_sides() -> None:
    clips = 300
    sides = Sides(np.arange(200), np.arange(200, 250), np.arange(250, clips), rows())
    copies = split_copies(sides, np.arange(clips) % 3, VARIANTS, 0)
    trained, tested = (pairs(copies, side) for side in (0, 2))
    known = {row for row, _ in trained}
    assert np.mean([row in known for row, _ in tested]) > 0.8
    assert abs(np.mean([row >= 250 for row, _ in tested]) - 50 / 300) < 0.1  # as likely as any other clip


def test_a_split_follows_from_its_seed() -> None:
    digests = [split_copies(SPLIT, LABELS, VARIANTS, seed).digest() for seed in (0, 0, 1)]
    assert digests[0] == digests[1] != digests[2]
    assert split_copies(SPLIT, LABELS, VARIANTS[:2], 0).digest() not in digests
