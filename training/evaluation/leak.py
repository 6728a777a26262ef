"""Near-duplicates across the sides of a split: clips of one sound, whatever their files are."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from training.evaluation.fingerprints import STEP_S, Fingerprints

THRESHOLD = 0.8  # between unrelated clips and copies, see docs/leak.md
COMPARED_STEPS = 40  # two seconds of both have to agree, or all of shorter clips
LEAST_ENERGY = 96.0  # of these steps: squares of changes, 1 for a large one; softer parts look alike by chance

CODE_STEPS = 20  # a second
TABLES, BITS = 2, 30  # codes of a second, and bits of each, of which as many are used as there are codes to tell apart
NEIGHBOURS = 64  # clips with one code are each compared with so many of those that follow
BLOCK = 64  # clips or candidates at a time


@dataclass(frozen=True)
class Pairs:
    """Pairs of clips that have a sound in common, or may have one; an element each.

    Attributes
    ----------
    first, second : array of int64, shape (pairs,)
        Clips; the second one is on the later side.
    offsets : array of int64, shape (pairs,)
        Time of the sound in the second clip, less that in the first, in steps of `STEP_S`.
    scores : array of float64, shape (pairs,)
        Similarity of the two seconds that agree best, at most 1.
    """

    first: np.ndarray
    second: np.ndarray
    offsets: np.ndarray
    scores: np.ndarray

    def __len__(self) -> int:
        return len(self.first)

    @property
    def offsets_s(self) -> np.ndarray:
        """Return the offsets in seconds, `(pairs,)` float64."""
        return self.offsets * STEP_S

    def take(self, places: np.ndarray) -> "Pairs":
        """Return those pairs."""
        return Pairs(self.first[places], self.second[places], self.offsets[places], self.scores[places])


def near_duplicates(prints: Fingerprints, sides: np.ndarray, threshold: float = THRESHOLD) -> Pairs:
    """Return the near-duplicates among clips that are on two different sides, by rows of the store; the most similar
    first.

    Each second of a clip has two codes, the signs of random projections of its fingerprint (Charikar, 2002). Clips with
    an equal code are compared at the offset that this gives, and the score is the largest cosine similarity of two
    seconds. A code has as many bits as make one in two equal to another by chance, so that time and memory grow with
    the number of clips and not with that of pairs. At its peak it needs some 150 bytes for each step of `STEP_S`,
    besides the fingerprints.

    Parameters
    ----------
    prints : Fingerprints
    sides : array of int, shape (clips,)
        Number of the side of each clip, ascending from train to test.
    threshold : float
        Lowest score of a pair.
    """
    pairs = Pairs(*(np.empty(0, kind) for kind in (np.int64, np.int64, np.int64, np.float64)))
    for part in _candidates(prints.values, sides):
        pairs = _best(_joined(pairs, _scored(part, prints.values, threshold)))
    return Pairs(prints.rows[pairs.first], prints.rows[pairs.second], pairs.offsets, pairs.scores)


def comparable(prints: Fingerprints) -> np.ndarray:
    """Return, for each clip, True if some two seconds of it are not too even to be compared, `(clips,)` bool."""
    return np.asarray(_sums_over_time(_energy(prints.values)).max(axis=1) >= LEAST_ENERGY)


def _candidates(values: np.ndarray, sides: np.ndarray) -> Iterator[Pairs]:
    """Give pairs of clips on two sides that have an equal code, with a score of 0."""
    codes, clips, steps = _codes(values)
    for table in codes.T:
        keys, place = np.unique(table << 32 | clips, return_index=True)  # each code once for a clip
        code, clip, step = keys >> 32, clips[place], steps[place]
        for further in range(1, NEIGHBOURS + 1):
            equal = np.flatnonzero(code[further:] == code[:-further])
            if not len(equal):
                break
            equal = equal[sides[clip[equal]] != sides[clip[equal + further]]]
            turned = sides[clip[equal]] > sides[clip[equal + further]]
            first, second = equal + further * turned, equal + further * ~turned
            yield Pairs(clip[first], clip[second], step[second] - step[first], np.zeros(len(equal)))


def _codes(values: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the codes of all seconds that are not too even, `(seconds, tables)` int64, their clips and first steps."""
    bands = values.shape[2]
    size = CODE_STEPS * bands
    projections = np.random.default_rng(0).standard_normal((size, TABLES * BITS), np.float32)
    parts = []
    for start in range(0, len(values), BLOCK):
        block = values[start : start + BLOCK]
        energy = _sums_over_time(_energy(block), CODE_STEPS)
        clips, steps = np.nonzero(energy >= LEAST_ENERGY * CODE_STEPS / COMPARED_STEPS)
        flat = block.reshape(len(block), -1).astype(np.float32)
        seconds = sliding_window_view(flat, size, axis=1)[:, ::bands]  # (clips, steps, size)
        bits = (seconds[clips, steps] @ projections > 0).reshape(-1, TABLES, BITS)
        parts.append((bits @ (1 << np.arange(BITS)), clips + start, steps))
    codes, clips, steps = (np.concatenate(column) for column in zip(*parts, strict=True))
    used = min(BITS, max(1, len(codes)).bit_length())
    return codes >> (BITS - used), clips, steps


def _scored(pairs: Pairs, values: np.ndarray, threshold: float) -> Pairs:
    """Return the pairs that reach the threshold, with their scores."""
    parts = [pairs.take(np.arange(start, min(start + BLOCK, len(pairs)))) for start in range(0, len(pairs), BLOCK)]
    scores = np.concatenate([np.empty(0), *(_similarity(part, values) for part in parts)])
    return Pairs(pairs.first, pairs.second, pairs.offsets, scores).take(np.flatnonzero(scores >= threshold))


def _similarity(pairs: Pairs, values: np.ndarray) -> np.ndarray:
    """Return the largest cosine similarity of two seconds of each pair; 0 where all of them are too even."""
    steps = values.shape[1]
    places = np.arange(steps) + pairs.offsets[:, None]
    weights = ((places >= 0) & (places < steps))[:, :, None] / np.float32(127)
    one = values[pairs.first] * weights
    other = values[pairs.second[:, None], np.clip(places, 0, steps - 1)] * weights
    product, own, its = (_sums_over_time((a * b).sum(axis=2)) for a, b in ((one, other), (one, one), (other, other)))
    cosines = product / np.sqrt(np.maximum(own * its, 1e-9))
    return np.asarray(np.where(np.minimum(own, its) >= LEAST_ENERGY, cosines, 0.0).max(axis=1))


def _energy(values: np.ndarray) -> np.ndarray:
    """Return the sum of squares in each step of fingerprints, `(clips, steps)`; a large change is 1."""
    return np.asarray(np.einsum("csb,csb->cs", values, values, dtype=np.int32) / 127**2)


def _sums_over_time(values: np.ndarray, length: int = COMPARED_STEPS) -> np.ndarray:
    """Return the sums of `(clips, steps)` over each `length` steps that follow each other, or over all if fewer."""
    length = min(length, values.shape[1])
    sums = np.pad(np.cumsum(values, axis=1, dtype=np.float64), ((0, 0), (1, 0)))
    return np.asarray(sums[:, length:] - sums[:, :-length])


def _joined(one: Pairs, other: Pairs) -> Pairs:
    return Pairs(*(np.concatenate([getattr(part, name) for part in (one, other)]) for name in vars(one)))


def _best(pairs: Pairs) -> Pairs:
    """Return each pair once, at the offset with the highest score; the highest first."""
    pairs = pairs.take(np.argsort(-pairs.scores, kind="stable"))
    _, place = np.unique(pairs.first << 32 | pairs.second, return_index=True)
    return pairs.take(np.sort(place))
