"""Command that answers recordings over HTTP."""

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Literal

import typer

from pipeline.commands.options import Work
from pipeline.support.errors import InputError

PACKAGES = ("fastapi", "uvicorn", "python_multipart", "prometheus_client")


def serve(
    models: Annotated[
        list[str] | None, typer.Argument(help="Runs below work/runs, their folders, or others with model.json.")
    ] = None,
    host: Annotated[str, typer.Option(help="Address to listen on; 0.0.0.0 for all of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="0 takes a free one.")] = 8000,
    keys: Annotated[Path | None, typer.Option(help="File of the keys, one of which each client has to send.")] = None,
    new_key: Annotated[
        str | None, typer.Option(metavar="NAME", help="Append a new key to the file of --keys, print it, and end.")
    ] = None,
    tls: Annotated[
        tuple[Path, Path] | None, typer.Option(metavar="CERT KEY", help="Certificate and private key, for https.")
    ] = None,
    max_body_mb: Annotated[float, typer.Option(min=0.001, help="Largest body.")] = 50,
    max_seconds: Annotated[float, typer.Option(min=0.001, help="Longest recording.")] = 3600,
    max_memory_mb: Annotated[int, typer.Option(min=100, help="Memory for recordings, beyond the models'.")] = 2000,
    deadline_s: Annotated[float, typer.Option(min=0.1, help="Time for an answer.")] = 30,
    receive_s: Annotated[
        float, typer.Option(min=0.1, help="Time for a header, and for a body beyond what 20 kB/s takes.")
    ] = 10,
    queue: Annotated[int, typer.Option(min=1, help="Requests that are received or answered at a time.")] = 64,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Device of the networks.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that decode and compute features; by default one a core.")
    ] = None,
    work_dir: Work = Path("work"),
) -> None:
    """Answer recordings over HTTP by trained models, with a page in the browser."""
    if any(find_spec(package) is None for package in PACKAGES):
        raise InputError("serve: its packages are not installed; pip install 'otogura[serve]' brings them")
    if new_key is not None:
        _print_new_key(keys, new_key)
        return
    from joblib import cpu_count

    from pipeline.predict.models import model_folder
    from pipeline.serve.server import serve as run
    from pipeline.serve.settings import MEGABYTE, ServiceSettings

    if not models:
        raise InputError("serve: expected a model, the run that it is of, or its folder")
    settings = ServiceSettings(
        models=_by_name([model_folder(model, work_dir) for model in models]),
        host=host,
        port=port,
        keys=keys,
        tls=tls,
        max_body_bytes=round(max_body_mb * MEGABYTE),
        max_seconds=max_seconds,
        memory_bytes=max_memory_mb * MEGABYTE,
        deadline_s=deadline_s,
        header_s=receive_s,
        body_s=receive_s,
        queue=queue,
        device=device,
        workers=workers or cpu_count(),
    )
    run(settings)


def _print_new_key(path: Path | None, name: str) -> None:
    from pipeline.serve.keys import new_key

    if path is None:
        raise InputError("--new-key: expected --keys FILE beside it, the file that the key is appended to")
    print(new_key(path, name))


def _by_name(folders: list[Path]) -> dict[str, Path]:
    """Return the folders by the names of their runs; that of a fold is `run/fold-1`."""
    named: dict[str, Path] = {}
    for folder in folders:
        path = folder.absolute()
        name = f"{path.parent.name}/{path.name}" if path.name.startswith("fold-") else path.name
        if name in named:
            raise InputError(f"{folder}: there is a model called {name} already; rename the folder of one")
        named[name] = folder
    return named
