"""ClearML: a task on a server, or a session on the disk that `clearml-task --import-offline-session` sends later."""

import os
import shutil
from typing import Any, ClassVar

from pipeline.runs.trackers.base import PROJECT, RunDescription, Status

OFFLINE = "offline"
# All that are connected by default; False in the place of a dict leaves `detect_repository` on.
CONNECTED = (
    "catboost", "detect_repository", "fastai", "gradio", "hydra", "joblib", "lightgbm", "matplotlib", "megengine",
    "pytorch", "scikit", "tensorboard", "tensorflow", "tfdefines", "xgboost",
)  # fmt: skip
SIDES = ("train", "validation")  # which share a plot


class ClearmlTracker:
    """Task of the server that clearml.conf or the environment names, or of the server at `uri`.

    With `uri` "offline" or CLEARML_OFFLINE_MODE=1 a session of the whole run is written anew each time, into
    `tracking/clearml/` of the run. A task on a server is found by its tag; epochs that it has are not sent again.
    """

    package: ClassVar[str] = "clearml"
    installation: ClassVar[str] = "pip install 'otogura[clearml]'"

    def __init__(self, run: RunDescription, uri: str | None) -> None:
        offline = uri == OFFLINE or os.environ.get("CLEARML_OFFLINE_MODE") == "1"
        session = run.folder / "tracking" / "clearml"
        if offline:
            shutil.rmtree(session, ignore_errors=True)
            os.environ["CLEARML_OFFLINE_MODE"] = "1"
            os.environ["CLEARML_CACHE_DIR"] = str(session)
        elif uri is not None:
            os.environ["CLEARML_API_HOST"] = uri
        from clearml import Task

        task_id = None if offline else _task_id(Task, run)
        # Unless it is told not to, it patches frameworks, arguments and streams, and sends the uncommitted changes of
        # the repository that this file lies in.
        self._task = Task.init(
            project_name=PROJECT,
            task_name=run.name,
            tags=[run.identity],
            reuse_last_task_id=task_id or False,
            continue_last_task=False if task_id is None else 0,
            auto_connect_arg_parser=False,
            auto_connect_frameworks=dict.fromkeys(CONNECTED, False),
            auto_resource_monitoring=False,
            auto_connect_streams=False,
        )
        self._task.connect_configuration({**run.settings, "folder": str(run.folder)}, name="settings")
        sent = task_id is not None and bool(self._task.get_last_scalar_metrics())
        self.epochs = self._task.get_last_iteration() + 1 if sent else 0

    @staticmethod
    def errors() -> tuple[type[Exception], ...]:
        from clearml.backend_api.session.defs import MissingConfigError
        from clearml.errors import UsageError

        return (MissingConfigError, UsageError, OSError, ValueError)

    def log_epoch(self, epoch: int, values: dict[str, float], time_s: float) -> None:
        for name, value in values.items():
            side, _, metric = name.partition("_")
            title, series = (metric, side) if side in SIDES else (name, name)
            self._task.get_logger().report_scalar(title, series, value, epoch)

    def log_scores(self, scores: dict[str, float], epoch: int, time_s: float) -> None:
        for name, value in scores.items():
            self._task.get_logger().report_single_value(name, value)

    def close(self, status: Status, time_s: float) -> None:
        if status == "failed":
            self._task.mark_failed()
        elif status == "interrupted":
            self._task.mark_stopped()
        self._task.close()


def _task_id(tasks: Any, run: RunDescription) -> str | None:
    """Return the task of a run, which has its identity as a tag."""
    there = tasks.get_tasks(tags=[run.identity])
    return there[0].id if there else None


TRACKER = ClearmlTracker
