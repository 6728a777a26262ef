"""Commands that copy stores to object storage and back."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from pipeline.commands.options import StorePath
from pipeline.support.errors import InputError

if TYPE_CHECKING:
    from stores.remote.transfer import Pull, Push

Address = Annotated[
    str, typer.Argument(metavar="ADDRESS", help="As s3://bucket/folder; credentials come from the environment.")
]


def push(path: StorePath, address: Address) -> None:
    """Copy a store, or the current one of a folder, to object storage; what is there already is passed over."""
    from stores.remote.transfer import Push

    _refuse_path(address)
    copied = Push(path, address)
    sent = _run(copied, "pushed")
    print(f"{copied.objects.address}: {sent / 1e9:.2f} GB sent; open_store({address!r}) reads it")


def pull(
    address: Address,
    folder: Annotated[Path, typer.Argument(help="Folder of stores, below which it comes.")],
) -> None:
    """Copy a store from object storage to a folder; what is there already is passed over."""
    from stores.remote.transfer import Pull

    _refuse_path(address)
    copied = Pull(address, folder)
    received = _run(copied, "pulled")
    print(f"{copied.path}: {received / 1e9:.2f} GB received")


def _refuse_path(address: str) -> None:
    from stores.remote.objects import is_address

    if not is_address(address):
        raise InputError(f"{address}: expected an address such as s3://bucket/folder")


def _run(copied: "Push | Pull", verb: str) -> int:
    """Copy all shards with their progress; return the bytes that were copied."""
    from pipeline.support.progress import Meter

    count = 0
    with Meter(f"shards {verb}", copied.shards) as meter:
        for moved in copied.run():
            count += moved.bytes
            meter.advance(1)
    return count
