"""Messages between the process of the service and that of the models: a JSON object, and bytes that go with it.

Nothing is unpickled: the process that decodes untrusted sound cannot make the other one execute anything.
"""

import asyncio
import json
import struct
from collections.abc import Iterator
from typing import Any, BinaryIO

_LENGTHS = struct.Struct(">II")  # of the object and of the bytes

Frame = tuple[dict[str, Any], bytes]


def packed(message: dict[str, Any], payload: bytes = b"") -> bytes:
    """Return a message as it is sent."""
    head = json.dumps(message).encode()
    return _LENGTHS.pack(len(head), len(payload)) + head + payload


def frames(file: BinaryIO) -> Iterator[Frame]:
    """Yield the messages of a blocking stream, until it ends."""
    while len(lengths := file.read(_LENGTHS.size)) == _LENGTHS.size:
        head_bytes, payload_bytes = _LENGTHS.unpack(lengths)
        yield json.loads(file.read(head_bytes)), file.read(payload_bytes)


async def read_frame(reader: asyncio.StreamReader) -> Frame:
    """Return the next message. Raises `asyncio.IncompleteReadError` where the stream ends."""
    head_bytes, payload_bytes = _LENGTHS.unpack(await reader.readexactly(_LENGTHS.size))
    return json.loads(await reader.readexactly(head_bytes)), await reader.readexactly(payload_bytes)
