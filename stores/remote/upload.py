"""Upload of one shard: its marker comes first, as a promise of its bytes that one builder alone can make."""

from collections.abc import Mapping
from pathlib import Path

from stores.errors import StoreError
from stores.files import checked_json, parse_checked
from stores.layout import ArraySpec
from stores.markers import Marker, differs
from stores.remote.objects import REPLACE, Objects
from stores.remote.verify import names_of


def promise(
    objects: Objects, spec: ArraySpec, shard: int, marker: Marker, there: Mapping[str, int] | None = None
) -> bool:
    """Write the marker of a shard, unless there is one. Return False if that promises other bytes.

    Whoever has promised the same bytes may write them: it makes no difference who does. `there` are the sizes of the
    objects, if they have been listed. Raises `StoreError` if the marker that is there is damaged.
    """
    name = names_of(spec, shard)[2]
    if (there is None or name not in there) and objects.put(name, checked_json(marker), create=True):
        return True
    first = parse_checked(objects.get(name))
    if first is None:
        raise StoreError(f"{objects.address}/{name}: it does not match its checksum; {REPLACE}")
    return first["key"] == marker["key"] and not differs(first, marker)


def send(objects: Objects, name: str, path: Path, there: Mapping[str, int] | None = None) -> int:
    """Write a file as an object, unless there is one of its size; return the bytes that were sent.

    `there` are the sizes of the objects, if they have been listed.
    """
    size = path.stat().st_size
    if (objects.size(name) if there is None else there.get(name)) == size:
        return 0
    objects.put(name, path)
    return size
