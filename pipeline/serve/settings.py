"""Settings of the service."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

MEGABYTE = 1_000_000


@dataclass(frozen=True)
class ServiceSettings:
    """Models that the service answers by, and its limits.

    Attributes
    ----------
    models : dict
        Folders by the names of the models; the first is the one of requests that name none.
    host, port : str, int
    keys : Path or None
        File of the keys; without one, whoever reaches the port is answered.
    tls : tuple of Path or None
        Certificate and private key.
    max_body_bytes : int
        Largest body of a request.
    max_seconds : float
        Longest recording.
    deadline_s : float
        Time for an answer, from the end of the body on.
    grace_s : float
        After a deadline, time for the process of the models to let go of the request before it is killed.
    queue : int
        Requests that are received or answered at a time.
    header_s : float
        Time for the header of a request.
    body_s : float
        Time for a body, in addition to that which `body_bytes_per_s` allow.
    body_bytes_per_s : int
        Slowest sender.
    memory_bytes : int
        Memory that the process of the models may take for recordings, beyond that of the loaded models.
    device : str
        Of the networks.
    workers : int
        Threads that decode and compute features.
    """

    models: dict[str, Path]
    host: str = "127.0.0.1"
    port: int = 8000
    keys: Path | None = None
    tls: tuple[Path, Path] | None = None
    max_body_bytes: int = 50 * MEGABYTE
    max_seconds: float = 3600.0
    deadline_s: float = 30.0
    grace_s: float = 2.0
    queue: int = 64
    header_s: float = 10.0
    body_s: float = 10.0
    body_bytes_per_s: int = 20_000
    memory_bytes: int = 2000 * MEGABYTE
    device: str = "auto"
    workers: int = os.cpu_count() or 1

    def for_worker(self) -> dict[str, Any]:
        """Return the part for the process of the models, ready for JSON."""
        return {
            "models": {name: str(folder.absolute()) for name, folder in self.models.items()},
            "device": self.device,
            "workers": self.workers,
            "max_seconds": self.max_seconds,
            "memory_bytes": self.memory_bytes,
        }
