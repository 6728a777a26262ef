"""Bodies in memory and in files, the limit between which is 1 MB, are answered alike."""

import asyncio
import base64
import json
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from service import BOUNDARY, Service, form, written
from starlette.requests import Request
from starlette.types import Message

from pipeline.serve.bodies import BodyReader
from pipeline.serve.refusals import Refusal
from pipeline.serve.spool import BODY, LARGEST_IN_MEMORY_BYTES, Spool
from training.inference.model import TrainedModel

TONE = 0.3 * np.sin(np.arange(22050) / 9)
NOISE = np.random.default_rng(0).uniform(-0.3, 0.3, (96_000, 8))
SMALL, LARGE = written(TONE), written(NOISE, 192_000, subtype="PCM_24")  # of 44 kB and 2.3 MB
FORMATS: dict[str, dict[str, Any]] = {
    "wav": {"format": "WAV"},
    "float": {"format": "WAV", "subtype": "FLOAT"},
    "flac": {"format": "FLAC"},
    "ogg": {"format": "OGG", "subtype": "VORBIS"},
    "opus": {"format": "OGG", "subtype": "OPUS", "rate_hz": 48_000},
    "mp3": {"format": "MP3", "subtype": "MPEG_LAYER_III"},
    "aiff": {"format": "AIFF"},
    "au": {"format": "AU"},
}


def outcome(model: TrainedModel, body: bytes | Path, folder: Path) -> dict[str, float] | str:
    """Return the probabilities for a body, or the reason why there are none."""
    reader = BodyReader(model, None, lambda blocks, rate_hz: iter(blocks), folder)
    ((recording,), _) = reader.recordings(body, "")
    try:
        return model.answer(recording.windows()).probabilities
    except ValueError as error:
        return str(error)


@pytest.mark.parametrize("name", FORMATS)
def test_bytes_and_files_of_each_format_give_the_same(model: TrainedModel, tmp_path: Path, name: str) -> None:
    data = written(TONE, **FORMATS[name])
    assert isinstance(outcome(model, data, tmp_path), dict)
    for end in (0, 1, 4, 12, 30, 44, 60, 200, len(data) // 2, len(data) - 100, len(data) - 1, len(data)):
        path = tmp_path / BODY
        path.write_bytes(data[:end])
        assert outcome(model, data[:end], tmp_path) == outcome(model, path, tmp_path), end


def sent_each_way(served: Service, sound: bytes) -> Iterator[tuple[int, Any]]:
    yield served.json("POST", "/predict", sound)
    yield served.form("/predict", ("x.wav", sound))
    yield served.json("POST", "/predict", {"inputs": base64.b64encode(sound).decode()})


def test_small_and_large_bodies_are_answered_each_way(served: Service, model: TrainedModel, tmp_path: Path) -> None:
    assert len(SMALL) < LARGEST_IN_MEMORY_BYTES < len(LARGE)
    for sound in (SMALL, LARGE):
        path = tmp_path / BODY
        path.write_bytes(sound)
        expected = model.predict(path).probabilities
        for status, answer in sent_each_way(served, sound):
            assert status == 200
            assert answer["probabilities"] == pytest.approx(expected, abs=1e-5)
        stated, present = len(sound) - 44, len(sound) - 5044
        reason = f"truncated: the header states {stated} bytes of samples, {present} are there"
        for refused in sent_each_way(served, sound[:-5000]):
            assert refused == (422, {"error": reason})


@pytest.mark.parametrize("count", [100, 200_000])
def test_few_and_many_samples_in_json_are_answered(served: Service, model: TrainedModel, count: int) -> None:
    samples = NOISE[:, 0].repeat(3)[:count]
    body = json.dumps({"waveform": samples.tolist(), "fs": 192_000}).encode()
    assert (len(body) > LARGEST_IN_MEMORY_BYTES) == (count > 100)
    status, answer = served.json("POST", "/predict", body, Content_Type="application/json")
    assert status == 200
    expected = model.predict(samples.astype(np.float32), 192_000).probabilities
    assert answer["probabilities"] == pytest.approx(expected, abs=1e-5)
    for wrong, reason in (
        (b'"x"', f"sample {count} is 'x', not a number"),
        (b"[1]", f"sample {count} is an array, not a number"),
    ):
        torn = body.replace(b"]", b", " + wrong + b"]", 1)
        assert served.json("POST", "/predict", torn, Content_Type="application/json") == (422, {"error": reason})
    assert served.json("POST", "/predict", body[:-3], Content_Type="application/json")[0] == 400


def test_small_and_large_parts_of_a_form_are_answered_together(served: Service) -> None:
    parts = {"small.wav": SMALL, "large.wav": LARGE, "small torn.wav": SMALL[:-500], "large torn.wav": LARGE[:-500]}
    status, answers = served.form("/predict/batch", *parts.items())
    assert status == 200
    assert [answer["file"] for answer in answers] == list(parts)
    for answer, sound in zip(answers, parts.values(), strict=True):
        alone = served.json("POST", "/predict", sound)[1]
        assert answer.get("error") == alone.get("error")
        if "error" not in answer:
            assert answer["probabilities"] == pytest.approx(alone["probabilities"], abs=1e-5)
    assert ["error" in answer for answer in answers] == [False, False, True, True]


def test_a_body_of_the_limit_and_one_above_are_received_whole(served: Service) -> None:
    for length in (LARGEST_IN_MEMORY_BYTES, LARGEST_IN_MEMORY_BYTES + 1):
        samples = np.zeros((length - 44) // 2)
        sound = written(samples, 32_000).ljust(length, b"\0")
        assert served.json("POST", "/predict", sound)[0] == 200
        assert served.json("POST", "/predict", sound[:-3])[0] == 422


def test_what_cannot_be_kept_is_refused_for_a_while(served: Service) -> None:
    folder = served.bodies
    hidden = folder.rename(folder.with_name("hidden"))
    try:
        assert served.json("POST", "/predict", LARGE)[0] == 200  # in a folder that is made again
        folder.rmdir()
        folder.touch()
        assert served.json("POST", "/predict", SMALL)[0] == 200
        status, headers, text = served.request("POST", "/predict", LARGE)
        assert (status, json.loads(text)) == (503, {"error": "there is no room for the body now; try again"})
        assert int(headers["retry-after"]) > 0
        folder.unlink()
    finally:
        hidden.rename(folder)


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no full device")
def test_the_end_of_the_disk_is_a_refusal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pipeline.serve.spool._opened", lambda folder: open("/dev/full", "wb"))  # noqa: SIM115
    parts = [{"type": "http.request", "body": bytes(700_000), "more_body": more} for more in (True, True, False)]

    async def receive() -> Message:
        return parts.pop(0)

    async def act() -> None:
        async with Spool(tmp_path).body(Request({"type": "http"}, receive)):
            pytest.fail("there is no body")

    with pytest.raises(Refusal, match="no room") as raised:
        asyncio.run(act())
    assert raised.value.status == HTTPStatus.SERVICE_UNAVAILABLE
    assert not list(tmp_path.iterdir())


def test_a_form_whose_files_cannot_be_kept_is_no_bad_form(model: TrainedModel, tmp_path: Path) -> None:
    reader = BodyReader(model, None, lambda blocks, rate_hz: iter(blocks), tmp_path / "x" / "y")
    kind = f"multipart/form-data; boundary={BOUNDARY}"
    with pytest.raises(OSError, match="no file can be made"):
        reader.recordings(form(("a.wav", LARGE)), kind)
    with pytest.raises(Refusal, match="no form"):
        reader.recordings(b"x", kind)
