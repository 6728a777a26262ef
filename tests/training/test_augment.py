"""Draws while training: the same for the same clip, view and epoch, within its limits, where it should be."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from stores_of import small_store

from training.augment import augmented, crop_at_random, filtered, mask, mixed, mixture, shift, uniform
from training.ranks import ALONE
from training.settings import Augment
from training.stream import ClipStream

KEYS = torch.from_numpy(np.random.default_rng(0).integers(-(2**63), 2**63, 400))


def numbered(rows: int, frames: int, items: int = len(KEYS)) -> torch.Tensor:
    """Images whose every value says where it stands."""
    return torch.arange(float(rows * frames)).view(1, 1, rows, frames).expand(items, -1, -1, -1).clone()


def test_numbers_are_uniform_and_independent() -> None:
    drawn = uniform(KEYS, 0, 50).numpy()
    assert drawn.dtype == np.float64
    assert 0 <= drawn.min() < drawn.max() < 1
    assert stats.kstest(drawn.ravel(), "uniform").pvalue > 0.01
    neighbours = np.corrcoef(uniform(torch.arange(1000), 0, 2).numpy(), rowvar=False)
    assert abs(neighbours[0, 1]) < 0.1
    assert (
        abs(np.corrcoef(uniform(torch.arange(1000), 0, 1)[:-1, 0], uniform(torch.arange(1, 1000), 0, 1)[:, 0])[0, 1])
        < 0.1
    )


def test_a_draw_is_known_by_its_number() -> None:
    assert torch.equal(uniform(KEYS, 3, 4), uniform(KEYS, 0, 10)[:, 3:7])


def test_numbers_are_those_of_splitmix64() -> None:
    """Its reference output for the seed 1234567, shifted to 53 bits."""
    reference = [6457827717110365317, 3203168211198807973, 9817491932198370423, 4593380528125082431]
    expected = [(value >> 11) / 2**53 for value in reference]
    assert uniform(torch.tensor([1234567]), 0, 4)[0].tolist() == expected


def test_crops_come_from_everywhere_and_are_contiguous_parts() -> None:
    images = numbered(12, 20)
    parts = crop_at_random(images, (9, 15), KEYS)
    assert parts.shape == (400, 1, 9, 15)
    corners = parts[:, 0, 0, 0].long()
    tops, lefts = corners // 20, corners % 20
    assert set(tops.tolist()) == set(range(4))
    assert set(lefts.tolist()) == set(range(6))
    for part, top, left in zip(parts, tops, lefts, strict=True):
        assert torch.equal(part, images[0, :, top : top + 9, left : left + 15])


@pytest.mark.parametrize("axis", [2, 3])
def test_shifts_reach_both_limits_and_fill_what_they_leave(axis: int) -> None:
    settings = Augment(row_shift=2) if axis == 2 else Augment(frame_shift=2)
    images = numbered(8, 10)
    moved = shift(images, settings, torch.tensor(-1.0), KEYS)
    seen = set()
    for image, out in zip(images, moved, strict=True):
        for by in range(-2, 3):
            expected = torch.roll(image, by, dims=axis - 1)
            edge = slice(0, by) if by >= 0 else slice(by, None)
            expected.index_fill_(axis - 1, torch.arange(expected.shape[axis - 1])[edge], -1.0)
            if torch.equal(expected, out):
                seen.add(by)
                break
        else:
            pytest.fail("an image that is no shift of what was given")
    assert seen == {-2, -1, 0, 1, 2}


@given(rows=st.integers(2, 30), frames=st.integers(2, 30), share=st.floats(0.05, 0.9))
def test_masks_are_bands_no_wider_than_they_may_be(rows: int, frames: int, share: float) -> None:
    settings = Augment(row_masks=1, row_mask=share, frame_masks=1, frame_mask=share)
    images = numbered(rows, frames, 8) + 1
    hidden = mask(images, settings, torch.tensor(0.0), KEYS[:8])[:, 0] == 0
    for image in hidden:
        whole_rows, whole_frames = image.all(dim=1), image.all(dim=0)
        assert torch.equal(image, whole_rows[:, None] | whole_frames[None])
        for band, extent in ((whole_rows, rows), (whole_frames, frames)):
            if not image.all():
                assert band.sum() <= int(share * extent)
                assert (band[1:] != band[:-1]).sum() <= 2  # one band


@pytest.mark.parametrize(("axis", "widest"), [("row", 4), ("frame", 6)])
def test_masks_are_of_every_width_and_at_every_place(axis: str, widest: int) -> None:
    """Widths are uniform from none to the widest, which is drawn as often as any other."""
    images, settings = numbered(20, 30), Augment(**{f"{axis}_masks": 1, f"{axis}_mask": 0.2})
    along = 3 if axis == "row" else 2
    hidden = (mask(images, settings, torch.tensor(-1.0), KEYS) == -1).all(dim=along)[:, 0]
    widths = torch.bincount(hidden.sum(dim=1), minlength=widest + 1)
    assert len(widths) == widest + 1
    assert stats.chisquare(widths.numpy()).pvalue > 0.001
    assert bool(hidden.any(dim=0).all())


@pytest.mark.parametrize("axis", ["row", "frame"])
def test_two_masks_of_a_clip_are_drawn_apart(axis: str) -> None:
    images, name = numbered(40, 60), f"{axis}_masks"
    options = {f"{axis}_mask": 0.2}
    one, two = (
        (mask(images, Augment(**{name: count, **options}), torch.tensor(-1.0), KEYS) == -1).sum(dim=(1, 2, 3)).double()
        for count in (1, 2)
    )
    second = two - one  # what the second hides beside the first
    assert float(second.mean()) > 0.7 * float(one.mean())
    assert abs(np.corrcoef(one.numpy(), second.numpy())[0, 1]) < 0.3


def test_rows_and_frames_are_masked_apart() -> None:
    hidden = mask(numbered(20, 30), Augment(row_masks=1, frame_masks=1), torch.tensor(-1.0), KEYS)[:, 0] == -1
    rows, frames = (hidden.all(dim=along).sum(dim=1).double().numpy() for along in (2, 1))
    assert abs(np.corrcoef(rows, frames)[0, 1]) < 0.2


@pytest.mark.parametrize("more", [{"row_masks": 2}, {"frame_masks": 2}])
def test_one_mask_more_moves_nothing_else(more: dict[str, int]) -> None:
    images, fill = numbered(20, 30), torch.tensor(-1.0)
    few = mask(images, Augment(row_masks=1, frame_masks=1), fill, KEYS) == -1
    many = mask(images, Augment(**{"row_masks": 1, "frame_masks": 1, **more}), fill, KEYS) == -1
    assert bool((few <= many).all())
    assert int(many.sum()) > int(few.sum())


def test_a_gain_is_one_number_within_its_limits() -> None:
    images = numbered(6, 8)
    gains = filtered(images, Augment(gain_db=6), KEYS) - images
    assert torch.allclose(gains, gains[:, :, :1, :1], atol=1e-5)
    assert -6 <= float(gains.min()) < -5.8
    assert 5.8 < float(gains.max()) <= 6.0


def test_a_filter_is_a_curve_of_four_straight_lines_over_the_rows() -> None:
    images = numbered(9, 3)
    curves = filtered(images, Augment(filter_db=4), KEYS) - images
    assert torch.allclose(curves, curves[..., :1], atol=1e-5)
    bends = curves[:, 0, :, 0].diff(n=2).abs()  # (items, 7), around rows 1 to 7; the inner places are rows 2, 4 and 6
    assert float(bends[:, [0, 2, 4, 6]].max()) < 1e-4
    assert float(bends[:, [1, 3, 5]].median()) > 0.5
    assert 3.9 < float(curves.abs().max()) <= 4.0
    both = filtered(images, Augment(filter_db=4, gain_db=6), KEYS) - curves
    torch.testing.assert_close(both, filtered(images, Augment(gain_db=6), KEYS))


def test_without_settings_only_the_size_changes() -> None:
    images = numbered(8, 10).half()
    assert torch.equal(augmented(images, Augment(), (8, 10), torch.tensor(0.0), KEYS), images.float())
    assert augmented(images, Augment(), (7, 9), torch.tensor(0.0), KEYS).shape == (400, 1, 7, 9)


@pytest.mark.parametrize("alpha", [0.2, 1.0, 4.0])
def test_shares_of_mixtures_follow_a_beta_distribution(alpha: float) -> None:
    shares = mixture(torch.arange(2000), alpha)
    assert shares.dtype == torch.float32
    assert stats.kstest(shares.numpy(), stats.beta(alpha, alpha).cdf).pvalue > 0.01


def test_stored_tensors_are_mixed_whatever_the_precision_of_training() -> None:
    images = numbered(2, 3, 4).half()
    with torch.autocast("cpu", torch.bfloat16):
        found = mixed(images, torch.tensor([0.25, 0.5, 0.75, 1.0]), ALONE.following)
    assert found.dtype == torch.float32
    assert torch.equal(found, images.float())  # all are equal


def test_a_mixture_is_of_neighbours_in_the_batch() -> None:
    images = torch.arange(4.0).view(4, 1, 1, 1)
    out = mixed(images, torch.tensor([1.0, 0.5, 0.25, 0.0]), ALONE.following)
    assert out.flatten().tolist() == [0.0, 1.5, 2.75, 0.0]


@pytest.fixture(scope="module")
def shown(tmp_path_factory: pytest.TempPathFactory) -> Any:
    folder: Path = tmp_path_factory.mktemp("keys")
    store = small_store(folder)
    labels = np.zeros(len(store), np.int64)

    def show(epoch: int = 0, **options: Any) -> dict[tuple[int, int], list[int]]:
        """The keys under which each row and variant is shown."""
        stream = ClipStream(store, np.arange(len(store)), labels, **{"batch_size": 5, **options})
        stream.set_epoch(epoch)
        found: dict[tuple[int, int], list[int]] = {}
        for batch in stream:
            for row, variant, key in zip(*(batch[name].tolist() for name in ("row", "variant", "key")), strict=True):
                found.setdefault((row, variant), []).append(key)
        return found

    return show


def test_every_view_epoch_variant_and_seed_has_keys_of_its_own(shown: Any) -> None:
    variants = ("original", "noise")
    several = [shown(views=3, variants=variants), shown(1, views=3, variants=variants), shown(views=3, seed=1)]
    keys = [key for found in several for keys in found.values() for key in keys]
    assert len(keys) == len(set(keys)) == 18 * (6 + 6 + 3)


def test_the_order_and_the_batches_change_no_key(shown: Any) -> None:
    def sorted_keys(**options: Any) -> dict[tuple[int, int], list[int]]:
        return {item: sorted(keys) for item, keys in shown(views=2, **options).items()}

    plain = sorted_keys()
    assert plain == sorted_keys(batch_size=3)
    assert plain == sorted_keys(batch_size=1, shuffle=True)
    assert plain == sorted_keys(batch_size=1, shuffle=True, block=4)
