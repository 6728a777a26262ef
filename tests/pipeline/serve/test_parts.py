"""Parts of the service that need no network: keys, the limit of memory, the command, the files of the page."""

import asyncio
import base64
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
from fastapi import FastAPI
from service import write_model
from starlette.types import Message

from pipeline.commands.main import main
from pipeline.commands.serve import PACKAGES
from pipeline.serve.bodies import base_name
from pipeline.serve.keys import admitted, new_key, read_keys
from pipeline.serve.page_files import SafeHeaders, add_page
from pipeline.serve.settings import ServiceSettings
from pipeline.support.errors import InputError


def test_a_key_is_admitted_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    first, second = new_key(path, "first"), new_key(path, "second")
    keys = read_keys(path)
    assert [key.name for key in keys] == ["first", "second"]
    assert path.stat().st_mode & 0o777 == 0o600
    assert first not in path.read_text()
    for key in (first, second):
        basic = base64.b64encode(f"anyone:{key}".encode()).decode()
        assert admitted(keys, f"Bearer {key}")
        assert admitted(keys, f"basic {basic}")
    for given in ("", first, "Bearer", f"Bearer {first}x", f"Bearer {first[:-1]}", f"Digest {first}", "Basic \xe9"):
        assert not admitted(keys, given)
    assert not admitted([], f"Bearer {first}")


def test_keys_that_are_none_are_told(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    new_key(path, "first")
    for name in ("first", "", "two words", "a\nb"):
        with pytest.raises(InputError):
            new_key(path, name)
    path.write_bytes(path.read_bytes() + b"\xff\n")
    with pytest.raises(InputError, match="keys:2: expected NAME SALT HASH"):
        read_keys(path)
    path.write_text(path.read_text(errors="ignore").strip() + "\nsecond ab\n")
    with pytest.raises(InputError, match="keys:2: expected NAME SALT HASH"):
        read_keys(path)


@pytest.mark.skipif(sys.platform != "linux", reason="other systems do not count private data")
def test_what_asks_for_more_memory_gets_an_error() -> None:
    code = """
import numpy as np
from pipeline.serve.memory import limit_memory
limit_memory(60_000_000)
np.ones(5_000_000)
try:
    np.ones(10_000_000)
except MemoryError:
    print("refused")
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "refused\n"


def test_open_files_are_as_many_as_the_system_allows() -> None:
    code = """
import resource
hard = min(500, resource.getrlimit(resource.RLIMIT_NOFILE)[1])
resource.setrlimit(resource.RLIMIT_NOFILE, (200, hard))
from pipeline.serve.server import _allow_open_files
_allow_open_files()
print(resource.getrlimit(resource.RLIMIT_NOFILE) == (hard, hard))
"""
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout == "True\n"


def test_names_of_files_are_cut_to_their_last_part() -> None:
    names = {b"a.wav": "a.wav", "C:\\x\\b.wav": "b.wav", "../..": "..", "/": "", None: "", b"\xff": "\ufffd"}
    assert {given: base_name(given) for given in names} == names


def get(app: FastAPI, path: str) -> tuple[int, dict[bytes, bytes], bytes]:
    """Return status, headers and body of a path of an application."""
    messages: list[Message] = []

    async def receive() -> Message:
        await asyncio.Event().wait()
        raise AssertionError("nothing more arrives")

    async def send(message: Message) -> None:
        messages.append(message)

    scope = {
        "type": "http",
        "method": "GET",
        "path": path,
        "raw_path": path.encode(),
        "headers": [],
        "query_string": b"",
    }
    asyncio.run(app(scope | {"root_path": "", "http_version": "1.1"}, receive, send))
    start, *parts = messages
    return start["status"], dict(start["headers"]), b"".join(part.get("body", b"") for part in parts)


def test_the_page_is_given_file_by_file(tmp_path: Path) -> None:
    files = {"index.html": b"<p>page</p>", "app.js": b"1;", "style.css": b"p {}", "icons/a.svg": b"<svg/>"}
    for name, text in files.items():
        path = tmp_path / "page" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(text)
    (tmp_path / "secret").write_text("secret")
    app = FastAPI(docs_url=None, redoc_url=None)
    add_page(app, tmp_path / "page")
    app.add_middleware(SafeHeaders)
    kinds = {"/": "text/html", "/app.js": "text/javascript", "/style.css": "text/css", "/icons/a.svg": "image/svg+xml"}
    for (path, kind), text in zip(kinds.items(), files.values(), strict=True):
        status, headers, body = get(app, path)
        assert (status, body) == (200, text)
        assert headers[b"content-type"].decode().startswith(kind)
        assert b"default-src 'self'" in headers[b"content-security-policy"]
    for path in ("/../secret", "/icons/../../secret", "/icons", "/index.html/..", "//etc/passwd", "/page_files.py"):
        assert get(app, path)[0] == 404


def typed(monkeypatch: pytest.MonkeyPatch, *words: str | Path) -> list[ServiceSettings]:
    """Type `otogura serve …`; return the settings that a service would have been started with."""
    started: list[ServiceSettings] = []
    monkeypatch.setattr("pipeline.serve.server.serve", started.append)
    monkeypatch.setattr(sys, "argv", ["otogura", "serve", *map(str, words)])
    with pytest.raises(SystemExit):
        main()
    return started


def test_the_command_passes_its_options_on(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    models = [write_model(tmp_path / "genre"), write_model(tmp_path / "environment" / "fold-2")]
    words = ["--port", "0", "--max-body-mb", "1.5", "--max-seconds", "9", "--deadline-s", "7", "--queue", "3"]
    words += ["--keys", "k", "--tls", "c", "p", "--host", "::1", "--workers", "2", "--receive-s", "4"]
    (settings,) = typed(monkeypatch, *models, *words, "--max-memory-mb", "300")
    assert settings.models == {"genre": models[0], "environment/fold-2": models[1]}
    assert (settings.host, settings.port, settings.keys) == ("::1", 0, Path("k"))
    assert settings.tls == (Path("c"), Path("p"))
    assert (settings.max_body_bytes, settings.max_seconds, settings.memory_bytes) == (1_500_000, 9, 300_000_000)
    assert (settings.deadline_s, settings.header_s, settings.body_s) == (7, 4, 4)
    assert (settings.queue, settings.workers) == (3, 2)
    (settings,) = typed(monkeypatch, models[0])
    assert settings.host == "127.0.0.1"
    assert settings.keys is settings.tls is None


def test_mistakes_are_one_line(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    model = write_model(tmp_path / "a" / "genre")
    for words, line in {
        (): "otogura: serve: expected a model, the run that it is of, or its folder\n",
        (str(model), str(write_model(tmp_path / "b" / "genre"))): "there is a model called genre already",
        (str(tmp_path / "none"),): "expected a run, its folder or another with model.json, found none",
        ("--new-key", "me"): "otogura: --new-key: expected --keys FILE beside it",
    }.items():
        assert not typed(monkeypatch, *words)
        said = capsys.readouterr().err
        assert line in said
        assert said.count("\n") == 1


def test_a_new_key_is_printed_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    assert not typed(monkeypatch, "--new-key", "me", "--keys", tmp_path / "keys")
    key = capsys.readouterr().out.strip()
    assert admitted(read_keys(tmp_path / "keys"), f"Bearer {key}")


def test_the_packages_that_are_looked_for_are_those_of_the_extra() -> None:
    project = tomllib.loads((Path(__file__).parents[3] / "pyproject.toml").read_text())["project"]
    extra = [line.partition(">=")[0] for line in project["optional-dependencies"]["serve"]]
    assert sorted(name.replace("-", "_") for name in extra) == sorted(PACKAGES)
