"""The counter-based generator behind every random draw of an augmentation."""

from hashlib import blake2b

import numpy as np


def generator(content_hash: bytes, variant: str, seed: int) -> np.random.Generator:
    """Return the generator of one recording, variant and seed, whatever else is computed and in what order.

    The key of Philox is blake2b over the content hash, the variant's name and the seed as little-endian uint64.
    """
    data = content_hash + variant.encode() + seed.to_bytes(8, "little")
    key = int.from_bytes(blake2b(data, digest_size=16).digest(), "little")
    return np.random.Generator(np.random.Philox(key=key))
