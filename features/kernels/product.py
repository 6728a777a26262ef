"""Product with a small matrix of constants, the same to the last bit whatever BLAS is installed."""

import numpy as np

from features.kernels.compiled import compiled

_BLOCK = 512  # frames at a time, so that two rows of the product stay in the first cache


@compiled(
    "void(float32[:, ::1], float32[:, ::1], float32[:, ::1])",
    "void(float64[:, ::1], float64[:, ::1], float64[:, ::1])",
)
def multiply(matrix: np.ndarray, rows: np.ndarray, product: np.ndarray) -> None:
    """Fill `product` `(m, frames)` with `matrix` `(m, n)` times `rows` `(n, frames)`, summed from the first on.

    BLAS chooses its kernels by the processor and by the environment, and they sum in different orders. Two rows of the
    product and four terms at a time, so that there is as much to compute as to load.
    """
    last = len(matrix) - 1
    fours = matrix.shape[1] - matrix.shape[1] % 4
    spare = np.empty_like(product[0, :_BLOCK])  # beside the last of an odd number of rows
    for begin in range(0, rows.shape[1], _BLOCK):
        end = min(begin + _BLOCK, rows.shape[1])
        for m in range(0, len(matrix), 2):
            left, right = matrix[m], matrix[min(m + 1, last)]
            above = product[m, begin:end]
            below = product[m + 1, begin:end] if m < last else spare[: end - begin]
            above[:] = 0
            below[:] = 0
            for k in range(0, fours, 4):
                a0, a1, a2, a3 = left[k], left[k + 1], left[k + 2], left[k + 3]
                b0, b1, b2, b3 = right[k], right[k + 1], right[k + 2], right[k + 3]
                row0, row1 = rows[k, begin:end], rows[k + 1, begin:end]
                row2, row3 = rows[k + 2, begin:end], rows[k + 3, begin:end]
                for i in range(end - begin):
                    x0, x1, x2, x3 = row0[i], row1[i], row2[i], row3[i]
                    above[i] = (((above[i] + a0 * x0) + a1 * x1) + a2 * x2) + a3 * x3
                    below[i] = (((below[i] + b0 * x0) + b1 * x1) + b2 * x2) + b3 * x3
            for k in range(fours, matrix.shape[1]):
                row, a, b = rows[k, begin:end], left[k], right[k]
                for i in range(end - begin):
                    above[i] += a * row[i]
                    below[i] += b * row[i]
