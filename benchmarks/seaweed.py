"""SeaweedFS, an object store as a program of its own, on 127.0.0.1."""

import os
import random
import socket
import subprocess
import sysconfig
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

WEED = Path(sysconfig.get_path("scripts")) / "weed"
BUCKET = "stores"
PORTS, GRPC_OFFSET = (12_000, 22_000), 10_000  # of HTTP, and how far above them those of gRPC lie
PATIENCE_S, LOOK_S = 120.0, 0.05
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "of nobody", "AWS_REGION": "us-east-1"}


@contextmanager
def seaweed(folder: Path) -> Iterator[dict[str, str]]:
    """Run SeaweedFS with a bucket in a new folder; yield the environment by which it is reached.

    Raises `FileNotFoundError` where it is not installed, and `TimeoutError` where it does not come up.
    """
    ports = dict(zip(("s3", "master", "volume", "filer", "admin"), _free_ports(5), strict=True))
    options = [f"-{name}.port={port}" for name, port in ports.items()]
    options += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-bucket={BUCKET}", "-admin.ui=false", "-webdav=false"]
    folder.mkdir()
    with open(folder.with_suffix(".log"), "wb") as log:
        command = [str(WEED), "mini", f"-dir={folder}", *options]
        process = subprocess.Popen(command, env=os.environ | CREDENTIALS, stdout=log, stderr=log)
    try:
        limit = time.monotonic() + PATIENCE_S
        while not _answers(ports["s3"]):
            if process.poll() is not None or time.monotonic() > limit:
                raise TimeoutError(f"SeaweedFS does not answer; see {folder.with_suffix('.log')}")
            time.sleep(LOOK_S)
        yield CREDENTIALS | {"AWS_ENDPOINT_URL": f"http://127.0.0.1:{ports['s3']}"}
    finally:
        process.terminate()
        process.wait()


def _answers(port: int) -> bool:
    """Return True once the bucket is there: who has no key is refused, and not told that it is missing."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/{BUCKET}", timeout=5)
    except urllib.error.HTTPError as error:
        return error.code == 403
    except OSError:
        return False
    return True


def _free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at, nor at those of gRPC above them.

    They lie below those that systems give to connections, which could take one before SeaweedFS has it.
    """
    found: list[int] = []
    while len(found) < count:
        port = random.randrange(*PORTS)
        with socket.socket() as one, socket.socket() as above:
            try:
                one.bind(("127.0.0.1", port))
                above.bind(("127.0.0.1", port + GRPC_OFFSET))
            except OSError:
                continue
        if port not in found:
            found.append(port)
    return found
