"""Dependencies: the project declares all that it needs; no target of the shipped configuration needs an extra."""

import subprocess
from pathlib import Path

from core_environment import ROOT, closure, core_python, core_requirements

from pipeline.config.schema import read_yaml
from pipeline.workflow.plan import default_config

PACKAGES = ("features", "stores", "training", "pipeline")


def test_the_core_environment_has_no_extra() -> None:
    assert {"torch", "snakemake", "optuna", "sudachidict-core", "distributed"} <= closure(core_requirements())
    refused = run("import hypothesis", check=False)
    assert "No module named 'hypothesis'" in refused.stderr


def test_every_module_can_be_imported_there() -> None:
    sources = [ROOT / "otogura.py", *(path for package in PACKAGES for path in sorted((ROOT / package).rglob("*.py")))]
    sources = [path for path in sources if path.parent != ROOT / "pipeline" / "serve"]  # which is of an extra
    names = [".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__") for path in sources]
    run(f"import importlib; [importlib.import_module(name) for name in {names}]")


def test_the_service_says_what_it_needs_there() -> None:
    command = [str(core_python()), "-m", "pipeline.commands.main", "serve", "x"]
    refused = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    said = "otogura: serve: its packages are not installed; pip install 'otogura[serve]' brings them\n"
    assert refused.stderr == said


def test_an_embedding_says_what_it_needs_there(tmp_path: Path) -> None:
    (tmp_path / "mine.onnx").write_bytes(b"a model")
    settings = {"model": "mine.onnx", "size": 2, "sample_rate_hz": 8000, "window_s": 1}
    command = [str(core_python()), "-m", "pipeline.commands.main", "check", "embedding"]
    command += [f"{name}={value}" for name, value in settings.items()]
    refused = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert refused.returncode == 1
    said = "mine.onnx: the package onnxruntime is not installed; to install it: pip install 'otogura[embedding]'\n"
    assert refused.stderr == f"otogura: {tmp_path}/{said}"


def test_a_file_of_codecs_says_what_it_needs_there(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "phone.m4a").write_bytes(b"\0\0\0 ftypM4A ")
    command = [str(core_python()), "-m", "pipeline.commands.main", "index", str(tmp_path)]
    shown = subprocess.run(command, cwd="/", capture_output=True, text=True, check=False)
    reason = "undecodable: the package av is not installed; to install it: pip install 'otogura[codecs]'"
    assert shown.stdout == f"a/phone.m4a: {reason}\n1 recordings, 1 bad\n"


def test_the_words_of_tags_can_be_read_there() -> None:
    run("from pipeline.labels.words import Tokeniser; assert Tokeniser().words('美しい')")


def test_every_target_of_the_shipped_configuration_can_be_planned_there(tmp_path: Path) -> None:
    experiments = read_yaml(default_config())["experiments"]
    targets = ["features", "report", *(f"train_{name}" for name in experiments)]
    targets += [f"search_{name}" for name, experiment in experiments.items() if experiment.get("search")]
    command = [str(core_python()), "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--dry-run", *targets]
    planned = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert planned.returncode == 0, planned.stderr


def run(code: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    """Run a program in the core environment."""
    result = subprocess.run([str(core_python()), "-c", code], cwd="/", capture_output=True, text=True, check=False)
    if check:
        assert result.returncode == 0, result.stderr
    return result
