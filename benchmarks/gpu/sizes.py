"""Sizes of what is measured on a device."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Sizes:
    """Sizes of one measurement.

    Parameters
    ----------
    clips : int
        Clips of the store, of which an epoch is streamed.
    frames : int
        Frames of four-channel tensors, of 128 rows.
    width : float
        Factor on the layers of `resnet_attention`.
    batch_sizes : tuple of int
        In training from the store.
    network_batch : int
        Clips of a step of every network.
    network_steps : int
        Steps of every network that are timed together.
    copy_batch : int
        Clips of a copy.
    runs : int
        Alternating runs, of which the median counts.
    """

    clips: int
    frames: int
    width: float
    batch_sizes: tuple[int, ...]
    network_batch: int
    network_steps: int
    copy_batch: int
    runs: int


FULL = Sizes(  # 1.4 GB of disk, and of the GPU's memory
    clips=1024,
    frames=1320,
    width=1.0,
    batch_sizes=(16, 64),
    network_batch=16,
    network_steps=5,
    copy_batch=16,
    runs=5,
)
QUICK = Sizes(clips=8, frames=132, width=0.25, batch_sizes=(2,), network_batch=2, network_steps=1, copy_batch=2, runs=1)
