"""Answers of the service: its shapes, and ways to send a sound, give what the model gives without it."""

import base64
import json
import re
import shlex
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from service import Service

from training.inference.model import TrainedModel

Answers = dict[Path, dict[str, float]]


@pytest.fixture(scope="module")
def expected(model: TrainedModel, corpus: Path) -> Answers:
    """Probabilities by recording."""
    return {path: model.predict(path).probabilities for path in sorted(corpus.rglob("*.wav"))}


def same(shares: Any, expected: dict[str, float]) -> None:
    assert shares == pytest.approx(expected, abs=1e-5)


def test_each_shape_has_the_probabilities_of_the_model(served: Service, expected: Answers, model: TrainedModel) -> None:
    for path, shares in expected.items():
        sound = path.read_bytes()
        status, own = served.json("POST", "/predict", sound)
        assert status == 200
        same(own["probabilities"], shares)
        assert own["class"] == max(shares, key=lambda name: shares[name])
        assert own["model_version"] == model.version
        (segment,), (other,) = own["segments"], model.predict(path).described()["segments"]
        assert (segment["start_s"], segment["end_s"]) == (other["start_s"], other["end_s"])
        same(segment["probabilities"], shares)
        published = served.json("POST", "/predict?shape=published", sound)[1]
        assert published.keys() == {"version", "outputs"}
        assert published["version"] == model.version
        same({output["name"]: output["data"] for output in published["outputs"]}, shares)
        labels = served.json("POST", "/predict?shape=huggingface", sound)[1]
        same({label["label"]: label["score"] for label in labels}, shares)
        assert [label["score"] for label in labels] == sorted((label["score"] for label in labels), reverse=True)
        few = served.json("POST", "/predict?shape=huggingface&top_k=2", sound)[1]
        assert [label["label"] for label in few] == [label["label"] for label in labels[:2]]


def test_each_way_to_send_a_sound_gives_the_same(served: Service, expected: Answers) -> None:
    path, shares = next(iter(expected.items()))
    sound = path.read_bytes()
    samples, rate_hz = soundfile.read(path, dtype="float32")
    text = base64.b64encode(sound).decode()
    answers = [
        served.json("POST", "/predict", sound, Content_Type="audio/wav"),
        served.form("/predict", ("sound.wav", sound)),
        served.json("POST", "/predict", {"waveform": samples.tolist(), "fs": rate_hz}),
        served.json("POST", "/predict", {"inputs": text}),
    ]
    for status, answer in answers:
        assert status == 200
        same(answer["probabilities"], shares)
    assert [answer.get("file") for _, answer in answers] == [None, "sound.wav", None, None]
    body = {"inputs": text, "parameters": {"top_k": 1}}
    ((label,),) = [served.json("POST", "/predict?shape=huggingface", body)[1]]
    assert label["score"] == pytest.approx(max(shares.values()), abs=1e-5)


def test_many_clients_at_a_time_get_their_own_answers(served: Service, expected: Answers) -> None:
    batches = served.number("otogura_batch_windows_count")
    with ThreadPoolExecutor(4) as clients:  # as many as the queue takes
        paths = [*expected, *expected]
        answers = list(clients.map(lambda path: served.json("POST", "/predict", path.read_bytes()), paths))
    for path, (status, answer) in zip(paths, answers, strict=True):
        assert status == 200
        same(answer["probabilities"], expected[path])
    assert served.number("otogura_batch_windows_count") - batches <= len(paths)


def test_files_of_a_batch_are_answered_together_and_bad_ones_by_their_fault(served: Service, expected: Answers) -> None:
    files = [(path.name, path.read_bytes()) for path in expected]
    batches = served.number("otogura_batch_windows_count")
    status, answers = served.form("/predict/batch", *files[:6], ("../../bad.wav", b"no sound"), *files[6:])
    assert status == 200
    assert served.number("otogura_batch_windows_count") - batches == 1
    assert answers.pop(6) == {"file": "bad.wav", "error": "undecodable: Format not recognised"}
    for (path, shares), answer in zip(expected.items(), answers, strict=True):
        assert answer["file"] == path.name
        same(answer["probabilities"], shares)
    assert served.form("/predict", *files[:2])[0] == 422


def test_another_model_answers_by_its_name(served: Service, models: Path, corpus: Path) -> None:
    sound = corpus / "b/1.wav"
    answer = served.json("POST", "/predict?model=second", sound.read_bytes())[1]
    same(answer["probabilities"], TrainedModel(models / "second", device="cpu").predict(sound).probabilities)
    assert served.json("POST", "/predict?model=third", sound.read_bytes()) == (
        404,
        {"error": "model: expected one of first, second"},
    )


def test_a_long_recording_is_a_timeline(served: Service, model: TrainedModel, tmp_path: Path) -> None:
    path = tmp_path / "long.flac"
    soundfile.write(path, 0.3 * np.sin(np.arange(5 * 8000) / 7), 8000)
    for query, merged, hop_s in (("", False, None), ("hop_s=0.3", False, 0.3), ("merge=true", True, None)):
        answer = served.json("POST", f"/predict?{query}", path.read_bytes())[1]
        prediction = model.predict(path, hop_s=hop_s)
        described = (prediction.merged() if merged else prediction).described()
        assert len(answer["segments"]) == len(described["segments"])
        same(answer["probabilities"], prediction.probabilities)
        for segment, other in zip(answer["segments"], described["segments"], strict=True):
            assert (segment["start_s"], segment["end_s"]) == (other["start_s"], other["end_s"])
            same(segment["probabilities"], other["probabilities"])


def test_an_explanation_lies_over_the_strongest_window(served: Service, tmp_path: Path) -> None:
    path = tmp_path / "long.wav"
    soundfile.write(path, 0.3 * np.sin(np.cumsum(np.linspace(0.02, 0.8, 2 * 22050))), 22050)
    answer = served.json("POST", "/predict?explain=true", path.read_bytes())[1]
    explanation = answer["explanation"]
    strongest = max(answer["segments"], key=lambda segment: segment["probabilities"][answer["class"]])
    assert explanation["class"] == answer["class"]
    assert (explanation["start_s"], explanation["end_s"]) == (strongest["start_s"], strongest["end_s"])
    steps = len(explanation["occlusion"])
    assert explanation["step_s"] * steps == pytest.approx(strongest["end_s"] - strongest["start_s"])
    assert len(explanation["attention"]) == steps
    assert np.mean(explanation["attention"]) == pytest.approx(1, abs=0.1)
    assert "explanation" not in served.json("POST", "/predict", path.read_bytes())[1]


def test_the_models_say_what_they_are(served: Service, model: TrainedModel) -> None:
    status, models = served.json("GET", "/models")
    assert status == 200
    assert [one["name"] for one in models] == ["first", "second"]
    assert models[0] == {
        "name": "first",
        "version": model.version,
        "classes": ["a", "b", "c"],
        "task": "multiclass",
        "positive": None,
        "thresholds": None,
        "window_s": model.reader.window_s,
        "sample_rate_hz": 22050,
        "kind": "four_channel",
        "not_sure_limit": 0.3,
        "metrics": {"accuracy": 0.75},
    }


def test_the_examples_of_the_description_are_answered(served: Service) -> None:
    schema = served.json("GET", "/openapi.json")[1]
    sent = 0
    for path, methods in schema["paths"].items():
        for kind, content in methods.get("post", {}).get("requestBody", {}).get("content", {}).items():
            if "example" in content:
                status, answer = served.json("POST", path, json.dumps(content["example"]).encode(), Content_Type=kind)
                assert status == 200, answer
                sent += 1
    assert sent


def test_the_reference_loads_nothing_from_elsewhere(served: Service) -> None:
    status, headers, page = served.request("GET", "/docs")
    assert status == 200
    assert "default-src 'self'" in headers["content-security-policy"]
    text = page.decode()
    assert all(path in text for path in ("/predict/batch", "/models", "/ready"))
    loaded = re.findall(r'(?:src|href)="([^"]*)"', text)
    assert "docs/reference.css" in loaded
    assert not [address for address in loaded if "//" in address]
    assert served.request("GET", "/docs/reference.css")[1]["content-type"].startswith("text/css")


@pytest.mark.skipif(shutil.which("curl") is None, reason="there is no curl")
def test_the_commands_of_the_page_are_answered(served: Service, corpus: Path, tmp_path: Path) -> None:
    shutil.copy(corpus / "a/0.wav", tmp_path / "sound.wav")
    shutil.copy(corpus / "b/0.wav", tmp_path / "other.wav")
    text = (Path(__file__).parents[3] / "docs" / "serve.md").read_text()
    commands = re.findall(r"^curl .*$", text, re.M)
    assert len(commands) > 6
    for command in commands:
        words = shlex.split(command.replace("127.0.0.1:8000", f"127.0.0.1:{served.port}").replace("$KEY", served.key))
        words[1:1] = ["-s", "--fail-with-body", "-H", f"Authorization: Bearer {served.key}"]
        ended = subprocess.run(words, cwd=tmp_path, capture_output=True, text=True, check=False)
        assert ended.returncode == 0, (command, ended.stdout)
        assert json.loads(ended.stdout)


def test_the_page_lists_what_there_is(served: Service) -> None:
    text = (Path(__file__).parents[3] / "docs" / "serve.md").read_text()
    schema = served.json("GET", "/openapi.json")[1]
    routes = [route for methods in schema["paths"].values() for route in methods.values()]
    statuses = {status for route in routes for status in route["responses"]} - {"200"}
    assert statuses | {"405"} == set(re.findall(r"^\| (\d{3}) \|", text, re.M))
    assert {one["name"] for route in routes for one in route.get("parameters", ())} == {
        name for name in ("shape", "model", "hop_s", "merge", "explain", "top_k") if f"| `{name}` |" in text
    }
    assert all(f"{path}`" in text for path in schema["paths"])
