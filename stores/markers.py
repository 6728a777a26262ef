"""Markers of finished shards: checksums of the content, and the environment that computed it.

A marker is a promise: a damaged shard is written again with the same bytes, or the difference is an error. It holds

key                 of `ArraySpec.shard_key`
crc32c              of each clip as it is stored
statistics_crc32c
written_with        versions and processor, as a list, since clips may be copied from several stores; older ones lack it
accepted            true if the bytes are others than were promised once, which the user has accepted
"""

import json
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from stores.errors import StoreError
from stores.files import digest, read_checked
from stores.layout import ArraySpec, Layout

Marker = dict[str, Any]
ACCEPTED = "accepted"


def finished_marker(layout: Layout, spec: ArraySpec, shard: int, content_hashes: Sequence[str]) -> Marker | None:
    """Return the marker of a shard of just these recordings, if there is one and it is not damaged."""
    try:
        marker = read_checked(layout.marker(spec.variant, shard))
    except (StoreError, OSError):  # not finished, damaged, or removed just now
        return None
    return marker if marker["key"] == spec.shard_key(content_hashes) else None


def written_with(marker: Marker) -> list[Any]:
    """Return the environments of a shard; [None] where the marker does not say."""
    return list(marker.get("written_with", [None]))


def distinct(environments: Iterable[Any]) -> list[Any]:
    """Return each environment once, in an order of their own."""
    return [json.loads(text) for text in sorted({json.dumps(one, sort_keys=True) for one in environments})]


class History:
    """Summary of all markers of a store."""

    def __init__(self) -> None:
        self._environments: list[Any] = []
        self._accepted: list[Any] = []

    def add(self, variant: str, shard: int, marker: Marker) -> None:
        if new := [one for one in written_with(marker) if one not in self._environments]:
            self._environments = distinct([*self._environments, *new])
        if marker.get(ACCEPTED):
            self._accepted.append(
                [variant, shard, digest(json.dumps([marker["crc32c"], marker["statistics_crc32c"]]).encode())]
            )

    @property
    def written_with(self) -> list[Any]:
        return self._environments

    def identity(self, name: str) -> str:
        """Return the identity of a store of that name: another one for bytes other than those once promised."""
        return f"{name}-{digest(json.dumps(sorted(self._accepted)).encode())[:8]}" if self._accepted else name


def refuse_other_bytes(layout: Layout, spec: ArraySpec, shard: int, promised: Marker, written: Marker) -> None:
    """Raise `StoreError` if a shard that is written again has other bytes than its marker promises."""
    if not differs(promised, written):
        return
    clips = np.flatnonzero(np.array(promised["crc32c"]) != np.array(written["crc32c"])).tolist()
    what = f"clips {', '.join(map(str, clips))}" if clips else "the statistics"
    reason = differences(written_with(promised), written_with(written))
    raise StoreError(
        f"{layout.shard(spec, shard)}: {what}, computed again, are not the bytes that were written first ({reason}); "
        "the shard stays as it is; to take the new bytes, under another identity of the store: "
        f"otogura verify {layout.path} --repair --accept-new-bytes"
    )


def differs(promised: Marker, written: Marker) -> bool:
    """Return True if two markers speak of different bytes."""
    return any(promised[name] != written[name] for name in ("crc32c", "statistics_crc32c"))


def differences(before: Sequence[Any], now: Sequence[Any]) -> str:
    """Return the versions in which two lists of environments differ, as text."""
    if None in before:
        return "its marker does not say with which versions"
    old, new = _values(before), _values(now)
    changes = [
        f"{name} was {_text(old.get(name))}, is {_text(new.get(name))}"
        for name in sorted(old.keys() | new.keys())
        if old.get(name) != new.get(name)
    ]
    return ", ".join(changes) or "by the same versions on the same processor"


def _values(environments: Iterable[Any]) -> dict[str, set[str]]:
    """Return the values of each field of the environments."""
    values: dict[str, set[str]] = {}
    for environment in environments:
        for name, value in (environment or {}).items():
            inner = value if isinstance(value, Mapping) else {name: value}
            for field, text in inner.items():
                values.setdefault(field, set()).add(str(text))
    return values


def _text(values: set[str] | None) -> str:
    return " or ".join(sorted(values)) if values else "not recorded"
