"""Numbers on the lines of tables: without quotes, and which one is at fault."""

import pytest

from pipeline.corpus.sources.csv.numbers import parse_values, split_line


def test_quotes_are_no_part_of_a_field() -> None:
    assert split_line(b'"1";"0.5" ; 2;""', b";") == [b"1", b"0.5", b" 2", b""]
    with pytest.raises(ValueError, match="value 2 is '0,5', not a number; write its decimal comma as a point"):
        parse_values([b"1", b"0,5"])
