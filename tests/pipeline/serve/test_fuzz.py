"""Drawn requests have documented answers, and the process of the models lives through all of them."""

import json
from typing import Any
from urllib.parse import urlencode

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from service import BOUNDARY, Service, form, written

TONE = 0.3 * np.sin(np.arange(4000) / 9)
WHOLE = (
    written(TONE),
    written(TONE, format="FLAC"),
    written(TONE, format="OGG", subtype="VORBIS"),
    written(TONE, format="MP3", subtype="MPEG_LAYER_III"),
    written(TONE, format="AIFF"),
    written(TONE, format="AU"),
    b'{"waveform": [0.1, -0.2, 0.3, 1e3], "fs": 8000}',
    b'{"inputs": "UklGRg==", "parameters": {"top_k": 2}}',
    form(("a.wav", written(TONE)), ("b.wav", b"RIFF")),
)
KINDS = (
    "",
    "audio/wav",
    "application/json",
    "application/json; charset=utf-16",
    f"multipart/form-data; boundary={BOUNDARY}",
    "multipart/form-data; boundary=",
    "multipart/form-data",
    "text/csv",
    '\xe9;=;"',
)
STATUSES = {400, 404, 413, 422}


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """A sound, JSON or form of which some bytes are changed, and which may end early."""
    data = bytearray(draw(st.sampled_from(WHOLE)))
    for place, value in draw(
        st.lists(st.tuples(st.floats(0, 1) | st.floats(0, 0.02), st.integers(0, 255)), max_size=6)
    ):
        data[int(place * (len(data) - 1))] = value
    return bytes(data[: int(len(data) * draw(st.just(1.0) | st.floats(0, 1)))])


VALUES = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=3),
    max_leaves=9,
)
JSON = st.fixed_dictionaries(
    {}, optional={"waveform": VALUES, "fs": VALUES, "inputs": VALUES, "parameters": VALUES | st.just({"top_k": 0})}
).map(lambda members: json.dumps(members).encode())
BODIES = damaged() | st.binary(max_size=300) | JSON
WORDS = st.text(max_size=12) | st.sampled_from(["", "0", "-1", "1", "1e-300", "true", "nan", "1e400", "9" * 400])
QUERIES = st.fixed_dictionaries(
    {},
    optional={
        "shape": st.sampled_from(["otogura", "published", "huggingface"]) | WORDS,
        "model": st.sampled_from(["first", "second"]) | WORDS,
        "hop_s": st.floats(0.01, 1).map(str) | WORDS,
        "merge": st.booleans().map(str) | WORDS,
        "explain": st.booleans().map(str) | WORDS,
        "top_k": st.integers(1, 5).map(str) | WORDS,
        "unknown": WORDS,
    },
)


def check(status: int, text: bytes, batch: bool) -> None:
    answer: Any = json.loads(text)
    assert status == 200 or status in STATUSES, text
    if status != 200:
        assert answer.keys() == {"error"}
    if isinstance(answer, dict) and "error" in answer:
        assert answer["error"]
        assert answer["error"].isprintable()  # so that it is one line
    if status == 200 and batch:
        assert isinstance(answer, list)


@settings(max_examples=150)
@given(body=BODIES, kind=st.sampled_from(KINDS))
def test_no_body_brings_an_error_of_the_service(running: Service, body: bytes, kind: str) -> None:
    for path in ("/predict", "/predict/batch"):
        status, _, text = running.request("POST", path, body, {"Content-Type": kind})
        check(status, text, path.endswith("batch"))


@settings(max_examples=100)
@given(query=QUERIES, body=st.sampled_from([*WHOLE, b""]), kind=st.sampled_from(KINDS), batch=st.booleans())
def test_no_parameters_bring_an_error_of_the_service(
    running: Service, query: dict[str, str], body: bytes, kind: str, batch: bool
) -> None:
    path = f"/predict{'/batch' if batch else ''}?{urlencode(query, errors='surrogatepass')}"
    status, _, text = running.request("POST", path, body, {"Content-Type": kind})
    check(status, text, batch)


@pytest.fixture(autouse=True, scope="module")
def _lives_on(running: Service) -> Any:
    restarts, workers = running.number("otogura_worker_restarts_total"), running.workers()
    yield
    assert running.number("otogura_worker_restarts_total") == restarts
    assert running.workers() == workers
    assert not list(running.bodies.iterdir())
