"""The `otogura` command."""

import json
import platform
import sys
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from rich.console import Console

from pipeline.support.errors import InputError
from stores.errors import StoreError
from stores.files import read_json

app = typer.Typer(
    help="otogura: a storehouse of sound.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Work = Annotated[Path, typer.Option("--work-dir", help="The work_dir of the configuration.")]
Configfile = Annotated[
    list[Path] | None, typer.Option("--configfile", help="As Snakemake takes it; without it the shipped configuration.")
]


class Kind(StrEnum):
    audio = "audio"
    json = "json"


@app.command()
def index(
    root: Annotated[Path, typer.Argument(help="A folder with one sub-folder of recordings per label, or JSON files.")],
    source: Annotated[Kind, typer.Option(help="What is in it.")] = Kind.audio,
) -> None:
    """Look at every recording of a folder, and say which are bad and why. Writes nothing."""
    from pipeline.corpus.sources import source_of
    from pipeline.corpus.sources.audio.settings import AudioCorpus
    from pipeline.corpus.sources.json.settings import JsonCorpus
    from pipeline.support.executors import Engine

    corpus = JsonCorpus(root=root) if source is Kind.json else AudioCorpus(root=root)
    with TemporaryDirectory() as folder:
        source_of_files = source_of(corpus, "index")
        rows = source_of_files.scan(Path(folder), Engine()).select(["id", "reason"]).to_pylist()
    bad = [row for row in rows if row["reason"]]
    for row in bad:
        print(f"{row['id']}: {row['reason']}")
    if passed_over := str(source_of_files.passed_over):
        print(f"{root}: passed over {passed_over}")
    print(f"{len(rows)} recordings, {len(bad)} bad")
    if bad:
        raise typer.Exit(1)


@app.command()
def stores(
    work_dir: Work = Path("work"),
    configfile: Configfile = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """List the stores, complete or not, and the experiments of the configuration that use them."""
    from pipeline.upkeep.catalogue import shelved, users
    from pipeline.workflow.plan import plan_of

    plan = plan_of(configfile or [])
    found = [(store.describe(), users(store, plan)) for store in shelved(work_dir)]
    if as_json:
        print(json.dumps([described | {"experiments": names} for described, names in found], indent=1))
        return
    if not found:
        print(f"{work_dir / 'stores'}: no store; build one with `snakemake features`", file=sys.stderr)
    for store, names in found:  # a path on a line of its own can be copied, whatever the width of the terminal
        shape, size = "×".join(map(str, store["shape"][1:])), f"{store['bytes'] / 1e9:.2f} GB"
        use = (f"used by {', '.join(names)}" if names else "unused") if store["complete"] else "incomplete"
        print(store["path"])
        variants = "1 variant" if len(store["variants"]) == 1 else f"{len(store['variants'])} variants"
        print(f"    {store['clips']} clips, {variants}, {shape}, {size}, {use}")


@app.command()
def why(
    path: Annotated[Path, typer.Argument(help="A folder of stores below work/stores, or one store in it.")],
    work_dir: Work = Path("work"),
) -> None:
    """Say for each variant of a store what made it necessary to compute it, or where it was taken from."""
    from pipeline.upkeep.catalogue import why as reasons

    for variant, reason in reasons(path, work_dir):
        print(f"{variant}: {reason}")


@app.command()
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
def labels(
    experiment: Annotated[str, typer.Argument(help="One whose labels come from tags.")],
    configfile: Configfile = None,
) -> None:
    """Show what the tags of an experiment's tracks say, as tables and as a page, and write its table of labels."""
    from pipeline.labels.mine import mine, write_labels
    from pipeline.labels.page import tables, write_labels_page
    from pipeline.workflow.plan import plan_of

    plan = plan_of(configfile or [])
    if experiment not in plan.config.experiments:
        raise InputError(f"{plan.origin} has no experiment {experiment!r}; it has {', '.join(plan.config.experiments)}")
    corpus = plan.tags(experiment)
    if corpus is None:
        raise InputError(f"{plan.where(experiment)}.corpus: its labels do not come from tags; expected source: tags")
    if (demo := plan.demo(experiment)) and not corpus.table.is_file():
        raise InputError(f"the demo {demo} is not there yet; snakemake train_{experiment} synthesises it")
    folder = plan.labels_folder(experiment)
    mined = mine(corpus, f"{plan.where(experiment)}.corpus")
    write_labels_page(mined, folder, folder.name)
    write_labels(mined, folder)
    for table in tables(mined):
        Console().print(table)
    print(f"{mined.summary()}\npage: {folder / 'labels.html'}")


@app.command()
def replay(
    clip: Annotated[Path, typer.Argument(help="A recording that a store holds.")],
    variant: Annotated[str, typer.Argument(help="original, noise, shift, stretch, pitch or rolloff.")],
    output: Annotated[Path, typer.Argument(help="The WAV file to write.")],
    store: Annotated[Path | None, typer.Option(help="The store's folder, if several hold the recording.")] = None,
    work_dir: Work = Path("work"),
) -> None:
    """Write one variant of a recording as sound: the waveform that its tensor was made from."""
    from pipeline.build.replay import replay as write

    said = write(clip, variant, output, store or work_dir / "stores")
    print(f"{output}: {variant} of {clip}: {said}")


@app.command()
def export(
    store: Annotated[Path, typer.Argument(help="A folder of stores below work/stores, or one store in it.")],
    output: Annotated[Path, typer.Argument(help="The HDF5 file to write.")],
) -> None:
    """Write a store as one HDF5 file, which h5py reads, and open_store and the stream as well."""
    from stores.hdf5 import export as write
    from stores.reader import open_store

    if output.exists():
        raise InputError(f"{output}: exists already; remove it or choose another name")
    found = open_store(store, check=True)
    write(found, output)
    print(f"{output}: {len(found)} clips, {len(found.variants)} variants, {output.stat().st_size / 1e9:.2f} GB")


@app.command()
def verify(
    path: Annotated[Path, typer.Argument(help="A folder of stores below work/stores, or one store in it.")],
    mend: Annotated[bool, typer.Option("--repair", help="Write what is damaged again, from the recordings.")] = False,
    accept_new_bytes: Annotated[
        bool,
        typer.Option(
            "--accept-new-bytes",
            help="Of a repair: take what other versions or another processor compute, under another identity.",
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
    damages = list(damages_in(path))
    while damages:
        for damage in damages:
            print(damage)
        if not mend:
            print(f"{path}: {len(damages)} damaged; to mend it: otogura verify {path} --repair", file=sys.stderr)
            raise typer.Exit(1)
        done = repair(path, damages, plan_of(configfile or []), cores, accept_new_bytes)
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


def main() -> None:
    try:
        app()
    except (InputError, StoreError, OSError) as error:
        print(f"otogura: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
