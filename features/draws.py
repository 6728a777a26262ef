"""The counter-based generator behind every random draw of an augmentation."""

from collections.abc import Sequence
from hashlib import blake2b

import numpy as np


def generator(content_hash: bytes, variant: str, seed: int) -> np.random.Generator:
    """Return the generator of one recording, variant and seed, whatever else is computed and in what order."""
    key = int.from_bytes(philox_keys([content_hash], variant, seed), "little")
    return np.random.Generator(np.random.Philox(key=key))


def philox_keys(content_hashes: Sequence[bytes], variant: str, seed: int) -> bytes:
    """Return the keys of Philox of some recordings, 16 bytes each, little-endian.

    A key is blake2b over the content hash, the variant's name and the seed as little-endian uint64.
    """
    end = variant.encode() + seed.to_bytes(8, "little")
    return b"".join([blake2b(content_hash + end, digest_size=16).digest() for content_hash in content_hashes])
