"""The service over TLS, with a certificate that is made for the test."""

import json
import shutil
import socket
import ssl
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from service import PATIENCE_S, Service, service, written

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="there is no openssl to make a certificate")


@pytest.fixture(scope="module")
def secured(models: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("tls")
    certificate, key = folder / "cert.pem", folder / "key.pem"
    words = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2 -subj /CN=localhost"
    more = ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", key, "-out", certificate]
    subprocess.run([*words.split(), *more], check=True, capture_output=True)
    context = ssl.create_default_context(cafile=certificate)
    with service(models / "first", "--tls", certificate, key, folder=folder, context=context) as started:
        yield started


def test_https_is_answered(secured: Service) -> None:
    for samples in ([0.0, 0.1] * 500, [0.0, 0.1] * 700_000):  # in memory, and in a file
        assert secured.request("POST", "/predict", written(samples))[0] == 200
    assert secured.request("GET", "/")[0] == 200
    status, answer = secured.json("POST", "/predict?hop_s=0.01", written([0.0, 0.1] * 70_000))
    assert status == 200
    assert len(json.dumps(answer)) > 50_000  # more than one record of TLS


def test_what_is_no_https_does_no_harm(secured: Service) -> None:
    plain = Service(secured.process, secured.port, "", secured.folder)
    with pytest.raises(OSError, match=r"reset|closed connection|[Bb]roken pipe"):
        plain.request("GET", "/health")
    with socket.create_connection(("127.0.0.1", secured.port), timeout=PATIENCE_S) as connection:
        connection.sendall(b"\x16\x03\x01\xff\xff" + b"x" * 70_000)
    untrusting = Service(secured.process, secured.port, "", secured.folder, ssl.create_default_context())
    with pytest.raises(ssl.SSLCertVerificationError):
        untrusting.request("GET", "/health")
    assert secured.request("GET", "/health")[0] == 200
