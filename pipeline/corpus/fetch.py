"""Download of an archive, which goes on after an interruption, and its unpacking after a check of its checksum."""

import hashlib
import logging
import shutil
import urllib.error
import urllib.request
import zipfile
import zlib
from http import HTTPStatus
from http.client import HTTPException
from pathlib import Path

from pipeline.corpus.sources.base import Archive
from pipeline.support.errors import InputError
from pipeline.support.progress import Meter
from stores.files import sync

log = logging.getLogger("otogura")

BLOCK = 1 << 20
TIMEOUT_S = 60
ENCRYPTED = 1  # the bit of a member's flags


def fetch_archive(fetch: Archive, root: Path, cache: Path, config_path: str) -> None:
    """Download and unpack a zip archive so that `root` is its only folder; a `root` with files is left alone.

    Parameters
    ----------
    fetch : Archive
    root : Path
    cache : Path
        Folder of the archive itself until it is unpacked.
    config_path : str
        Name of its part of the configuration in messages.

    Raises
    ------
    InputError
        If the archive cannot be downloaded or unpacked, or has another checksum.
    """
    if root.is_dir() and any(root.iterdir()):
        log.info("%s: is there already; nothing is fetched", root)
        return
    cache.mkdir(parents=True, exist_ok=True)
    archive = cache / f"{fetch.sha256[:16]}.zip"
    if not archive.is_file() or _sha256(archive) != fetch.sha256:
        _download(fetch.url, archive, config_path)
    if (checksum := _sha256(archive)) != fetch.sha256:
        archive.unlink()
        raise InputError(
            f"{config_path}.sha256: expected {fetch.sha256}, but what {fetch.url} gives has {checksum}; type the same "
            "command again, or, if you trust that archive, say its checksum"
        )
    _unpack(archive, root, config_path)
    archive.unlink()


def _download(url: str, path: Path, config_path: str) -> None:
    """Download a file; append to the beginning of one if the server can go on in the middle."""
    present = path.stat().st_size if path.is_file() else 0
    try:
        request = urllib.request.Request(url, headers={"Range": f"bytes={present}-"} if present else {})
        with urllib.request.urlopen(request, timeout=TIMEOUT_S) as response:
            continued = response.status == HTTPStatus.PARTIAL_CONTENT
            length = response.headers.get(
                "Content-Length"
            )  # absent for an archive that the server makes while it sends it
            expected = int(length) if length else None
            blocks = -(-expected // BLOCK) if expected else None
            received = 0
            with open(path, "ab" if continued else "wb") as file, Meter(f"{url}: MB", blocks) as meter:
                while block := response.read(BLOCK):
                    file.write(block)
                    received += len(block)
                    meter.advance(1)
        if expected is not None and received < expected:
            raise InputError(
                f"{config_path}.url: {url} broke off after {received} of {expected} bytes; the same command goes on"
            )
    except urllib.error.HTTPError as error:
        error.close()
        if error.code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE:  # nothing is missing
            return
        raise InputError(f"{config_path}.url: {url} cannot be fetched: {error.code} {error.reason}") from None
    except (urllib.error.URLError, HTTPException, TimeoutError, ConnectionError, ValueError) as error:
        reason = getattr(error, "reason", None) or str(error) or type(error).__name__
        raise InputError(f"{config_path}.url: {url} cannot be fetched: {reason}; the same command goes on") from None


def _unpack(archive: Path, root: Path, config_path: str) -> None:
    """Unpack into a folder of another name first, so that `root` is complete or absent."""
    partial = root.with_name(f"{root.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    try:
        with zipfile.ZipFile(archive) as file:
            members = [member for member in file.infolist() if not member.is_dir()]
            if not members:
                raise InputError(f"{config_path}.url: expected a zip archive with files in it, found an empty one")
            if locked := [member.filename for member in members if member.flag_bits & ENCRYPTED]:
                raise InputError(
                    f"{config_path}.url: expected an archive that is not encrypted, but {locked[0]!r} in it needs a "
                    "password; unpack it by hand to the root, and leave fetch out"
                )
            file.extractall(partial)  # which checks the CRC of every member, and leaves none outside
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError) as error:
        raise InputError(f"{config_path}.url: expected a zip archive: {error}") from None
    entries = list(partial.iterdir())
    inner = entries[0] if len(entries) == 1 and entries[0].is_dir() else partial
    for path in inner.rglob("*"):
        sync(path)
    if root.is_dir():  # and empty
        root.rmdir()
    inner.rename(root)
    shutil.rmtree(partial, ignore_errors=True)
    sync(root.parent)


def _sha256(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
