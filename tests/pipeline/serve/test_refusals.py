"""Bad requests: each has its documented answer in one line, and the service answers the next one."""

import gzip
import json
import socket
from typing import Any

import numpy as np
import pytest
from service import PATIENCE_S, Service, answer_of, form, written

SOUND = 0.3 * np.sin(np.arange(22050) / 9)
FORMATS = {
    "wav": {"format": "WAV"},
    "flac": {"format": "FLAC"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS", "rate_hz": 48000},
    "mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III"},
    "au": {"format": "AU"},
    "aiff": {"format": "AIFF"},
}
JSON = {"Content-Type": "application/json"}


def refused(served: Service, body: bytes, headers: dict[str, str] | None = None, query: str = "") -> tuple[int, str]:
    """Return status and line of a refusal."""
    status, given, text = served.request("POST", f"/predict?{query}", body, headers)
    assert given["content-type"] == "application/json"
    answer = json.loads(text)
    assert answer.keys() == {"error"}
    line = answer["error"]
    assert line
    assert "\n" not in line
    assert "Traceback" not in line
    assert "/tmp" not in line
    assert "otogura-serve" not in line
    return status, line


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(SOUND[:1], id="one sample"),
        pytest.param(np.zeros(22050), id="silence"),
        pytest.param(np.stack([SOUND] * 8, axis=1), id="eight channels"),
    ],
)
def test_odd_sounds_are_answered(served: Service, samples: np.ndarray) -> None:
    assert served.request("POST", "/predict", written(samples))[0] == 200


@pytest.mark.parametrize(
    ("rate_hz", "subtype"),
    [(192_000, "PCM_16"), (8000, "PCM_16"), (22050, "PCM_24"), (1, "FLOAT"), (2**31 - 1, "FLOAT")],
)
def test_odd_forms_of_sound_are_answered_or_refused(served: Service, rate_hz: int, subtype: str) -> None:
    status, _, _ = served.request("POST", "/predict", written(SOUND[:40], rate_hz, subtype=subtype))
    assert status == 200


@pytest.mark.parametrize(
    ("body", "line"),
    [
        pytest.param(b"", "empty file", id="zero bytes"),
        pytest.param(written(np.zeros(0)), "no samples", id="no samples"),
        pytest.param(written(np.full(900, np.nan), subtype="FLOAT"), "NaN or infinite samples", id="NaN"),
        pytest.param(written(np.full(900, np.inf), subtype="FLOAT"), "NaN or infinite samples", id="infinite"),
        pytest.param(b"some text\n" * 99, "undecodable: Format not recognised", id="text"),
        pytest.param(b"RIFF\xff\xff\xff\xffWAVEfmt ", None, id="torn header"),
    ],
)
def test_what_is_no_sound_is_refused(served: Service, body: bytes, line: str | None) -> None:
    for status, said in (refused(served, body), served.form("/predict", ("sound.wav", body))):
        said = said["error"] if isinstance(said, dict) else said
        assert status == 422
        assert line in (None, said)


@pytest.mark.parametrize("name", FORMATS)
def test_torn_files_are_refused_or_answered_as_far_as_they_go(served: Service, name: str) -> None:
    how: dict[str, Any] = dict(FORMATS[name])
    data = written(SOUND, **how)
    assert served.request("POST", "/predict", data)[0] == 200
    for end in (len(data) // 2, 20):
        status, _, text = served.request("POST", "/predict", data[:end])
        assert status == 422 or (status == 200 and how["format"] in ("OGG", "MP3")), (end, text)


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b'{"waveform": [0.1, 0.2', 400, id="torn"),
        pytest.param(b"[" * 100_000 + b"]" * 100_000, 400, id="nested"),
        pytest.param(b'{"a":' * 900 + b"1" + b"}" * 900, 422, id="nested less"),
        pytest.param(b'{"waveform": ' + b"[" * 900 + b"]" * 900 + b', "fs": 8000}', 422, id="nested waveform"),
        pytest.param(b'{"waveform": [' + b'"0.1",' * 10**6 + b'"0.1"], "fs": 8000}', 422, id="a million strings"),
        pytest.param(b'{"waveform": [0.1, NaN], "fs": 8000}', 400, id="NaN"),
        pytest.param(b'{"waveform": [0.1, null], "fs": 8000}', 422, id="null"),
        pytest.param(b'{"waveform": [0.1, 1e300], "fs": 8000}', 422, id="huge"),
        pytest.param(b'{"waveform": [], "fs": 8000}', 422, id="no sample"),
        pytest.param(b'{"waveform": "x", "fs": 8000}', 422, id="no array"),
        pytest.param(b'{"waveform": [[0.1], [0.2]], "fs": 8000}', 422, id="two dimensions"),
        pytest.param(b'{"waveform": [0.1, 0.2]}', 422, id="no rate"),
        *(
            pytest.param(b'{"waveform": [0.1], "fs": ' + fs + b"}", 422, id=f"fs {fs.decode()}")
            for fs in (b"0", b"-1", b"1.5", b"1e99", b"null", b'"x"', b"true", b"[8000]", b"9007199254740993")
        ),
        pytest.param(b'{"inputs": "%%%"}', 422, id="no base64"),
        pytest.param(b'{"inputs": ""}', 422, id="nothing in base64"),
        pytest.param(b'{"inputs": "AAAA", "parameters": {"top_k": "x"}}', 422, id="no top_k"),
        pytest.param(b"[]", 422, id="no object"),
        pytest.param(b"\xff\xfe", 400, id="no UTF-8"),
    ],
)
def test_bad_json_is_refused(served: Service, body: bytes, status: int) -> None:
    assert refused(served, body, JSON)[0] == status


@pytest.mark.parametrize(
    ("body", "kind", "status"),
    [
        (b"", "multipart/form-data; boundary=a", 422),
        (b"anything", "multipart/form-data; boundary=a", 400),
        (b"anything", "multipart/form-data", 400),
        (form(("a.wav", b"x"))[:-20], "multipart/form-data; boundary=a-boundary", 422),
        (form(*[("a.wav", b"x")] * 200), "multipart/form-data; boundary=a-boundary", 413),
    ],
)
def test_bad_forms_are_refused(served: Service, body: bytes, kind: str, status: int) -> None:
    assert refused(served, body, {"Content-Type": kind})[0] == status


def test_names_of_files_lead_nowhere(served: Service) -> None:
    sound = written(SOUND)
    for name in ("../../../etc/passwd", "/etc/passwd", "..\\..\\x.wav", "a" * 400, "x\u0000.wav", "é日.wav"):
        status, answer = served.form("/predict", (name, sound))
        assert status == 200
        assert not {"/", "\\"} & set(answer["file"])
        assert len(answer["file"]) <= 255


@pytest.mark.parametrize(
    "query",
    ["shape=x", "hop_s=0", "hop_s=nan", "hop_s=inf", "hop_s=1e308", "top_k=0", "merge=x", "explain=7", "topk=1"],
)
def test_parameters_without_a_meaning_are_refused(served: Service, query: str) -> None:
    status, line = refused(served, written(SOUND), query=query)
    assert status == 422
    assert line.startswith(query.partition("=")[0])


def test_what_is_too_long_or_too_large_is_refused(served: Service) -> None:
    status, line = refused(served, written(np.zeros(61 * 8000), 8000, format="FLAC"))
    assert (status, line) == (413, "longer than 60 s")
    assert refused(served, bytes(8_000_001)) == (413, "expected a body of at most 8 MB")


def test_a_body_that_is_announced_as_2_gb_is_not_waited_for(served: Service) -> None:
    with served.open(more="Content-Length: 2000000000\r\n\r\n") as connection:
        assert answer_of(connection) == (413, {"error": "expected a body of at most 8 MB"})


def test_an_endless_body_is_cut(served: Service) -> None:
    with served.open(more="Transfer-Encoding: chunked\r\n\r\n") as connection:
        chunk = b"100000\r\n" + bytes(1 << 20) + b"\r\n"
        with pytest.raises(OSError, match=r"reset|[Bb]roken pipe"):
            connection.sendall(chunk * 100)
    with served.open(more="Transfer-Encoding: chunked\r\n\r\n") as connection:
        connection.sendall(chunk * 9)
        assert answer_of(connection)[0] == 413


@pytest.mark.parametrize(
    "more", ["", "Content-Length: 10\r\n\r\nhalf", "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n"]
)
def test_slow_senders_are_not_waited_for(served: Service, more: str) -> None:
    with served.open(more=more) as connection:
        status, answer = answer_of(connection)
    assert status == 408
    assert answer["error"].endswith("arrives too slowly")


def test_packed_bodies_are_refused_unopened(served: Service) -> None:
    bomb = gzip.compress(bytes(100_000_000), 1)
    assert refused(served, bomb, {"Content-Encoding": "gzip"})[0] == 415
    assert refused(served, bomb)[0] == 422


def test_what_is_no_request_is_refused(served: Service) -> None:
    for sent in (b"GET /health HTTP/1.1\r\nX: " + b"x" * 100_000, b"nonsense\r\n\r\n"):
        with socket.create_connection(("127.0.0.1", served.port), timeout=PATIENCE_S) as connection:
            connection.sendall(sent)
            assert answer_of(connection)[0] == 400


def test_a_body_with_two_lengths_is_refused_and_its_connection_closed(served: Service) -> None:
    more = "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\nHost: x\r\n\r\n"
    with served.open(more=more) as connection:
        received = b""
        while part := connection.recv(65536):
            received += part
    assert received.startswith(b"HTTP/1.1 400")
    assert received.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize(
    "more",
    [
        f"Content-Length: {'9' * 5000}",
        "Content-Length: -1",
        "Content-Length: 1\r\nContent-Length: 2",
        "Transfer-Encoding: gzip, chunked",
        "Transfer-Encoding: chunked\r\n\r\nzz",
        "X: a\x00b",
    ],
)
def test_broken_headers_are_refused(served: Service, more: str) -> None:
    with served.open(more=f"{more}\r\n\r\n") as connection:
        assert answer_of(connection) == (400, {"error": "expected an HTTP request with a header of at most 64 kB"})


def test_a_part_of_the_page_is_all_of_it(served: Service) -> None:
    page = served.request("GET", "/")[2]
    for part in ("bytes=0-3", "bytes=9-3", "bytes=zz", "bytes=" + "0-1," * 9999 + "0-1"):
        status, _, text = served.request("GET", "/", headers={"Range": part})
        assert (status, text) == (200, page)


def test_a_batch_of_nothing_is_refused(served: Service) -> None:
    status, answer = served.json("POST", "/predict/batch", b"")
    assert (status, answer) == (422, {"error": "the body holds no recording"})


def test_other_methods_and_paths_are_refused(served: Service) -> None:
    assert served.json("GET", "/predict")[0] == 405
    assert served.json("POST", "/models", b"")[0] == 405
    assert served.json("PUT", "/predict", b"x")[0] == 405
    assert served.json("POST", "/predict/", b"x")[0] == 404  # not a redirection to the host that a header names
    for path in ("/nothing", "/../etc/passwd", "/%2e%2e/etc/passwd", "/docs/../../x", "/page_files.py"):
        assert served.json("GET", path)[0] == 404


def test_a_key_is_asked_for(served: Service) -> None:
    for wrong in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": "Basic !"}, {"Authorization": served.key}):
        stranger = Service(served.process, served.port, "", served.folder)
        for method, path in (("POST", "/predict"), ("GET", "/models"), ("GET", "/metrics"), ("POST", "/predict/batch")):
            status, headers, text = stranger.request(method, path, headers=wrong)
            assert status == 401
            assert headers["www-authenticate"].startswith("Basic")
            assert json.loads(text) == {"error": "expected a key of this service: Authorization: Bearer KEY"}
        assert [stranger.request("GET", path)[0] for path in ("/health", "/ready", "/docs")] == [200] * 3
    schema = served.json("GET", "/openapi.json")[1]
    routes = {path: route for path, methods in schema["paths"].items() for route in methods.values()}
    assert schema["security"] == [{"key": []}]
    assert {path for path, route in routes.items() if route.get("security") == []} == {"/health", "/ready"}
    assert {path for path, route in routes.items() if "401" not in route["responses"]} == {"/health", "/ready"}
