"""Pictures as others read them."""

import base64
import io

import matplotlib
import numpy as np
import pytest
from matplotlib.image import imread

from training.report.raster import COLOURS, raster


@pytest.mark.parametrize("shape", [(64, 320), (5, 7), (1, 1)])
def test_a_picture_has_the_colours_of_its_values(shape: tuple[int, int]) -> None:
    values = np.random.default_rng(0).normal(size=shape)
    address = raster(values, "magma")
    head, data = address.split(",")
    assert head == "data:image/png;base64"
    picture = imread(io.BytesIO(base64.b64decode(data)), format="png")[..., :3]
    assert picture.shape == (*shape, 3)
    palette = (matplotlib.colormaps["magma"](np.linspace(0, 1, COLOURS))[:, :3] * 255).astype(np.uint8) / 255
    levels = np.abs(picture[::-1, :, None] - palette).sum(axis=3).argmin(axis=2)
    np.testing.assert_allclose(palette[levels], picture[::-1], atol=1e-6)
    order = np.argsort(values.ravel())
    assert (np.diff(levels.ravel()[order]) >= 0).all()
    assert len(data) < 14_000


def test_equal_values_are_a_picture_too() -> None:
    assert raster(np.zeros((3, 4)), "Blues").startswith("data:image/png")
