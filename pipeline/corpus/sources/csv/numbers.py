"""Numbers on the lines of CSV tables, as float32."""

from collections.abc import Sequence

import numpy as np


def split_line(text: bytes, separator: bytes) -> list[bytes]:
    """Return the fields of a line, without the quotes that some programs put around each."""
    fields = text.split(separator)
    return [_unquoted(field) for field in fields] if b'"' in text else fields


def parse_values(fields: Sequence[bytes]) -> np.ndarray:
    """Return finite numbers, `(fields,)` float32. Raises `ValueError` that says which field is none."""
    try:
        values = np.array(fields, dtype=np.bytes_).astype(np.float64)
    except ValueError:
        place, field = next((n, field) for n, field in enumerate(fields, start=1) if not _is_number(field))
        comma = "; write its decimal comma as a point" if _is_number(field.replace(b",", b".", 1)) else ""
        raise ValueError(f"value {place} is {field[:20].decode(errors='replace')!r}, not a number{comma}") from None
    with np.errstate(over="ignore"):
        narrow = values.astype(np.float32)
    if not np.isfinite(narrow).all():
        place = int(np.flatnonzero(~np.isfinite(narrow))[0])
        raise ValueError(f"value {place + 1} is {values[place]:g}, not a finite number of float32")
    return narrow


def _unquoted(field: bytes) -> bytes:
    stripped = field.strip()
    return stripped[1:-1] if len(stripped) > 1 and stripped[:1] == stripped[-1:] == b'"' else field


def _is_number(field: bytes) -> bool:
    try:
        float(field)
    except ValueError:
        return False
    return True
