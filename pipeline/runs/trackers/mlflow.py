"""MLflow: a database or a server, in which a tag names the run."""

import os
from typing import Any, ClassVar

from pipeline.runs.trackers.base import PROJECT, RunDescription, Status

TAG = "otogura.run"
STATUSES = {"finished": "FINISHED", "interrupted": "KILLED", "failed": "FAILED", "running": "RUNNING"}
LONGEST_VALUE = 6000  # characters of a parameter


class MlflowTracker:
    """Client of `uri`, or of MLFLOW_TRACKING_URI, or else of the database `mlflow.db` beside all runs.

    The run is found by its tag, and what was sent before by the epochs that are there. A metric that is sent once more
    has the same time, step and value, and is not stored twice.
    """

    package: ClassVar[str] = "mlflow"
    installation: ClassVar[str] = "pip install 'otogura[mlflow]'"

    def __init__(self, run: RunDescription, uri: str | None) -> None:
        # By default requests are repeated for some ten minutes.
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_TIMEOUT", "20")
        os.environ.setdefault("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "2")
        os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
        from mlflow import MlflowClient
        from mlflow.entities import Param

        runs = run.folder.parents[run.name.count("/")]
        self._client = MlflowClient(uri or os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{runs / 'mlflow.db'}")
        experiment = _experiment(self._client, os.environ.get("MLFLOW_EXPERIMENT_NAME") or PROJECT)
        runs_there = self._client.search_runs([experiment], f"tags.`{TAG}` = '{run.identity}'", max_results=1)
        if runs_there:
            self._run_id = runs_there[0].info.run_id
            self._client.update_run(self._run_id, status="RUNNING")
        else:
            tags = {TAG: run.identity, "otogura.experiment": run.experiment}
            created = self._client.create_run(experiment, round(run.began_s * 1000), tags, run.name)
            self._run_id = created.info.run_id
        self._client.set_tag(self._run_id, "otogura.folder", str(run.folder))  # it may be moved, and a parameter not
        params = [Param(name, value[:LONGEST_VALUE]) for name, value in run.flat_settings().items() if value]
        for start in range(0, len(params), 100):  # as many as a request may hold
            self._client.log_batch(self._run_id, params=params[start : start + 100])
        steps = [metric.step for metric in self._client.get_metric_history(self._run_id, "train_loss")]
        self.epochs = max(steps, default=0)  # the last of them may be there in part

    @staticmethod
    def errors() -> tuple[type[Exception], ...]:
        from mlflow.exceptions import MlflowException

        return (MlflowException,)

    def log_epoch(self, epoch: int, values: dict[str, float], time_s: float) -> None:
        from mlflow.entities import Metric

        metrics = [Metric(name, value, round(time_s * 1000), epoch) for name, value in values.items()]
        self._client.log_batch(self._run_id, metrics)

    def log_scores(self, scores: dict[str, float], epoch: int, time_s: float) -> None:
        self.log_epoch(epoch, scores, time_s)

    def close(self, status: Status, time_s: float) -> None:
        if status == "running":
            self._client.update_run(self._run_id, status="RUNNING")
        else:
            self._client.set_terminated(self._run_id, STATUSES[status], round(time_s * 1000))


def _experiment(client: Any, name: str) -> Any:
    """Return the identifier of an experiment, created if neither this process nor another one has done so."""
    from mlflow.exceptions import MlflowException

    if (experiment := client.get_experiment_by_name(name)) is not None:
        return experiment.experiment_id
    try:
        return client.create_experiment(name)
    except MlflowException:
        if (experiment := client.get_experiment_by_name(name)) is None:
            raise
        return experiment.experiment_id


TRACKER = MlflowTracker
