"""TensorBoard: event files, written anew whenever a run is sent.

The scalars carry the times of the events, so that they are the same each time.
"""

from pathlib import Path
from typing import ClassVar

from pipeline.runs.trackers.base import RunDescription, Status

FLUSH_S = 1
FILES = "events.out.tfevents.*"


class TensorBoardTracker:
    """Writer of event files into `tensorboard/` of a run, or into a folder of its name below `uri`."""

    package: ClassVar[str] = "tensorboardX"
    installation: ClassVar[str] = "pip install tensorboardX"

    def __init__(self, run: RunDescription, uri: str | None) -> None:
        from tensorboardX import SummaryWriter

        folder = run.folder / "tensorboard" if uri is None else Path(uri) / run.name
        for path in folder.glob(FILES):
            path.unlink()
        self.epochs = 0
        # A TensorBoard that shows the files which were there before drops their scalars from this step on.
        # A thread writes the file, by default every two minutes, and `flush` does not wait for that thread.
        self._writer = SummaryWriter(str(folder), purge_step=0, flush_secs=FLUSH_S)
        rows = "".join(f"| {name} | {value} |\n" for name, value in run.flat_settings().items())
        self._writer.add_text("settings", f"| setting | value |\n|---|---|\n{rows}", 0, run.began_s)

    @staticmethod
    def errors() -> tuple[type[Exception], ...]:
        return (OSError,)

    def log_epoch(self, epoch: int, values: dict[str, float], time_s: float) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, epoch, walltime=time_s)

    def log_scores(self, scores: dict[str, float], epoch: int, time_s: float) -> None:
        self.log_epoch(epoch, scores, time_s)

    def close(self, status: Status, time_s: float) -> None:
        self._writer.add_text("status", status, 0, time_s)
        self._writer.close()


TRACKER = TensorBoardTracker
