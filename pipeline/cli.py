"""The `otogura` command."""

import json
import platform
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Console
from rich.table import Column, Table

from pipeline.errors import InputError
from stores.errors import StoreError
from stores.files import read_json
from stores.layout import Layout

app = typer.Typer(
    help="otogura: a storehouse of sound.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Work = Annotated[Path, typer.Option("--work-dir", help="The work_dir of the configuration.")]


@app.command()
def index(root: Annotated[Path, typer.Argument(help="A folder with one sub-folder of recordings per label.")]) -> None:
    """Look at every recording of a folder, and say which are bad and why. Writes nothing."""
    from pipeline.config import AudioCorpus
    from pipeline.probe import probe
    from pipeline.sources import AudioSource

    listing = AudioSource(AudioCorpus(root=root), "index").listing()
    bad = 0
    for name in listing.table["id"].to_pylist():
        if reason := probe(listing.root / name, refuse_silence=False).reason:
            bad += 1
            print(f"{name}: {reason}")
    print(f"{len(listing.table)} recordings, {bad} bad")
    if bad:
        raise typer.Exit(1)


@app.command()
def stores(
    work_dir: Work = Path("work"), as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False
) -> None:
    """List the stores, complete or not."""
    found = [_describe(path.parent) for path in sorted((work_dir / "stores").glob("*/*/rows.parquet"))]
    if as_json:
        print(json.dumps(found, indent=1))
        return
    table = Table(
        Column("store", overflow="fold", min_width=24), "clips", "variants", "shape", "dtype", "GB", "complete"
    )
    for store in found:
        shape = "×".join(map(str, store["shape"][1:]))
        size = f"{store['bytes'] / 1e9:.2f}"
        complete = "yes" if store["complete"] else "no"
        variants = str(len(store["variants"]))
        table.add_row(store["path"], str(store["clips"]), variants, shape, store["dtype"], size, complete)
    Console().print(table)


@app.command()
def runs(work_dir: Work = Path("work")) -> None:
    """List the trained experiments with their scores on test clips, and where their reports are."""
    found = sorted((work_dir / "runs").glob("*/metrics.json"))
    if not found:
        print(f"{work_dir / 'runs'}: nothing has been trained", file=sys.stderr)
    for path in found:
        metrics = read_json(path)
        accuracy = f"{metrics.get('mean', metrics)['accuracy']:.3f}"
        if "sd" in metrics:
            accuracy += f" ± {metrics['sd']['accuracy']:.3f} over {len(metrics['folds'])} folds"
        print(f"{path.parent.name}: test accuracy {accuracy}; report: {path.parent / 'report.html'}")


@app.command()
def replay(
    clip: Annotated[Path, typer.Argument(help="A recording that a store holds.")],
    variant: Annotated[str, typer.Argument(help="original, noise, shift, stretch, pitch or rolloff.")],
    output: Annotated[Path, typer.Argument(help="The WAV file to write.")],
    store: Annotated[Path | None, typer.Option(help="The store's folder, if several hold the recording.")] = None,
    work_dir: Work = Path("work"),
) -> None:
    """Write one variant of a recording as sound: the waveform that its tensor was made from."""
    from pipeline.replay import replay as write

    said = write(clip, variant, output, store or work_dir / "stores")
    print(f"{output}: {variant} of {clip}: {said}")


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A folder of stores below work/stores, or one store in it.")],
    mend: Annotated[bool, typer.Option("--repair", help="Write what is damaged again, from the recordings.")] = False,
    configfile: Annotated[
        list[Path] | None, typer.Option(help="What the store was built with, if not the shipped configuration.")
    ] = None,
    cores: Annotated[int, typer.Option(min=1, help="Workers of a repair.")] = 1,
) -> None:
    """Compare every byte of a store with its checksums, and name what is damaged."""
    from pipeline.repair import repair
    from pipeline.workflow import plan_of
    from stores.verify import verify as damages_in

    damages = list(damages_in(path))
    while damages:
        for damage in damages:
            print(damage)
        if not mend:
            print(f"{path}: {len(damages)} damaged; to mend it: otogura verify {path} --repair", file=sys.stderr)
            raise typer.Exit(1)
        done = repair(path, damages, plan_of(configfile or []), cores)
        print(f"{path}: {done.computed} tensors computed again, {done.copied} beside them kept")
        left = list(damages_in(path))  # what hangs on a damaged manifest or row table shows only now
        if set(left) & set(damages):
            raise StoreError(f"{path}: still damaged after a repair: {left[0]}; is the disk sound?")
        damages = left
    print(f"{path}: whole")


@app.command()
def doctor() -> None:
    """Say what this installation is made of, for a bug report."""
    import torch

    from training.fit import device_of, precision_of
    from training.settings import Training

    packages = ("otogura", "numpy", "scipy", "librosa", "soundfile", "soxr", "zarr", "torch", "lightning", "snakemake")
    for name, value in {
        "python": platform.python_version(),
        **{name: version(name) for name in packages},
        "training device": device_of(Training()),
        "training precision": precision_of(Training()),
        "threads": torch.get_num_threads(),
    }.items():
        print(f"{name}: {value}")


def _describe(path: Path) -> dict[str, Any]:
    """One store from its manifest, or, while it has none, from its metadata."""
    layout = Layout(path)
    complete = layout.manifest.is_file()
    arrays = {item.parent.name: read_json(item) for item in sorted(layout.group.glob("*/zarr.json"))}
    arrays = {name: array for name, array in arrays.items() if array["node_type"] == "array"}
    group = read_json(layout.group / "zarr.json")["attributes"] if arrays else {}
    first: dict[str, Any] = next(iter(arrays.values()), {"shape": [0], "data_type": ""})
    return {
        "path": str(path),
        "corpus": group.get("corpus", ""),
        "recipe": group.get("recipe", {}),
        "identity": path.name,
        "variants": sorted(arrays),
        "clips": first["shape"][0],
        "shape": first["shape"],
        "dtype": first["data_type"],
        "bytes": sum(file.stat().st_size for file in path.rglob("*") if file.is_file()),
        "complete": complete,
    }


def main() -> None:
    try:
        app()
    except (InputError, StoreError, OSError) as error:
        print(f"otogura: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
