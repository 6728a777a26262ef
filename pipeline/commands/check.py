"""Command that runs the contract of a part on it."""

from typing import Annotated

import typer

from pipeline.support.errors import InputError


def check(
    part: Annotated[
        str,
        typer.Argument(metavar="FILE:NAME", help="A class of yours, or the name of a built-in part."),
    ],
    settings: Annotated[
        list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Its settings, as a configuration has them.")
    ] = None,
    reads: Annotated[
        str, typer.Option(help="Kind of tensors that a network of your own reads, as its configuration says.")
    ] = "four_channel",
) -> None:
    """Run the contract of a network, augmentation, feature or corpus of yours, and say what it keeps and what not."""
    import yaml

    from pipeline.check.contract import outcomes
    from pipeline.check.parts import part_checks

    given = {}
    for setting in settings or ():
        key, separator, value = setting.partition("=")
        if not separator:
            raise InputError(f"check: expected settings as KEY=VALUE, got {setting!r}")
        given[key] = yaml.safe_load(value)
    broken = 0
    for outcome in outcomes(part_checks(part, given, reads)):
        broken += not outcome.passed
        mark = "ok    " if outcome.passed else "BROKEN"
        print(f"{mark}  {outcome.name}{': ' if outcome.remark else ''}{outcome.remark}", flush=True)
    if broken:
        raise typer.Exit(1)
