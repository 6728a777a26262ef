"""Objects below an address, such as `s3://bucket/stores`: read, listed and written, by obstore."""

import os
import random
import re
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from functools import cache, cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from stores.errors import StoreError

if TYPE_CHECKING:
    from obstore.store import ObjectStore

ATTEMPTS = 5  # of a request, beside those that obstore makes by itself
FETCHES = 3  # of what does not match its checksum
PUSH = "push or build the store again"  # what is there is passed over
REPLACE = f"remove this object, and {PUSH}"
PAUSE_S = 0.1  # of which the second attempt waits twice, and each further one twice as long as that before
TIMEOUT_S = {"connect": 5, "request": 60}
INSTALL = "the package obstore is not installed; to install it: pip install 'otogura[remote]'"
METADATA_HOST = "169.254.169.254"  # of a machine in Amazon's cloud, which is asked where there are no others
NO_CREDENTIALS = (
    "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_SKIP_SIGNATURE=true for a "
    "public bucket"
)
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")

Result = TypeVar("Result")


def is_address(path: object) -> bool:
    """Return True for addresses of object storage, in place of local paths."""
    return isinstance(path, str) and "://" in path


class Objects:
    """Objects below an address. Threads may share it, and processes may be sent it by pickle.

    Credentials and endpoints come from the environment, as `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and
    `AWS_ENDPOINT_URL`; they are never part of a message.

    Parameters
    ----------
    address : str
        `s3://bucket/folder`, or what else obstore knows: `gs://`, `az://`, `https://` (to be read alone), `file://`.
    """

    def __init__(self, address: str) -> None:
        self.address = address.rstrip("/")

    def __reduce__(self) -> tuple[Any, ...]:
        return Objects, (self.address,)

    def below(self, name: str) -> "Objects":
        """Return the objects of a folder."""
        return Objects(f"{self.address}/{name}")

    @cached_property
    def store(self) -> "ObjectStore":
        """Return obstore's store. Raises `StoreError` for an address that it does not know."""
        try:
            from obstore.store import from_url
        except ImportError:
            raise StoreError(f"{self.address}: {INSTALL}") from None
        scheme = self.address.split("://")[0]
        options: dict[str, Any] = {}
        if scheme not in ("file", "memory"):
            plain = scheme == "http" or (scheme == "s3" and _endpoint().startswith("http://"))
            options["client_options"] = {
                "allow_http": plain,
                "connect_timeout": timedelta(seconds=TIMEOUT_S["connect"]),
                "timeout": timedelta(seconds=TIMEOUT_S["request"]),
            }
            # The retries here end sooner, and cover bodies that are cut short as well.
            options["retry_config"] = {"max_retries": 2, "retry_timeout": timedelta(seconds=20)}
        if scheme in ("s3", "s3a"):
            options["config"] = {"checksum_algorithm": "sha256"}  # of each upload, or of each part of one
        try:
            return from_url(self.address, **options)
        except _errors() as error:
            raise StoreError(f"{self.address}: expected an address of object storage: {_line(error)}") from None

    def get(self, name: str) -> bytes:
        """Return an object. Raises `FileNotFoundError` if there is none, and `StoreError` if it cannot be read."""
        import obstore

        return self._tried(name, "read", lambda: bytes(obstore.get(self.store, name).bytes()))

    def get_range(self, name: str, start: int, length: int) -> np.ndarray:
        """Return a part of an object, `(length,)` uint8; errors as in `get`."""
        import obstore

        def part() -> np.ndarray:
            got = obstore.get_range(self.store, name, start=start, length=length)
            data = np.frombuffer(memoryview(got), np.uint8)
            if len(data) != length:
                raise TruncatedError(f"expected {length} bytes from {start} on, got {len(data)}")
            return data

        return self._tried(name, "read", part)

    def get_end(self, name: str, length: int) -> tuple[bytes, int]:
        """Return the last bytes of an object, and its size; errors as in `get`."""
        import obstore

        def end() -> tuple[bytes, int]:
            result = obstore.get(self.store, name, options={"range": {"suffix": length}})
            return bytes(result.bytes()), result.meta["size"]

        return self._tried(name, "read", end)

    def sizes(self) -> dict[str, int]:
        """Return the sizes of all objects in bytes, by their names."""
        import obstore

        def listed() -> dict[str, int]:
            return {item["path"]: item["size"] for page in obstore.list(self.store) for item in page}

        return self._tried("", "listed", listed)

    def size(self, name: str) -> int | None:
        """Return the size of an object in bytes; None if there is none."""
        import obstore

        try:
            return self._tried(name, "read", lambda: obstore.head(self.store, name)["size"])
        except FileNotFoundError:
            return None

    def folders(self, name: str = "") -> list[str]:
        """Return the names of what lies in a folder and has objects below it."""
        import obstore

        def listed() -> list[str]:
            return sorted(obstore.list_with_delimiter(self.store, name or None)["common_prefixes"])

        return self._tried(name, "listed", listed)

    def copy(self, name: str, target: str) -> None:
        """Copy an object within the storage, whole or not at all; errors as in `get`."""
        import obstore

        self._tried(name, "copied", lambda: obstore.copy(self.store, name, target))

    def put(self, name: str, data: Any, *, create: bool = False) -> bool:
        """Write an object from bytes, a path or an open file, whole or not at all.

        Return False, and leave the object as it is, if there is one already and `create` says that it must be new.
        """
        import obstore
        from obstore.exceptions import AlreadyExistsError

        def written() -> bool:
            try:
                if create:
                    obstore.put(self.store, name, data, mode="create", use_multipart=False)
                else:
                    obstore.put(self.store, name, data)
            except AlreadyExistsError:
                return False
            return True

        return self._tried(name, "written", written)

    def _tried(self, name: str, verb: str, call: Callable[[], Result]) -> Result:
        """Return the result of a request; one that fails for whatever passes is made again, after a pause."""
        where = f"{self.address}/{name}" if name else self.address
        if _first_process() != os.getpid():
            raise StoreError(f"{where}: cannot be {verb} in a process that was forked from one that has; spawn it")
        for attempt in range(ATTEMPTS):
            if attempt:
                time.sleep(PAUSE_S * 2**attempt * random.uniform(0.5, 1.5))  # so that clients spread
            try:
                return call()
            except FileNotFoundError:
                raise FileNotFoundError(f"{where}: no such object") from None
            except _final() as error:
                raise StoreError(f"{where}: cannot be {verb}: {_line(error)}") from None
            except (_errors(), TruncatedError, OSError) as error:
                if METADATA_HOST in str(error):
                    raise StoreError(f"{where}: cannot be {verb}: {NO_CREDENTIALS}") from None
                failed = error
        raise StoreError(f"{where}: cannot be {verb}, after {ATTEMPTS} attempts: {_line(failed)}")


@cache
def _first_process() -> int:
    """Return the process in which obstore was used first: its threads do not live on in one that is forked from it."""
    return os.getpid()


class TruncatedError(Exception):
    """Body of an answer that ends too early."""


def _endpoint(environment: Mapping[str, str] = os.environ) -> str:
    return next((environment[name] for name in ENDPOINTS if name in environment), "")


def _errors() -> type[Exception]:
    from obstore.exceptions import BaseError

    return BaseError


def _final() -> tuple[type[Exception], ...]:
    """Return the errors that another attempt does not mend."""
    from obstore import exceptions

    return (
        exceptions.PermissionDeniedError,
        exceptions.UnauthenticatedError,
        exceptions.InvalidPathError,
        exceptions.NotSupportedError,
        exceptions.UnknownConfigurationKeyError,
    )


def _line(error: Exception) -> str:
    """Return what obstore says in one line, without the debugging form that follows."""
    return " ".join(re.split(r"\n\nDebug source|: <\?xml", str(error))[0].split())[:300]
