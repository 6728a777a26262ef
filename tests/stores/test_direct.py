"""Files written past the page cache: what was given is what lies there, and errors come to light."""

import fcntl
import os
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from stores.direct import ALIGNMENT, BUFFER_BYTES, DirectFile, writing


@pytest.mark.parametrize(
    "sizes", [[], [1], [ALIGNMENT], [BUFFER_BYTES], [BUFFER_BYTES - 1, 2], [3 * BUFFER_BYTES + 7, 5, 0]]
)
def test_what_was_written_is_there(tmp_path: Path, sizes: list[int]) -> None:
    parts = [np.random.default_rng(size).bytes(size) for size in sizes]
    with writing(tmp_path / "file") as file:
        for part in parts:
            file.write(part)
    assert (tmp_path / "file").read_bytes() == b"".join(parts)


@pytest.mark.skipif(not Path("/dev/shm").is_dir(), reason="needs a file system in memory, which knows no direct writes")
def test_a_file_system_without_direct_writes(tmp_path: Path) -> None:
    path = Path("/dev/shm") / f"otogura-{os.getpid()}"
    try:
        with writing(path) as file:
            file.write(bytes(BUFFER_BYTES + 1))
        assert path.stat().st_size == BUFFER_BYTES + 1
    finally:
        path.unlink()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a device that is always full")
def test_an_error_of_the_disk_is_raised() -> None:
    descriptor = os.open("/dev/full", os.O_WRONLY)
    try:
        file = DirectFile(descriptor)
        file.write(bytes(BUFFER_BYTES))
        with pytest.raises(OSError, match="No space left"):
            file.finish()
    finally:
        os.close(descriptor)


def test_a_disk_that_takes_a_part_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = SimpleNamespace(**vars(os))
    slow.write = lambda descriptor, data: os.write(descriptor, data[: 25 * ALIGNMENT])
    monkeypatch.setattr("stores.direct.os", slow)
    data = np.random.default_rng(0).bytes(BUFFER_BYTES + 5)
    with writing(tmp_path / "file") as file:
        file.write(data)
    assert (tmp_path / "file").read_bytes() == data


def test_a_file_system_that_refuses_direct_writes_late(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def write(descriptor: int, data: memoryview) -> int:
        if fcntl.fcntl(descriptor, fcntl.F_GETFL) & os.O_DIRECT:
            raise OSError(22, "Invalid argument")
        return os.write(descriptor, data)

    strict = SimpleNamespace(**vars(os))
    strict.write = write
    monkeypatch.setattr("stores.direct.os", strict)
    with writing(tmp_path / "file") as file:
        file.write(bytes(2 * BUFFER_BYTES))
    assert (tmp_path / "file").stat().st_size == 2 * BUFFER_BYTES


def test_a_file_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("mine")
    with pytest.raises(FileExistsError), writing(tmp_path / "file"):
        pass
