"""The `otogura` command, put together from the commands on each subject."""

import sys

import typer

from features.own import OwnPartError
from pipeline.commands.check import check
from pipeline.commands.corpus import index, labels, replay
from pipeline.commands.installation import doctor, init
from pipeline.commands.predict import predict
from pipeline.commands.runs import runs, track
from pipeline.commands.serve import serve
from pipeline.commands.stores import export, prune, stores, verify, why
from pipeline.commands.train import train
from pipeline.commands.transfer import pull, push
from pipeline.support.errors import InputError
from stores.errors import StoreError

app = typer.Typer(
    help="otogura: a storehouse of sound.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (
    init,
    index,
    stores,
    why,
    verify,
    prune,
    export,
    push,
    pull,
    replay,
    labels,
    train,
    runs,
    track,
    predict,
    serve,
    check,
    doctor,
):
    app.command()(command)


def main() -> None:
    """Run the command that was typed; a mistake is one line, and exit code 1."""
    try:
        app()
    except (InputError, OwnPartError, StoreError, OSError) as error:
        print(f"otogura: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
