"""Numbers in text: as the standard library reads them, and which one is at fault."""

import json
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipeline.corpus.sources.json import numbers
from pipeline.corpus.sources.json.numbers import parse_samples

NUMBERS = st.floats(-1e6, 1e6, width=32) | st.integers(-(2**53), 2**53) | st.integers(-(10**35), 10**35)


@given(values=st.lists(NUMBERS, max_size=50))
def test_numbers_are_parsed_as_the_standard_library_does(values: list[float]) -> None:
    found = parse_samples(json.dumps(values).encode())
    np.testing.assert_array_equal(found, np.array(values, np.float64).astype(np.float32))
    assert found.dtype == np.float32


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        ("null", "sample 30 is null, not a number"),
        ("[1, 2]", "sample 30 is an array, not a number"),
        ('{"x": 1}', "sample 30 is an object, not a number"),
        ('"a, b"', "sample 30 is 'a, b', not a number"),
        ("1 2", "not JSON: Expecting ',' delimiter at byte 123 of the array"),
        ("", "not JSON: "),
        ("  ", "not JSON: "),
        ("1e39", "sample 30 is 1e+39, beyond what float32 holds"),
        (f"1{'0' * 40}", "sample 30 is beyond what float32 holds"),
    ],
)
@pytest.mark.parametrize("piece", [1, 7, 40, 1 << 20])
def test_the_fault_is_named_however_the_text_is_cut(
    monkeypatch: pytest.MonkeyPatch, piece: int, last: str, reason: str
) -> None:
    monkeypatch.setattr(numbers, "PIECE", piece)
    text = "[" + ", ".join(["12"] * 30) + ", " + last + "]"
    with pytest.raises(ValueError, match="^" + re.escape(reason)):
        parse_samples(text.encode())


def test_the_first_fault_is_named() -> None:
    with pytest.raises(ValueError, match="sample 1 is null"):
        parse_samples(b"[0, null, [1], 2]")
