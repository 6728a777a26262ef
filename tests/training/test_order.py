"""Orders: each place once, any part alone, and as mixed as they should be."""

from typing import Literal

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from training.order import Blocks, Items, Permutation, turns


class TestPermutation:
    @given(size=st.integers(1, 5000), key=st.text(max_size=5))
    def test_each_once(self, size: int, key: str) -> None:
        assert np.array_equal(np.sort(Permutation(size, key)(np.arange(size))), np.arange(size))

    def test_any_part_alone(self) -> None:
        whole = Permutation(10**9 + 7, "k")
        places = np.array([0, 123456789, 10**9 + 6])
        assert np.array_equal(whole(places), [int(whole(np.array([place]))[0]) for place in places])

    def test_keys_differ_and_neighbours_scatter(self) -> None:
        orders = [Permutation(1000, key)(np.arange(1000)) for key in "ab"]
        assert np.mean(orders[0] == orders[1]) < 0.02
        assert abs(np.corrcoef(orders[0][:-1], orders[0][1:])[0, 1]) < 0.1


class TestTurns:
    @given(size=st.integers(1, 9), place=st.integers(0, 2**40), cycle=st.integers(0, 2**40), key=st.text(max_size=3))
    def test_each_once_in_a_cycle(self, size: int, place: int, cycle: int, key: str) -> None:
        drawn = turns(np.full(size, place), np.full(size, cycle), np.arange(size), size, key)
        assert sorted(drawn.tolist()) == list(range(size))

    def test_any_part_alone(self) -> None:
        places, cycles, numbers = np.random.default_rng(0).integers(0, 6, (3, 500))
        together = turns(places, cycles, numbers, 6, "0")
        for row in (0, 7, 499):
            part = slice(row, row + 1)
            assert turns(places[part], cycles[part], numbers[part], 6, "0") == together[row]

    def test_places_cycles_and_keys_differ_and_every_order_is_as_likely(self) -> None:
        many = np.arange(60_000)
        first = turns(many, many * 0, many * 0, 6, "0")
        for other in (turns(many + 1, many * 0, many * 0, 6, "0"), turns(many, many * 0 + 1, many * 0, 6, "0")):
            assert abs((first == other).mean() - 1 / 6) < 0.01
        assert abs((first == turns(many, many * 0, many * 0, 6, "1")).mean() - 1 / 6) < 0.01
        second = turns(many, many * 0, many * 0 + 1, 6, "0")
        pairs = np.bincount(first * 6 + second, minlength=36).reshape(6, 6)
        assert not pairs.diagonal().any()
        assert np.abs(pairs[~np.eye(6, dtype=bool)] - 2000).max() < 250


class TestBlocks:
    @given(size=st.integers(1, 3000), length=st.integers(1, 70), window=st.integers(1, 20), key=st.text(max_size=3))
    def test_each_once(self, size: int, length: int, window: int, key: str) -> None:
        assert np.array_equal(np.sort(Blocks(size, key, length, window)(np.arange(size))), np.arange(size))

    def test_any_part_alone(self) -> None:
        whole = Blocks(10**9 + 7, "k", 8, 16)
        places = np.array([0, 123456789, 10**9 + 6])
        assert np.array_equal(whole(places), [int(whole(np.array([place]))[0]) for place in places])

    def test_a_window_holds_whole_runs(self) -> None:
        order = Blocks(8 * 1000, "k", 8, 16)(np.arange(8 * 16))
        jumps = np.diff(np.sort(order))
        assert (jumps != 1).sum() <= 16
        assert (np.diff(order) != 1).mean() > 0.9  # but within it they are mixed

    def test_every_place_may_be_the_odd_one_at_the_end(self) -> None:
        last = {int(Blocks(100, str(key), 8, 4)(np.array([99]))[0]) for key in range(200)}
        assert len(last) > 50


class TestItems:
    SHOWN = np.array([[1, 0, 1], [0, 1, 0], [1, 1, 1]], dtype=bool)

    def items(self, choice: Literal["all", "one"], *, by_variant: bool = False, views: int = 2) -> Items:
        return Items(
            np.array([4, 7, 9]), np.zeros(10, np.int64), tuple("abc"), choice, views, "0", by_variant, self.SHOWN
        )

    @pytest.mark.parametrize("by_variant", [False, True])
    def test_variants_that_are_not_shown_are_no_items(self, by_variant: bool) -> None:
        items = self.items("all", by_variant=by_variant)
        rows, variants, views = items.at(np.arange(len(items)), 0)
        shown = [(4, 0), (4, 2), (7, 1), (9, 0), (9, 1), (9, 2)]
        pairs = list(zip(rows.tolist(), variants.tolist(), strict=True))
        assert pairs == 2 * (sorted(shown, key=lambda pair: pair[::-1]) if by_variant else shown)
        assert views.tolist() == 6 * [0] + 6 * [1]

    def test_a_clip_shows_each_of_its_variants_once_in_as_many_views(self) -> None:
        items = self.items("one", views=1)
        assert len(items) == 3
        drawn = np.array([items.at(np.arange(3), epoch)[1] for epoch in range(6)])
        assert np.sort(drawn[:, 0].reshape(3, 2)).tolist() == 3 * [[0, 2]]
        assert drawn[:, 1].tolist() == 6 * [1]
        assert np.sort(drawn[:, 2].reshape(2, 3)).tolist() == 2 * [[0, 1, 2]]
