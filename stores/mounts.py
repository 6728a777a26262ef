"""File systems whose files may change or vanish under a reader."""

import os
from pathlib import Path

MOUNTS = Path("/proc/self/mountinfo")
NETWORK = ("9p", "afs", "beegfs", "ceph", "cifs", "fuse", "gluster", "gpfs", "lustre", "nfs", "orangefs", "smb")


def on_network(path: Path) -> bool:
    """Return True if a file lies on a network file system, or on one that a program provides (FUSE).

    From the table of mounts that Linux keeps; False where there is no such table, and where the file is missing.
    """
    try:
        device = os.stat(path).st_dev
        lines = MOUNTS.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    number = f"{os.major(device)}:{os.minor(device)}"
    for line in lines:  # number, parent, device, …, a dash, type of the file system, …
        mount, _, system = line.partition(" - ")
        if mount.split()[2] == number:
            return system.startswith(NETWORK) and not system.startswith("fuseblk")  # which are local disks
    return False
