"""Profiles of executors that submit jobs: what they ask for, and the threads that jobs have on their machines."""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import yaml
from corpora import write_corpus
from users_folder import EXPERIMENT, RECIPE, ROOT

from pipeline.workflow import FOLDER
from pipeline.workflow.threads import doubtful_cores, threads_of_job

KUBERNETES = FOLDER / "profiles" / "kubernetes"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder as `otogura init` writes it, with a corpus."""
    shutil.copytree(FOLDER, tmp_path / "mine")
    write_corpus(tmp_path / "mine" / "corpus", labels="ab", clips=1)
    config = {"experiments": {"genre": dict(EXPERIMENT)}, "recipes": {"short": dict(RECIPE)}}
    (tmp_path / "mine" / "config" / "config.yaml").write_text(yaml.safe_dump(config))
    return tmp_path / "mine"


def planned(folder: Path, *arguments: str, **environment: str) -> str:
    """The output of a dry run, with the commands of the jobs."""
    result = subprocess.run(
        [sys.executable, "-m", "snakemake", *arguments, "--dry-run", "--printshellcmds"],
        cwd=folder,
        env=os.environ | {"PYTHONPATH": str(ROOT)} | environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout
    return result.stdout


def threads(output: str, job: str) -> int:
    (line,) = (line for line in output.splitlines() if f"-m pipeline {job} " in line)
    return int(line.partition(" --workers ")[2].split()[0])


@pytest.mark.parametrize(
    ("name", "plugin", "training"),
    [
        ("slurm", "snakemake_executor_plugin_slurm", 8),
        ("kubernetes", "snakemake_executor_plugin_cluster_generic", 32),
    ],
)
def test_jobs_ask_for_the_cores_of_the_profile(folder: Path, name: str, plugin: str, training: int) -> None:
    if find_spec(plugin) is None:
        pytest.skip(f"{plugin} is not installed: pip install 'otogura[cluster]'")
    output = planned(folder, "--workflow-profile", name, "train_genre")
    assert f"Using workflow specific profile profiles/{name}" in output
    assert [threads(output, job) for job in ("index", "build", "train")] == [32, 32, training]


def test_jobs_on_their_machine_have_what_it_grants(folder: Path) -> None:
    """Snakemake plans a job again there, by `--mode remote`."""
    granted = planned(folder, "--mode", "remote", "--cores", "2", SLURM_CPUS_PER_TASK="1")
    assert threads(granted, "build") == 1


@pytest.mark.parametrize(
    ("remote", "environment", "expected"),
    [
        (False, {}, 32),
        (False, {"SLURM_CPUS_PER_TASK": "4"}, 32),  # within an allocation that Snakemake was started in
        (True, {}, 32),
        (True, {"SLURM_CPUS_PER_TASK": "4"}, 4),
        (True, {"SLURM_CPUS_PER_TASK": "64"}, 32),
    ],
)
def test_threads_of_jobs(remote: bool, environment: dict[str, str], expected: int) -> None:
    assert threads_of_job(SimpleNamespace(remote_exec=remote, cores=32), environment) == expected


def test_cores_of_the_head_node_are_doubted() -> None:
    def doubt(**changes: Any) -> str:
        return doubtful_cores(SimpleNamespace(**{"is_main_process": True, "nodes": 20, "cores": 8} | changes), 8)

    assert doubt().startswith("otogura: warning: each job asks for 8 cores, as many as this machine has; ")
    assert not doubt(cores=32)
    assert not doubt(nodes=None)  # all jobs run here
    assert not doubt(is_main_process=False)


KUBECTL = """#!/bin/sh
case $1 in
    create) cat > "$0.yaml"; echo job.batch/otogura-x ;;
    get) test "$2" = job.batch/otogura-x && echo "$ANSWER" ;;
esac
"""


def test_a_job_is_submitted_to_kubernetes_and_followed(tmp_path: Path) -> None:
    kubectl = tmp_path / "kubectl"
    kubectl.write_text(KUBECTL)
    kubectl.chmod(0o755)

    def typed(script: str, *arguments: str, answer: str = "") -> str:
        environment = os.environ | {"PATH": f"{tmp_path}:{os.environ['PATH']}", "ANSWER": answer}
        command = ["sh", str(KUBERNETES / script), *arguments]
        return subprocess.run(command, env=environment, check=True, capture_output=True, text=True).stdout

    name = typed("submit.sh", "32", "64000", "/data/mine/.snakemake/job.sh").strip()
    pod = yaml.safe_load(Path(f"{kubectl}.yaml").read_text())["spec"]["template"]["spec"]
    (container,) = pod["containers"]
    assert container["command"] == ["sh", "/data/mine/.snakemake/job.sh"]
    assert container["resources"] == {
        "requests": {"cpu": "32", "memory": "64000M"},
        "limits": {"memory": "64000M"},
    }
    assert container["volumeMounts"][0]["name"] == pod["volumes"][0]["name"]
    states = {"1/": "success", "/1": "failed", "/": "running", "": "running"}
    assert {answer: typed("status.sh", name, answer=answer).strip() for answer in states} == states


def test_a_clone_has_the_profiles_of_an_installation() -> None:
    def files(folder: Path) -> dict[str, bytes]:
        return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    assert files(ROOT / "profiles") == files(FOLDER / "profiles")
