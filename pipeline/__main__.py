"""The jobs behind the rules of the Snakefile: `python -m pipeline JOB JSON`."""

import argparse
import json
import logging
import os
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

import pyarrow as pa
from pydantic import ValidationError

from features.own import OwnPartError, raise_own_fault
from pipeline.support.errors import InputError
from pipeline.support.executors import TaskRunner
from pipeline.support.lock import exclusive
from stores.errors import StoreError
from training.errors import TrainingError
from training.rank_link import STARTED

log = logging.getLogger("otogura")


def _demo(text: str, options: argparse.Namespace) -> None:
    from pipeline.demos import demo

    receipt = Path(text)
    demo(receipt.stem).write(receipt.with_suffix(""), receipt)


def _fetch(text: str, options: argparse.Namespace) -> None:
    from pipeline.corpus.fetch import fetch_archive
    from pipeline.corpus.sources.readers import source_of
    from pipeline.workflow.jobs import FetchJob
    from stores.files import write_json

    job = FetchJob.model_validate_json(text)
    fetch_archive(job.fetch, job.root, job.receipt.parent, f"{options.config_path}.corpus.fetch")
    fingerprint = source_of(job.corpus, f"{options.config_path}.corpus").fingerprint()
    write_json(job.receipt, job.fetch.model_dump() | {"fingerprint": fingerprint})


def _labels(text: str, options: argparse.Namespace) -> None:
    from pipeline.labels.mine import mine, write_labels
    from pipeline.labels.page import write_labels_page
    from pipeline.workflow.jobs import LabelJob

    job = LabelJob.model_validate_json(text)
    mined = mine(job.corpus, f"{options.config_path}.corpus")
    write_labels_page(mined, job.folder, job.folder.name)
    write_labels(mined, job.folder)
    log.info("%s: %s", job.folder / "labels.html", mined.summary())


def _index(text: str, options: argparse.Namespace) -> None:
    from pipeline.corpus.index import update_index
    from pipeline.corpus.repetition import repetition_remark
    from pipeline.corpus.sources.own import write_listed_by
    from pipeline.corpus.sources.readers import source_of
    from pipeline.workflow.jobs import IndexJob

    job = IndexJob.model_validate_json(text)
    config_path = f"{options.config_path}.corpus"
    # Decoding and hashing run without Python's lock.
    source = source_of(job.corpus, config_path)
    scan = source.scan(job.folder, TaskRunner("threads", options.workers))
    if passed_over := str(source.passed_over):
        log.info("%s: passed over %s", job.folder.name, passed_over)
    index = update_index(job.folder, scan, max_quarantine=job.corpus.max_quarantine, config_path=config_path)
    write_listed_by(job.folder, job.corpus)
    unlabelled = index.clips["label"].null_count
    remark = f", {unlabelled} without a label" if unlabelled else ""
    remark += repetition_remark(index.clips, source.repeated)
    log.info("%s: %d recordings, %d quarantined%s", job.folder.name, len(index.clips), index.quarantined, remark)
    if index.changes:
        changed = ", ".join(f"{count} {kind}" for kind, count in index.changes.items())
        log.info("%s: since the last index: %s", job.folder.name, changed)


def _build(text: str, options: argparse.Namespace) -> None:
    from pipeline.build.shards import ChangedError
    from pipeline.build.store import build_store
    from pipeline.corpus.index import forget, read_index
    from pipeline.runs.learnable import learned_classes
    from pipeline.workflow.jobs import BuildJob

    job = BuildJob.model_validate_json(text)
    clips = read_index(job.index)
    for learner in json.loads(options.learners):
        try:
            learned_classes(clips, **learner)
        except InputError as error:
            log.warning("warning: %s; its features are built all the same", error)
    try:
        built = build_store(
            job.family.resolve(),  # workers of a dask cluster may stand in another folder
            clips,
            job.recordings(clips),
            job.recipe,
            name=job.name,
            clips_per_shard=job.clips_per_shard,
            compression=job.compression,
            address=job.address,
            engine=TaskRunner.named(options.engine, options.workers),
        )
    except ChangedError:
        forget(job.index)
        raise
    store = built.path if isinstance(built.path, str) else job.family / built.path.name
    log.info("%s: %d tensors computed, %d reused", store, built.computed, built.reused)


def _split(text: str, options: argparse.Namespace) -> None:
    from pipeline.corpus.index import read_index
    from pipeline.corpus.split_file import update_split
    from pipeline.workflow.jobs import SplitJob

    job = SplitJob.model_validate_json(text)
    try:
        counts = update_split(job.record, read_index(job.index), job.split, job.inherited, job.task)
    except InputError as error:
        raise InputError(f"{options.config_path}: {error}") from None
    shown = ", ".join(f"{count} {side}" for side, count in counts.items())
    log.info("%s: %s", job.record, shown)


def _train(text: str, options: argparse.Namespace) -> int:
    import torch

    from pipeline.runs.rank_count import rank_count
    from pipeline.support.rank_starter import own_command, run_ranks
    from pipeline.workflow.jobs import TrainJob
    from pipeline.workflow.train_job import run_train_job
    from training.rank_link import RankLink
    from training.ranks import ALONE, Ranks, joined

    job = TrainJob.model_validate_json(text)
    training = job.setup.training
    if STARTED in os.environ:
        torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
        group: AbstractContextManager[Ranks] = joined(training.device, RankLink())
    elif (count := rank_count(training, options.config_path)) > 1:
        return run_ranks(own_command(), count, threads=options.workers, held=options.held)
    else:
        torch.set_num_threads(options.workers)
        group = nullcontext(ALONE)
    with group as ranks:
        run_train_job(job, config_path=options.config_path, tracking=json.loads(options.tracking), ranks=ranks)
    return 0


def _search(text: str, options: argparse.Namespace) -> None:
    import torch

    from pipeline.search.page import loss_of
    from pipeline.search.study import search
    from pipeline.workflow.jobs import SearchJob

    job = SearchJob.model_validate_json(text)
    torch.set_num_threads(options.workers)
    best = search(job, workers=options.workers, config_path=options.config_path)
    log.info(
        "%s: lowest validation loss %.3f, trial %d; page: %s",
        job.name,
        loss_of(best),
        best.number,
        job.folder / "search.html",
    )


def _report(text: str, options: argparse.Namespace) -> None:
    from pipeline.runs.cost import training_cost
    from pipeline.workflow.jobs import ReportJob
    from training.report.comparison import compare

    job = ReportJob.model_validate_json(text)
    compare(job.folder, job.runs, job.unfinished, training_cost)


JOBS: dict[str, Callable[[str, argparse.Namespace], int | None]] = {  # returns an exit code, or None for 0
    "demo": _demo,
    "fetch": _fetch,
    "labels": _labels,
    "index": _index,
    "build": _build,
    "split": _split,
    "train": _train,
    "search": _search,
    "report": _report,
}


def _run(arguments: argparse.Namespace) -> int:
    try:
        return JOBS[arguments.job](arguments.text, arguments) or 0
    except ValidationError as error:  # of JSON that was valid when it was written: a user's file was edited since
        raise_own_fault(error)
        raise


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m pipeline", description=__doc__)
    parser.add_argument("job", choices=JOBS)
    parser.add_argument("text", metavar="JSON")
    # What decides the result stands in the JSON; what follows may change without a job being run again.
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--engine", default="joblib", help="joblib, dask, or the address of a dask scheduler")
    parser.add_argument("--config-path", default="", help="the part of the configuration, for messages")
    parser.add_argument("--learners", default="[]", help="JSON: the experiments that learn from a store, for warnings")
    parser.add_argument("--tracking", default="[]", help="JSON: the trackers that follow a run")
    parser.add_argument("--lock", type=Path, help="held while the job runs: nobody else writes the same files")
    parser.add_argument("--log", type=Path, help="what is said on the terminal, but for progress, also goes here")
    arguments = parser.parse_args()
    rank = int(os.environ.get(STARTED, -1))  # of a process that a job started as one of several
    handlers: list[logging.Handler] = [logging.StreamHandler()]
    if arguments.log and rank <= 0:
        if rank < 0:
            arguments.log.write_bytes(b"")
        handlers.append(logging.FileHandler(arguments.log))  # which the job and its first rank share
    logging.basicConfig(format="%(message)s", handlers=handlers)
    log.setLevel(logging.ERROR if rank > 0 else logging.INFO)
    pa.set_memory_pool(pa.system_memory_pool())  # Arrow's own would reserve a gigabyte for tables of a few MB
    try:
        with exclusive(arguments.lock) if arguments.lock and rank < 0 else nullcontext() as lock:
            arguments.held = [] if lock is None else [lock]
            return _run(arguments)
    except (InputError, OwnPartError, StoreError, TrainingError) as error:
        log.error("otogura: %s", error)
        return 1
    except OSError as error:  # a full disk, a folder that may not be written
        log.error("otogura: %s; when that is mended, the same command goes on from here", error)
        return 1
    except (KeyboardInterrupt, SystemExit) as ended:  # the second after SIGTERM
        log.error("otogura: interrupted; the same command goes on from here")
        return ended.code if isinstance(ended, SystemExit) and isinstance(ended.code, int) else 130


if __name__ == "__main__":
    sys.exit(main())
