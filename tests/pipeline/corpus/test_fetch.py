"""Fetching an archive from a server: whole, in parts, damaged, absent, and only once."""

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest
from serving import Server, archive, serving

from pipeline.corpus.fetch import fetch_archive
from pipeline.corpus.sources.esc50.settings import Fetch
from pipeline.support.errors import InputError

FILES = {
    "ESC-50-master/meta/esc50.csv": b"filename,fold\n",
    "ESC-50-master/audio/1-1-A-0.wav": bytes(range(256)) * 4000,
}


ARCHIVE = archive(FILES)


@pytest.fixture
def server() -> Iterator[Server]:
    with serving(ARCHIVE) as started:
        yield started


def fetch(server: Server, folder: Path, sha256: str = hashlib.sha256(ARCHIVE).hexdigest(), url: str = "") -> Path:
    root = folder / "data" / "ESC-50"
    root.parent.mkdir(exist_ok=True)
    fetch_archive(Fetch(url=url or server.url, sha256=sha256), root, folder / "cache", "mine.yaml: corpus.fetch")
    return root


def assert_unpacked(root: Path) -> None:
    for name, data in FILES.items():
        assert (root / name.split("/", 1)[1]).read_bytes() == data
    assert sorted(path.name for path in root.parent.iterdir()) == ["ESC-50"]


def refused(server: Server, folder: Path, **options: str) -> str:
    with pytest.raises(InputError) as caught:
        fetch(server, folder, **options)
    assert not (folder / "data" / "ESC-50").exists()
    return str(caught.value)


def test_an_archive_is_fetched_and_unpacked_once(server: Server, tmp_path: Path) -> None:
    assert_unpacked(fetch(server, tmp_path))
    assert not list((tmp_path / "cache").iterdir())
    assert_unpacked(fetch(server, tmp_path))
    assert server.requests == [""]


def test_what_is_there_already_is_left_alone(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data" / "ESC-50" / "meta").mkdir(parents=True)
    fetch(server, tmp_path)
    assert server.requests == []


def test_an_empty_folder_is_filled(server: Server, tmp_path: Path) -> None:
    (tmp_path / "data" / "ESC-50").mkdir(parents=True)
    assert_unpacked(fetch(server, tmp_path))


def test_a_broken_connection_is_said_and_the_next_run_goes_on(server: Server, tmp_path: Path) -> None:
    server.broken_after = 300_000
    said = refused(server, tmp_path)
    assert f"corpus.fetch.url: {server.url} broke off after 300000 of {len(ARCHIVE)} bytes" in said
    server.broken_after = None
    assert_unpacked(fetch(server, tmp_path))
    assert server.requests == ["", "bytes=300000-"]


def test_a_server_that_cannot_go_on_begins_anew(server: Server, tmp_path: Path) -> None:
    server.broken_after, server.ranges = 300_000, False
    refused(server, tmp_path)
    server.broken_after = None
    assert_unpacked(fetch(server, tmp_path))


def test_an_archive_with_another_checksum_is_thrown_away(server: Server, tmp_path: Path) -> None:
    damaged = bytearray(ARCHIVE)
    damaged[1000] ^= 1
    server.data = bytes(damaged)
    said = refused(server, tmp_path)
    assert f"corpus.fetch.sha256: expected {hashlib.sha256(ARCHIVE).hexdigest()}, but what" in said
    assert not list((tmp_path / "cache").iterdir())
    server.data = ARCHIVE
    assert_unpacked(fetch(server, tmp_path))


def test_a_whole_archive_that_was_left_is_not_fetched_again(server: Server, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / f"{hashlib.sha256(ARCHIVE).hexdigest()[:16]}.zip").write_bytes(ARCHIVE)
    assert_unpacked(fetch(server, tmp_path))
    assert server.requests == []


def test_an_address_that_leads_nowhere(server: Server, tmp_path: Path) -> None:
    assert "cannot be fetched: 404 Not Found" in refused(server, tmp_path, url=server.url + "x")
    assert "cannot be fetched: " in refused(server, tmp_path, url="http://127.0.0.1:1/x.zip")
    assert "cannot be fetched: " in refused(server, tmp_path, url="http://[")


def test_something_else_than_an_archive(server: Server, tmp_path: Path) -> None:
    server.data = b"<html>moved</html>"
    said = refused(server, tmp_path, sha256=hashlib.sha256(server.data).hexdigest())
    assert "corpus.fetch.url: expected a zip archive" in said


def test_an_archive_without_a_folder_of_its_own(server: Server, tmp_path: Path) -> None:
    server.data = archive({name.split("/", 1)[1]: data for name, data in FILES.items()})
    assert_unpacked(fetch(server, tmp_path, hashlib.sha256(server.data).hexdigest()))


def encrypted(data: bytes) -> bytes:
    """An archive whose only member says that it is encrypted."""
    marked = bytearray(data)
    for header, flags in ((b"PK\x03\x04", 6), (b"PK\x01\x02", 8)):
        marked[marked.index(header) + flags] |= 1
    return bytes(marked)


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (archive({}), "expected a zip archive with files in it, found an empty one"),
        (archive({"ESC-50-master/": b""}), "expected a zip archive with files in it, found an empty one"),
        (encrypted(archive({"x/a.wav": b"abc"})), "but 'x/a.wav' in it needs a password"),
    ],
)
def test_an_archive_with_nothing_to_unpack_is_one_line(
    server: Server, tmp_path: Path, data: bytes, reason: str
) -> None:
    server.data = data
    said = refused(server, tmp_path, sha256=hashlib.sha256(data).hexdigest())
    assert said.startswith("mine.yaml: corpus.fetch.url: ")
    assert reason in said
    assert "\n" not in said


def test_an_archive_of_one_file_is_a_folder_with_it(server: Server, tmp_path: Path) -> None:
    server.data = archive({"a.wav": b"abc"})
    root = fetch(server, tmp_path, hashlib.sha256(server.data).hexdigest())
    assert (root / "a.wav").read_bytes() == b"abc"
