"""Augmentation while training: parts, filters, shifts, masks and mixtures of stored tensors, where the network is.

What is drawn depends on the clip's content, the variant, the view, the epoch and the seed alone: it is the same on
every device, in every order and after an interruption. (What a clip is mixed with is the next one of its batch.)
"""

from collections.abc import Callable

import torch
import torch.nn.functional as F
from scipy.special import betaincinv
from torch import Tensor

from training.settings import Augment

ROWS, FRAMES = 2, 3  # axes

# Where the draws of one item begin; each kind has places of its own, so that a mask more moves nothing else.
CROP, MIXTURE, GAIN, FILTER = 0, 2, 3, 4
FILTER_PLACES = 5
SHIFT = {ROWS: 16, FRAMES: 17}
MASKS = {ROWS: 32, FRAMES: 64}


def uniform(keys: Tensor, first: int, count: int) -> Tensor:
    """Return numbers from [0, 1), `(items, count)` float64: draws `first`, `first` + 1, … of each of the int64 `keys`.

    A counter through the finaliser of SplitMix64 (Steele, Lea and Flood, 2014), in torch's integers, which wrap as
    they should and are the same on every device.
    """
    counters = torch.arange(first + 1, first + count + 1, device=keys.device)
    mixed = keys[:, None] + counters * -0x61C8864680B583EB  # the golden ratio's 64 bits, as a signed number
    mixed = (mixed ^ _shifted(mixed, 30)) * -0x40A7B892E31B1A47
    mixed = (mixed ^ _shifted(mixed, 27)) * -0x6B2FB644ECCEEE15
    return _shifted(mixed ^ _shifted(mixed, 31), 11).double() * 2.0**-53


def _shifted(values: Tensor, bits: int) -> Tensor:
    """Shift to the right, with zeros from the left."""
    return (values >> bits) & ((1 << (64 - bits)) - 1)


def crop_at_random(images: Tensor, size: tuple[int, int], keys: Tensor) -> Tensor:
    """Cut a part of `size` from anywhere in each of `(items, channels, rows, frames)`."""
    rows, frames = size
    free = images.shape[ROWS] - rows + 1, images.shape[FRAMES] - frames + 1
    top, left = ((share * places).long() for share, places in zip(uniform(keys, CROP, 2).T, free, strict=True))
    parts = images.unfold(ROWS, rows, 1).unfold(FRAMES, frames, 1)
    return parts[torch.arange(len(images), device=images.device), :, top, left]


def filtered(images: Tensor, settings: Augment, keys: Tensor) -> Tensor:
    """Add gains in dB, as if recorded louder and by another microphone; `(items, channels, rows, frames)` float32.

    One gain for the whole image and a curve over its rows (FilterAugment: Nam and others, 2022).
    """
    if settings.gain_db:
        gains = (2 * uniform(keys, GAIN, 1) - 1) * settings.gain_db
        images = images + gains.float()[:, :, None, None]
    if settings.filter_db:
        points = (2 * uniform(keys, FILTER, FILTER_PLACES) - 1) * settings.filter_db
        curve = F.interpolate(points.float()[:, None], images.shape[ROWS], mode="linear", align_corners=True)
        images = images + curve[:, :, :, None]
    return images


def shift(images: Tensor, settings: Augment, fill: Tensor, keys: Tensor) -> Tensor:
    """Move each image by up to so many rows and frames either way; what is left empty becomes `fill`, a scalar."""
    for axis, largest in ((ROWS, settings.row_shift), (FRAMES, settings.frame_shift)):
        if largest:
            size = images.shape[axis]
            by = (uniform(keys, SHIFT[axis], 1) * (2 * largest + 1)).long() - largest  # (items, 1)
            source = torch.arange(size, device=images.device) - by
            moved = images.gather(axis, _along(axis, source.clamp(0, size - 1)).expand_as(images))
            images = torch.where(_along(axis, (source < 0) | (source >= size)), fill, moved)
    return images


def mask(images: Tensor, settings: Augment, fill: Tensor, keys: Tensor) -> Tensor:
    """Put `fill` into random bands of rows and of frames (SpecAugment: Park and others, 2019)."""
    for axis, count, widest in (
        (ROWS, settings.row_masks, settings.row_mask),
        (FRAMES, settings.frame_masks, settings.frame_mask),
    ):
        size = images.shape[axis]
        positions = torch.arange(size, device=images.device)
        for number in range(count):
            width, place = uniform(keys, MASKS[axis] + 2 * number, 2).T[:, :, None]  # each (items, 1)
            width = (width * (int(widest * size) + 1)).long()
            start = (place * (size - width + 1)).long()
            hidden = (positions >= start) & (positions < start + width)
            images = torch.where(_along(axis, hidden), fill, images)
    return images


def _along(axis: int, values: Tensor) -> Tensor:
    """Return values `(items, size)` in a shape that fits the axis of images that has this size."""
    return values[:, None, :, None] if axis == ROWS else values[:, None, None, :]


def augmented(images: Tensor, settings: Augment, size: tuple[int, int], fill: Tensor, keys: Tensor) -> Tensor:
    """Return images `(items, channels, rows, frames)` as a network sees them in training: float32, cut to `size`."""
    images = filtered(images.float(), settings, keys)
    if tuple(images.shape[2:]) != size:
        images = crop_at_random(images, size, keys)
    return mask(shift(images, settings, fill, keys), settings, fill, keys)


def mixture(keys: Tensor, alpha: float) -> Tensor:
    """Draw the share of each item when it is mixed with another, `(items,)` float32, from Beta(alpha, alpha).

    On the CPU, whose scipy has the quantiles.
    """
    return torch.from_numpy(betaincinv(alpha, alpha, uniform(keys, MIXTURE, 1)[:, 0].numpy())).float()


def mixed(images: Tensor, share: Tensor, following: Callable[[Tensor], Tensor]) -> Tensor:
    """Mix each item with the next of the batch, whose order is random (mixup: Zhang and others, 2018); float32.

    `following` returns the next ones of a batch.
    """
    images = images.float()  # torch's autocast on a CPU rolls no float16
    share = share.view(-1, *[1] * (images.ndim - 1))
    return share * images + (1 - share) * following(images)
