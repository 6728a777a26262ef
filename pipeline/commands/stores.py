"""Commands on stores: list, explain, verify and repair, remove, export."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from pipeline.commands.options import Configfile, StorePath, Work
from pipeline.support.errors import InputError
from stores import open_store
from stores.errors import StoreError
from stores.opening import current_store, store_objects
from stores.remote.objects import is_address


def stores(
    work_dir: Annotated[
        Path | None, typer.Option("--work-dir", help="Work folder, in place of work_dir in the configuration.")
    ] = None,
    configfile: Configfile = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List the stores, complete or not, and the experiments of the configuration that use them."""
    from pipeline.upkeep.catalogue import shelved, stores_elsewhere, users
    from pipeline.workflow.plan import plan_of

    plan = plan_of(configfile or [])
    work = work_dir or plan.work
    found = shelved(work)
    listed = [(store.describe(), names) for store, names in zip(found, users(found, plan), strict=True)]
    for family, address in stores_elsewhere(work):
        names = [name for name, one in plan.experiments.items() if one.store.family.resolve() == family.resolve()]
        listed.append((_described(address), names))
    if as_json:
        print(json.dumps([described | {"experiments": names} for described, names in listed], indent=1))
        return
    if not listed:
        print(f"{work / 'stores'}: no store; build one with `snakemake features`", file=sys.stderr)
    for store, names in listed:  # a path on a line of its own can be copied, whatever the width of the terminal
        shape, size = "×".join(map(str, store["shape"][1:])), f"{store['bytes'] / 1e9:.2f} GB"
        use = f"used by {', '.join(names)}" if names else "unused"
        print(store["path"])
        incomplete = "" if store["complete"] else ", incomplete"
        variants = "1 variant" if len(store["variants"]) == 1 else f"{len(store['variants'])} variants"
        print(f"    {store['clips']} clips, {variants}, {shape}, {size}, {use}{incomplete}")


def _described(address: str) -> dict[str, Any]:
    """Return what is printed of a complete store at an address. Raises `StoreError` where it cannot be read."""
    store = open_store(address, cache_bytes=0)
    manifest = store.manifest
    told = {name: manifest[name] for name in ("corpus", "recipe", "identity", "clips", "shape", "dtype", "bytes")}
    return {"path": str(store.path), **told, "variants": sorted(store.variants), "complete": True}


def why(
    path: Annotated[Path | None, typer.Argument(help="Store, or folder of stores, below work/stores.")] = None,
    work_dir: Work = Path("work"),
    configfile: Configfile = None,
) -> None:
    """Print for each variant of a store which other store has its tensors, or what differs from the nearest one.

    Without a store, print which files of your own have changed since what lies in the work folder was made by them.
    """
    from pipeline.upkeep.catalogue import why as reasons
    from pipeline.upkeep.edits import edits
    from pipeline.workflow.plan import plan_of

    if path is not None:
        for variant, reason in reasons(path, work_dir):
            print(f"{variant}: {reason}")
        return
    plan = plan_of(configfile or [])
    lines = list(edits(plan))
    print("\n".join(lines) if lines else f"{plan.origin}: no file of your own has changed since it was used")


def verify(
    path: Annotated[str, typer.Argument(help="Store, or folder of stores, below work/stores; or an address as s3://…")],
    mend: Annotated[bool, typer.Option("--repair", help="Compute damaged tensors again, from the recordings.")] = False,
    accept_new_bytes: Annotated[
        bool,
        typer.Option(
            "--accept-new-bytes",
            help="With --repair: accept bytes that differ from those written first; the store gets another identity.",
        ),
    ] = False,
    configfile: Configfile = None,
    cores: Annotated[int, typer.Option(min=1, help="Workers of a repair.")] = 1,
) -> None:
    """Compare every byte of a store with its checksums, and name what is damaged."""
    from pipeline.upkeep.repair import repair
    from pipeline.workflow.plan import plan_of
    from stores.verify import verify as damages_in

    if accept_new_bytes and not mend:
        raise InputError("--accept-new-bytes: expected together with --repair, which is what writes")
    if address := path if is_address(path) else _address_in(Path(path)):
        _verify_remote(address, mend)
        return
    store = Path(path)
    damages = list(damages_in(store))
    while damages:
        for damage in damages:
            print(damage)
        if not mend:
            print(f"{path}: {len(damages)} damaged; to mend it: otogura verify {path} --repair", file=sys.stderr)
            raise typer.Exit(1)
        done = repair(store, damages, plan_of(configfile or []), cores, accept_new_bytes)
        print(f"{path}: {done.computed} tensors computed again, {done.copied} beside them kept")
        left = list(damages_in(store))  # what hangs on a damaged manifest or row table shows only now
        if set(left) & set(damages):
            raise StoreError(f"{path}: still damaged after a repair: {left[0]}; is the disk sound?")
        damages = left
    print(f"{path}: whole")


def _address_in(folder: Path) -> str | None:
    """Return the address of the current store of a folder, if that is in object storage."""
    try:
        current = current_store(folder)
    except StoreError:  # a damaged pointer, which is found below
        return None
    return current if isinstance(current, str) else None


def _verify_remote(address: str, mend: bool) -> None:
    from stores.remote.verify import verify_remote

    if mend:
        raise InputError(
            f"{address}: expected a folder to be repaired; remove what is damaged, and push or build the store again"
        )
    objects = store_objects(address)
    damages = list(verify_remote(objects))
    for damage in damages:
        print(damage)
    if damages:
        print(
            f"{objects.address}: {len(damages)} missing or damaged; remove what is damaged, and push or build again",
            file=sys.stderr,
        )
        raise typer.Exit(1)
    print(f"{objects.address}: whole")


def prune(
    configfile: Configfile = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
) -> None:
    """Remove the stores that no experiment of the configuration uses, after asking."""
    from pipeline.upkeep.catalogue import freed, remove, unused
    from pipeline.workflow.plan import plan_of

    plan = plan_of(configfile or [])
    going = unused(plan)
    if not going:
        print(f"{plan.work / 'stores'}: {plan.origin} uses every store")
        return
    for store in going:
        print(store.path)
    asked = f"remove these {len(going)} stores, which no experiment of {plan.origin} uses, and free"
    if not yes and not typer.confirm(f"{asked} {freed(going) / 1e9:.2f} GB?"):
        raise typer.Exit(1)
    for store in going:
        remove(store, plan)


def export(
    store: StorePath,
    output: Annotated[Path, typer.Argument(help="The HDF5 file to write.")],
) -> None:
    """Write a store as one HDF5 file, which h5py reads, and open_store and the stream as well."""
    from stores.hdf5 import export as write

    if output.exists():
        raise InputError(f"{output}: exists already; remove it or choose another name")
    opened = open_store(store, check=True)
    write(opened, output)
    print(f"{output}: {len(opened)} clips, {len(opened.variants)} variants, {output.stat().st_size / 1e9:.2f} GB")
