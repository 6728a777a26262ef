"""Weights & Biases: a run on a server, or a folder that `wandb sync` sends later."""

import os
import shutil
from typing import ClassVar

from pipeline.runs.trackers.base import PROJECT, RunDescription, Status

OFFLINE = "offline"


class WandbTracker:
    """Run on the server that the environment or `wandb login` names, or on the server at `uri`.

    With `uri` "offline" or WANDB_MODE=offline the whole run is written anew each time, into `tracking/wandb/` of the
    run: a run that is resumed offline loses what it had. On a server the run is resumed by its identity.
    """

    package: ClassVar[str] = "wandb"
    installation: ClassVar[str] = "pip install 'otogura[wandb]'"

    def __init__(self, run: RunDescription, uri: str | None) -> None:
        os.environ.setdefault("WANDB_ERROR_REPORTING", "false")
        import wandb

        offline = uri == OFFLINE or os.environ.get("WANDB_MODE") == "offline"
        folder = run.folder / "tracking"
        if offline:
            shutil.rmtree(folder / "wandb", ignore_errors=True)
        folder.mkdir(parents=True, exist_ok=True)
        settings = wandb.Settings(
            console="off",
            disable_code=True,
            disable_git=True,
            silent=True,
            x_disable_stats=True,  # of the processor: they are those of this process
            x_save_requirements=False,
            **({} if offline or uri is None else {"base_url": uri}),
        )
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT") or PROJECT,
            id=run.identity,
            name=run.name,
            group=run.experiment,
            dir=str(folder),
            config={**run.settings, "folder": str(run.folder)},
            allow_val_change=True,  # the folder may have been moved
            mode="offline" if offline else "online",
            force=not offline,  # an error where nobody is logged in
            resume=None if offline else "allow",
            settings=settings,
        )
        self.epochs = 0 if offline else self._run.step

    @staticmethod
    def errors() -> tuple[type[Exception], ...]:
        from wandb.errors import Error

        return (Error,)

    def log_epoch(self, epoch: int, values: dict[str, float], time_s: float) -> None:
        self._run.log(values, step=epoch, commit=True)

    def log_scores(self, scores: dict[str, float], epoch: int, time_s: float) -> None:
        self._run.summary.update(scores)

    def close(self, status: Status, time_s: float) -> None:
        self._run.finish(exit_code=0 if status == "finished" else 1)


TRACKER = WandbTracker
