"""White Gaussian noise added to a signal."""

import numpy as np

from features.kernels.compiled import compiled


@compiled("void(npy_rng, float32, float32[::1], float32[::1])")
def add_noise(rng: np.random.Generator, amplitude: float, signal: np.ndarray, noisy: np.ndarray) -> None:
    """`noisy` becomes `signal` plus `amplitude` times standard normals, both `(samples,)` float32.

    The numbers are those of numpy's `rng.standard_normal(samples, dtype=np.float32)`, whose loop numba compiles into
    something faster.
    """
    normal = rng.standard_normal(len(signal), np.float32)
    for i in range(len(signal)):
        noisy[i] = signal[i] + amplitude * normal[i]
