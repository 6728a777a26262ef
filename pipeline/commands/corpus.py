"""Commands on recordings: look at them, label them by their tags, hear a variant."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated

import typer
from pydantic import BaseModel
from rich.console import Console

from pipeline.commands.options import Configfile, Work
from pipeline.support.errors import InputError


def _required(kind: type[BaseModel]) -> set[str]:
    return {name for name, field in kind.model_fields.items() if field.is_required()}


def index(
    root: Annotated[
        Path, typer.Argument(help="A folder of recordings in sub-folders by label, or of JSON or Parquet files.")
    ],
    source: Annotated[str, typer.Option(help="Source that reads it, as in the configuration.")] = "audio",
) -> None:
    """Look at every recording of a folder, and say which are bad and why. Writes nothing."""
    from pipeline.corpus.sources import SOURCES
    from pipeline.corpus.sources.readers import source_of
    from pipeline.support.executors import TaskRunner

    of_folders = {name: kind for name, kind in SOURCES.items() if _required(kind) == {"root"}}
    if source not in of_folders:
        raise InputError(f"--source: expected one of {', '.join(of_folders)}, got {source!r}")
    corpus = of_folders[source].model_validate({"root": root}).stored()
    with TemporaryDirectory() as folder:
        reader = source_of(corpus, "index")
        rows = reader.scan(Path(folder), TaskRunner()).select(["id", "reason"]).to_pylist()
    bad = [row for row in rows if row["reason"]]
    for row in bad:
        print(f"{row['id']}: {row['reason']}")
    if passed_over := str(reader.passed_over):
        print(f"{root}: passed over {passed_over}")
    print(f"{len(rows)} recordings, {len(bad)} bad")
    if bad:
        raise typer.Exit(1)


def labels(
    experiment: Annotated[str, typer.Argument(help="One whose labels come from tags.")],
    configfile: Configfile = None,
) -> None:
    """Show what the tags of an experiment's tracks say, as tables and as a page, and write its table of labels."""
    from pipeline.labels.mine import mine, write_labels
    from pipeline.labels.page import tables, write_labels_page
    from pipeline.workflow.plan import plan_of

    plan = plan_of(configfile or [])
    if (target := plan.experiments.get(experiment)) is None:
        raise InputError(f"{plan.origin} has no experiment {experiment!r}; it has {', '.join(plan.experiments)}")
    if (labels := target.corpus.labels) is None:
        raise InputError(f"{target.config_path}.corpus: its labels do not come from tags; expected source: tags")
    if labels.demo and not labels.tags.table.is_file():
        raise InputError(f"the demo {labels.demo.name} is not there yet; snakemake train_{experiment} synthesises it")
    mined = mine(labels.tags, f"{target.config_path}.corpus")
    write_labels_page(mined, labels.folder, labels.name)
    write_labels(mined, labels.folder)
    for table in tables(mined):
        Console().print(table)
    print(f"{mined.summary()}\npage: {labels.folder / 'labels.html'}")


def replay(
    clip: Annotated[Path, typer.Argument(help="A recording that a store holds.")],
    variant: Annotated[str, typer.Argument(help="original, noise, shift, stretch, pitch or rolloff.")],
    output: Annotated[Path, typer.Argument(help="The WAV file to write.")],
    store: Annotated[Path | None, typer.Option(help="The store's folder, if several hold the recording.")] = None,
    work_dir: Work = Path("work"),
) -> None:
    """Write one variant of a recording as sound: the waveform that its tensor was made from."""
    from pipeline.build.replay import replay as write

    parameters = write(clip, variant, output, store or work_dir / "stores")
    print(f"{output}: {variant} of {clip}: {parameters}")
