"""Network file systems, by the table of mounts."""

import os
from pathlib import Path

import pytest

from stores.mounts import on_network


@pytest.mark.parametrize(
    ("system", "network"),
    [("nfs4", True), ("cifs", True), ("fuse.sshfs", True), ("9p", True), ("ext4", False), ("fuseblk", False)],
)
def test_network_file_systems_are_known_by_the_table_of_mounts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str, network: bool
) -> None:
    device = os.stat(tmp_path).st_dev
    number = f"{os.major(device)}:{os.minor(device)}"
    table = f"22 27 0:999 / /proc rw - proc proc rw\n36 35 {number} / /data rw shared:1 - {system} host:/x rw\n"
    (tmp_path / "mountinfo").write_text(table)
    monkeypatch.setattr("stores.mounts.MOUNTS", tmp_path / "mountinfo")
    assert on_network(tmp_path) == network
    monkeypatch.setattr("stores.mounts.MOUNTS", tmp_path / "nowhere")
    assert not on_network(tmp_path)
