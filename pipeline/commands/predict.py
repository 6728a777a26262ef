"""Command that answers recordings by a trained model."""

import gc
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from features.own import OwnPartError
from pipeline.commands.options import Work
from pipeline.support.errors import InputError
from training.errors import ArtefactError

if TYPE_CHECKING:
    from pipeline.predict.formats import Writer
    from pipeline.predict.inputs import Inputs
    from pipeline.support.progress import Meter

SOME_FAILED, NOTHING, INTERRUPTED = 1, 2, 130


def predict(
    model: Annotated[str, typer.Argument(help="Run below work/runs, its folder, or another with model.json.")],
    files: Annotated[
        list[str],
        typer.Argument(
            help="Audio files, folders, JSON files with waveforms, Parquet files, or - for standard input; CSV tables "
            "for a model of spectrograms. After -- names may begin with a dash."
        ),
    ],
    output_format: Annotated[
        Literal["table", "json", "jsonl", "csv"], typer.Option("--format", help="Form of the answers.")
    ] = "table",
    hop_s: Annotated[
        float | None,
        typer.Option(
            "--hop", metavar="SECONDS", help="Hear recordings longer than a window as windows that begin so far apart."
        ),
    ] = None,
    merge: Annotated[bool, typer.Option("--merge", help="Join neighbouring windows of one class.")] = False,
    raw_rate_hz: Annotated[
        int | None,
        typer.Option(min=1, max=2**31 - 1, help="Sample rate of standard input, if that is samples without a header."),
    ] = None,
    raw_format: Annotated[
        Literal["u8", "s8", "s16le", "s24le", "s32le", "f32le", "f64le"],
        typer.Option(help="With --raw-rate-hz: form of a sample."),
    ] = "s16le",
    raw_channels: Annotated[int, typer.Option(min=1, max=1024, help="With --raw-rate-hz: interleaved channels.")] = 1,
    device: Annotated[Literal["auto", "cpu", "cuda"], typer.Option(help="Device of the network.")] = "auto",
    workers: Annotated[
        int | None, typer.Option(min=1, help="Threads that decode and compute features; by default one a core.")
    ] = None,
    work_dir: Work = Path("work"),
) -> None:
    """Answer recordings by a trained model: the class, whether it is sure, and the probabilities.

    Exit codes: 0 if every recording was answered, 1 if some were, 2 if none was or the command was wrong.
    """
    try:
        if hop_s is not None and not 0 < hop_s < float("inf"):
            raise InputError(f"--hop: expected seconds above 0, got {hop_s:g}")
        with _uncollected():
            from joblib import cpu_count

            from pipeline.predict.formats import FORMATS
            from pipeline.predict.inputs import Inputs, RawFormat
            from pipeline.predict.models import model_folder
            from pipeline.support.allocation import keep_freed_memory
            from training.inference.model import TrainedModel

            keep_freed_memory()
            loaded = TrainedModel(model_folder(model, work_dir), device)
        raw = None if raw_rate_hz is None else RawFormat(raw_rate_hz, raw_format, raw_channels)
        # Names of files may be no UTF-8.
        sys.stdout.reconfigure(errors="surrogateescape")  # type: ignore[union-attr]  # it is a text file
        writer = FORMATS[output_format](sys.stdout, loaded.classes, loaded.version)
        with closing(Inputs(loaded, hop_s, raw)) as inputs:
            answered, failed = _answer(inputs, files, writer, merge, workers or cpu_count())
    except (InputError, OwnPartError, ArtefactError) as error:
        print(f"otogura: {error}", file=sys.stderr)
        raise typer.Exit(NOTHING) from None
    except KeyboardInterrupt:
        raise typer.Exit(INTERRUPTED) from None
    if failed:
        raise typer.Exit(SOME_FAILED if answered else NOTHING)


@contextmanager
def _uncollected() -> Iterator[None]:
    """Keep the garbage collector from all that imports create: it would go through it in vain, for half a second.

    At the end of the process it would do so again.
    """
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()


def _progress(files: int) -> "AbstractContextManager[Meter | None]":
    """Return a bar where standard error is a terminal on which no table appears."""
    from pipeline.support.progress import Meter

    return Meter("recordings answered", files) if sys.stderr.isatty() and not sys.stdout.isatty() else nullcontext()


def _answer(inputs: "Inputs", names: list[str], writer: "Writer", merge: bool, workers: int) -> tuple[int, int]:
    """Write the answer for each recording as it comes; return the counts of answers and of faults."""
    from pipeline.predict.inputs import reason_of
    from training.inference.answers import Prediction
    from training.inference.batches import answer_all, computed_ahead

    files = inputs.expanded(names)
    counts = {True: 0, False: 0}
    with _progress(len(files)) as meter, closing(computed_ahead(inputs.recordings(files), workers)) as ahead:
        writer.begin()
        for name, answer in answer_all(inputs.model, ahead):
            if isinstance(answer, Prediction):
                writer.answer(name, answer.merged() if merge else answer)
            else:
                writer.fault(name, reason_of(answer))
            counts[isinstance(answer, Prediction)] += 1
            if meter is not None:
                meter.advance(1)
        writer.end()
    return counts[True], counts[False]
