"""Keys of clients. A file holds a salted hash of each, never the key."""

import base64
import binascii
import hashlib
import hmac
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from pipeline.support.errors import InputError

KEY_BYTES, SALT_BYTES = 32, 16
LINE = "NAME SALT HASH"


@dataclass(frozen=True)
class KeyHash:
    """Name of a key with its salted SHA-256; the key is random, so that a slow hash would protect nothing more."""

    name: str
    salt: bytes
    digest: bytes


def new_key(path: Path, name: str) -> str:
    """Append a new key to a file, which is created for its owner alone if it is not there; return the key.

    Raises `InputError` if the name is taken or has spaces, or the file is none of keys.
    """
    if not name or name != "".join(name.split()) or not name.isprintable():
        raise InputError(f"--new-key: expected a name without spaces, got {name!r}")
    if path.exists() and any(key.name == name for key in read_keys(path)):
        raise InputError(f"{path}: {name} has a key already; delete its line, or choose another name")
    key, salt = secrets.token_urlsafe(KEY_BYTES), secrets.token_bytes(SALT_BYTES)
    line = f"{name} {salt.hex()} {_digest(salt, key).hex()}\n"
    with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "w") as file:
        file.write(line)
    return key


def read_keys(path: Path) -> list[KeyHash]:
    """Return the hashes of a file. Raises `InputError` if it is none of keys."""
    keys = []
    for number, line in enumerate(path.read_text(errors="replace").splitlines(), start=1):
        try:
            name, salt, digest = line.split()
            keys.append(KeyHash(name, bytes.fromhex(salt), bytes.fromhex(digest)))
        except ValueError:
            raise InputError(f"{path}:{number}: expected {LINE}; write keys with --new-key") from None
    return keys


def admitted(keys: list[KeyHash], authorization: str) -> bool:
    """Return True if the value of an Authorization header holds one of the keys.

    Accepted are `Bearer KEY`, and `Basic` with the key as password and any user, which browsers ask for by themselves.
    All keys are compared, each in constant time.
    """
    scheme, _, value = authorization.partition(" ")
    value = value.strip()
    if scheme.lower() == "basic":
        try:
            value = base64.b64decode(value, validate=True).decode().partition(":")[2]
        except (binascii.Error, ValueError):
            return False
    elif scheme.lower() != "bearer":
        return False
    matches = [hmac.compare_digest(_digest(key.salt, value), key.digest) for key in keys]
    return any(matches)


def _digest(salt: bytes, key: str) -> bytes:
    return hashlib.sha256(salt + key.encode(errors="surrogateescape")).digest()
