"""The commands as a user types them, on a small corpus: build, train, again, changed, killed, and mistaken."""

import hashlib
import html
import io
import json
import os
import re
import shutil
import signal
import subprocess
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import yaml
from corpora import tone, tree, write_corpus
from dask.distributed import LocalCluster, SchedulerPlugin
from serving import archive, serving
from users_folder import EXPERIMENT, RECIPE, ROOT, Folder
from waiting import wait_until

from pipeline.support.scheduler import NO_DASHBOARD


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder in which the features are built and the genre experiment is trained."""
    path = tmp_path_factory.mktemp("user")
    write_corpus(path / "corpus", clips=14)
    (path / "corpus" / "a" / "empty.wav").write_bytes(b"")
    folder = Folder(path)
    output = folder.run("features", cores=2)
    assert folder.computed(output) == [42 * 6]
    assert "1 recordings quarantined, see work/index/" in output.splitlines()[-1]
    folder.run("train_genre")
    return path


@pytest.fixture
def folder(built: Path, tmp_path: Path) -> Folder:
    """A copy of it, which a test may change."""
    shutil.copytree(built, tmp_path / "copy")
    return Folder(tmp_path / "copy")


def test_training_leaves_scores_a_report_and_a_model(built: Path) -> None:
    run = built / "work" / "runs" / "genre"
    metrics = json.loads((run / "metrics.json").read_text())
    expected = {"accuracy", "top5_accuracy", "macro_f1", "loss", "classes", "parameters", "train_clips"}
    expected |= {"validation_clips", "test_clips", "store", "model_version"}
    assert expected <= set(metrics)
    assert metrics["train_clips"] + metrics["validation_clips"] + metrics["test_clips"] == 42
    assert json.loads((run / "model.json").read_text())["version"] == metrics["model_version"]
    report = (run / "report.html").read_text()
    assert "Confusion matrix" in report
    assert not re.findall(r"(?:src|href)=[\"']?https?:", report)


def test_a_second_time_there_is_nothing_to_do(folder: Folder) -> None:
    assert "Nothing to be done" in folder.run("features", cores=None)
    assert "Nothing to be done" in folder.run("train_genre", cores=None)


def test_a_tracker_follows_what_is_trained_and_trains_nothing(folder: Folder) -> None:
    run = folder.path / "work" / "runs" / "genre"
    folder.config["tracking"] = ["tensorboard"]
    assert "Nothing to be done" in folder.run("train_genre")
    folder.config["experiments"]["genre"]["training"] = EXPERIMENT["training"] | {"learning_rate": 1e-5}
    folder.run("train_genre")
    assert folder.metrics()["history"][0]["learning_rate"] == 1e-5
    assert list((run / "tensorboard").iterdir())
    folder.config["tracking"] = []
    assert "Nothing to be done" in folder.run("train_genre")


def test_another_learning_rate_trains_again_and_computes_no_feature(folder: Folder) -> None:
    before = folder.metrics()
    folder.config["experiments"]["genre"]["training"] = EXPERIMENT["training"] | {"learning_rate": 1e-5}
    output = folder.run("train_genre")
    assert folder.computed(output) == []
    after = folder.metrics()
    assert after["store"] == before["store"]
    assert after["model_version"] != before["model_version"]


def test_a_second_experiment_is_a_new_target_and_computes_no_feature(folder: Folder) -> None:
    folder.config["experiments"]["deeper"] = EXPERIMENT | {"training": {"epochs": 1, "batch_size": 8}}
    output = folder.run("train_deeper", "report")
    assert folder.computed(output) == [], output
    assert folder.metrics("deeper")["store"] == folder.metrics()["store"]
    page = (folder.path / "work" / "report.html").read_text()
    assert "deeper" in page
    assert "These 2 runs tested the same" in page
    assert "<td>training.epochs</td>" in page


def test_other_labels_on_the_same_sound_compute_no_feature(folder: Folder) -> None:
    files = sorted(str(p.relative_to(folder.path / "corpus")) for p in (folder.path / "corpus").rglob("[0-9]*.wav"))
    lines = [f"{name},{'even' if int(Path(name).stem) % 2 == 0 else 'odd'}" for name in files]
    (folder.path / "parity.csv").write_text("\n".join(["path,label", *lines]))
    corpus = {"source": "audio", "root": "corpus", "table": "parity.csv"}
    folder.config["experiments"]["parity"] = EXPERIMENT | {"corpus": corpus}
    assert folder.computed(folder.run("features")) == [0]
    assert {"even": 21, "odd": 21} in folder.labels()


def test_a_touched_file_computes_and_trains_nothing(folder: Folder) -> None:
    before = tree(folder.path / "work" / "runs")
    (folder.path / "corpus" / "b" / "3.wav").touch()
    output = folder.run("train_genre")
    assert folder.computed(output) in ([], [0])
    assert "epoch" not in output
    assert tree(folder.path / "work" / "runs") == before


def test_a_new_recording_computes_its_own_tensors(folder: Folder) -> None:
    write_corpus(folder.path / "corpus", labels="a", clips=15)
    assert folder.computed(folder.run("features")) == [6]


def test_a_split_that_was_edited_is_followed_and_grows_with_the_corpus(folder: Folder) -> None:
    (record,) = (folder.path / "work" / "splits").glob("*.csv")
    before = {line.split(",")[0]: line.rsplit(",", 1)[1] for line in record.read_text().splitlines()}
    moved = next(name for name, side in before.items() if side == "train")
    record.write_text(re.sub(rf"(?m)^{re.escape(moved)},(.*),train$", rf"{moved},\1,test", record.read_text()))
    write_corpus(folder.path / "corpus", clips=15)
    folder.run("train_genre")
    after = {line.split(",")[0]: line.rsplit(",", 1)[1] for line in record.read_text().splitlines()}
    assert {name: after[name] for name in before} == before | {moved: "test"}
    assert len(after) == len(before) + 3
    used = (folder.path / "work" / "runs" / "genre" / "split.csv").read_text()
    assert used == record.read_text()


def test_features_need_no_labels(tmp_path: Path) -> None:
    write_corpus(tmp_path / "corpus", labels="a", clips=3)
    folder = Folder(tmp_path)
    folder.config["experiments"]["loose"] = EXPERIMENT | {"corpus": {"root": "corpus/a"}}
    output = folder.run("features")
    assert sum(folder.computed(output)) == 3 * 6
    warning = "warning: mine.yaml: experiments"
    assert f"{warning}.genre: expected two classes or more to learn, found only a; its features are built" in output
    assert f"{warning}.loose: expected recordings with labels, but none of 3 has one; its features" in output
    output = folder.run("train_loose", ok=False)
    last = "otogura: mine.yaml: experiments.loose: expected recordings with labels, but none of 3 has one"
    assert output.splitlines()[-1] == last


@pytest.fixture(scope="module")
def long_whole(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder with recordings so long that the build takes seconds after its first shard; it is built."""
    folder = Folder(tmp_path_factory.mktemp("long"))
    write_corpus(folder.path / "corpus", clips=14, seconds=15)
    folder.config["clips_per_shard"] = 2
    folder.config["recipes"]["short"] = {"frames": 200, "n_mels": 32}
    folder.run(cores=2)  # features is the default target
    return folder


@pytest.mark.parametrize("signal_number", [signal.SIGKILL, signal.SIGINT])
def test_the_same_command_goes_on_after_an_interruption(long_whole: Folder, tmp_path: Path, signal_number: int) -> None:
    """Ends the whole process group in the middle of the build, as a closed terminal or Ctrl-C does."""
    folder = Folder(tmp_path)
    folder.config = long_whole.config
    shutil.copytree(long_whole.path / "corpus", tmp_path / "corpus")
    command = folder.command("features", cores=2)
    process = subprocess.Popen(
        command,
        cwd=tmp_path,
        start_new_session=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        # A shell starts what runs in its background deaf to Ctrl-C, and so would be this test's command.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    wait_until(lambda: list(tmp_path.glob("work/stores/*/*/markers/*/*.json")), process)
    os.killpg(process.pid, signal_number)
    assert process.wait(60) != 0
    assert not list(tmp_path.glob("work/stores/*/*/manifest.json"))
    (count,) = folder.computed(folder.run("features", cores=2))
    assert 0 < count < 42 * 6
    assert tree(tmp_path / "work" / "stores") == tree(long_whole.path / "work" / "stores")


class Done(SchedulerPlugin):
    """Tasks that a scheduler's workers have finished."""

    def __init__(self) -> None:
        self.tasks: set[Any] = set()

    def transition(self, key: Any, start: str, finish: str, *args: Any, **kwargs: Any) -> None:
        if finish == "memory":
            self.tasks.add(key)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # inside dask's own cluster
def test_a_dask_scheduler_builds_the_same_store(built: Path, tmp_path: Path) -> None:
    shutil.copytree(built / "corpus", tmp_path / "corpus")
    folder = Folder(tmp_path)
    done = Done()
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, **NO_DASHBOARD) as cluster:
        cluster.scheduler.add_plugin(done)
        folder.config |= {"engine": "dask", "scheduler": cluster.scheduler_address}
        assert folder.computed(folder.run("features")) == [42 * 6]
    assert len(done.tasks) == 6  # one a shard
    assert tree(tmp_path / "work" / "stores") == tree(built / "work" / "stores")


def test_an_edit_of_code_runs_what_depends_on_it_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Edit a copy of the code: Snakemake compares small files by their content."""
    code = tmp_path / "code"
    for name in ("Snakefile", "config", "features", "pipeline", "profiles", "stores", "training"):
        copy = shutil.copytree if (ROOT / name).is_dir() else shutil.copy2
        code.mkdir(exist_ok=True)
        copy(ROOT / name, code / name)
    monkeypatch.setenv("PYTHONPATH", str(code))
    write_corpus(tmp_path / "corpus", labels="ab", clips=4)
    folder = Folder(tmp_path, code)
    folder.run("train_genre")
    for edited, rules in (
        ("pipeline/corpus/sources/audio/probe.py", {"index_corpus", "build_store", "split_corpus", "train"}),
        ("stores/writer.py", {"build_store", "train"}),
        ("pipeline/corpus/stratify.py", {"split_corpus", "train"}),
        ("training/report/page.html.jinja", {"train"}),
        ("pipeline/search/study.py", set()),
    ):
        text = (code / edited).read_text()
        (code / edited).write_text(text + "\n")
        output = folder.run("train_genre", "--dry-run")
        assert set(re.findall(r"(?m)^(\w+) +\d+$", output)) - {"train_genre", "total"} == rules, edited
        (code / edited).write_text(text)


def test_training_that_was_killed_within_an_epoch_ends_with_the_same_weights(folder: Folder) -> None:
    training = EXPERIMENT["training"] | {"epochs": 6, "checkpoint_every": 0}
    folder.config["experiments"] = {name: EXPERIMENT | {"training": training} for name in ("killed", "whole")}
    command = folder.command("train_killed")
    process = subprocess.Popen(command, cwd=folder.path, start_new_session=True, stderr=subprocess.DEVNULL)
    checkpoint = folder.path / "work" / "runs" / "killed" / "checkpoints" / "last.ckpt"
    written: set[int] = set()

    def some_steps_after_an_epoch() -> bool:
        with suppress(FileNotFoundError):  # the weights of an epoch first, and then what is written after them
            checkpoint.with_name("kept.ckpt").stat()
            written.add(checkpoint.stat().st_mtime_ns)
        return len(written) > 3

    wait_until(some_steps_after_an_epoch, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(60)
    output = folder.run("train_killed", "train_whole")
    assert re.search(r"going on in epoch \d, after [1-9]\d* batches", output)
    assert "epoch 6/6" in output
    weights = [folder.path / "work" / "runs" / name / "model.safetensors" for name in ("killed", "whole")]
    assert weights[0].read_bytes() == weights[1].read_bytes()
    assert folder.metrics("killed") == folder.metrics("whole")


@pytest.mark.parametrize("signal_number", [signal.SIGINT, signal.SIGTERM])
def test_a_training_that_was_broken_off_is_not_taken_for_done(folder: Folder, signal_number: int) -> None:
    """Snakemake puts the scores of the run before back, as if they were those of this one."""
    before = folder.metrics()
    folder.config["experiments"]["genre"]["training"]["epochs"] = 12
    folder.break_off("epoch 3/12", signal_number, "train_genre")
    assert folder.metrics() == before
    assert "epoch 12/12" in folder.run("train_genre")
    assert len(folder.metrics()["history"]) == 12
    assert "Nothing to be done" in folder.run("train_genre")


def test_a_search_goes_on_and_its_best_trains_on_the_same_store(folder: Folder) -> None:
    search: dict[str, Any] = {"trials": 2, "epochs": 2, "space": {"training.learning_rate": [1e-4, 1e-3, 1e-2]}}
    experiment = EXPERIMENT | {"model": {"name": "cnn", "depth": 2, "width": 16, "dense": []}, "search": search}
    folder.config["experiments"] = {"deep": experiment}
    output = folder.run("search_deep")
    assert folder.computed(output) == []
    found = folder.path / "work" / "searches" / "deep"
    before = [(found / name).read_bytes() for name in ("best.yaml", "search.html")]
    search["trials"] = 6
    folder.break_off("trial 2, 3 of 6: ", signal.SIGINT, "search_deep")
    assert [(found / name).read_bytes() for name in ("best.yaml", "search.html")] == before
    output = folder.run("search_deep")
    assert "3 of 6: " not in output
    assert "6 of 6: " in output
    assert len((found / "trials.csv").read_text().splitlines()) == 1 + 6
    assert "Nothing to be done" in folder.run("search_deep")
    folder.config = yaml.safe_load((found / "best.yaml").read_text())
    output = folder.run("train_deep_best")
    assert folder.computed(output) == []
    assert folder.metrics("deep_best")["store"] == folder.metrics()["store"]


def test_cross_validation_reports_mean_and_sd(folder: Folder) -> None:
    lines = [f"{label}/{n}.wav,{label},{n % 3 + 1}" for label in "abc" for n in range(14)]
    (folder.path / "folds.csv").write_text("\n".join(["path,label,fold", *lines]))
    corpus = {"source": "audio", "root": "corpus", "table": "folds.csv", "fold": "fold"}
    folder.config["experiments"]["genre"] |= {"corpus": corpus, "folds": [1, 2, 3]}
    folder.run("train_genre")
    metrics = folder.metrics()
    folds = [
        json.loads((folder.path / "work" / "runs" / "genre" / f"fold-{n}" / "metrics.json").read_text())
        for n in (1, 2, 3)
    ]
    assert sum(fold["test_clips"] for fold in folds) == 42
    assert metrics["mean"]["accuracy"] == pytest.approx(sum(fold["accuracy"] for fold in folds) / 3)


def test_experiments_that_cannot_be_built_keep_no_other_from_it(folder: Folder) -> None:
    """A missing folder, another experiment on it, and a table without its column, beside two that are right."""
    (folder.path / "t.csv").write_text("file,label\na/0.wav,a\n")
    gone = EXPERIMENT | {"corpus": {"source": "audio", "root": "nowhere"}}
    folder.config["experiments"] |= {
        "gone": gone,
        "gone_as_well": gone | {"training": EXPERIMENT["training"] | {"epochs": 1}},
        "misread": EXPERIMENT | {"corpus": {"source": "audio", "root": "corpus", "table": "t.csv"}},
        "shorter": EXPERIMENT | {"recipe": "shorter", "training": EXPERIMENT["training"] | {"epochs": 1}},
    }
    folder.config["recipes"]["shorter"] = RECIPE | {"frames": 20}
    missing = "mine.yaml: experiments.gone.corpus.root: expected a folder with recordings, but 'nowhere' does not exist"

    output = folder.run("features", ok=False)
    assert folder.computed(output) == [42 * 6]
    *_, first, second, last = output.splitlines()
    assert {line.split(": ")[2] for line in (first, second)} == {
        "experiments.gone.corpus.root",
        "experiments.misread.corpus.path",
    }
    assert last == "otogura: not finished: gone_as_well"

    assert folder.run("report", ok=False).splitlines()[-1] == last
    page = (folder.path / "work" / "report.html").read_text()
    assert re.findall(r'href="runs/(\w+)/report.html"', page) == ["genre", "shorter"]
    assert "3 of 5 experiments missing or out of date" in page
    for name, reason in (("gone", missing), ("gone_as_well", missing), ("misread", "t.csv has no column 'path'")):
        (row,) = re.findall(rf"<td>{name}</td>.*", page)
        assert html.escape(reason, quote=True).replace("&#x27;", "&#39;") in row
        assert f">snakemake train_{name} --configfile mine.yaml</td>" in row

    for name in ("gone", "gone_as_well", "misread"):
        del folder.config["experiments"][name]
    folder.run("report")
    assert "missing" not in (folder.path / "work" / "report.html").read_text()


def test_a_run_that_could_not_be_renewed_is_named_in_the_report(folder: Folder) -> None:
    folder.run("report")
    folder.config["experiments"]["genre"]["corpus"] = {"source": "audio", "root": "nowhere"}
    folder.run("report", ok=False)
    page = (folder.path / "work" / "report.html").read_text()
    assert 'href="runs/genre/report.html"' in page
    assert "<td>genre</td><td>result of an earlier run</td>" in page


class TestMistakes:
    """One line that says what is wrong, no traceback, exit code not zero, nothing half-written."""

    def said(self, folder: Folder, target: str = "features") -> str:
        before = self.results(folder)
        output = folder.run(target, ok=False)
        assert "Traceback" not in output
        lines = [line for line in output.splitlines() if line.startswith("otogura: ")]
        assert len(set(lines)) == 1, output
        assert output.splitlines()[-1] == lines[0]
        assert self.results(folder) == before
        return lines[0]

    def results(self, folder: Folder) -> dict[str, bytes]:
        """All that has been made, but for what the index remembers of files, recorded splits, and logs."""
        files = tree(folder.path / "work")
        passing = ("logs/", "locks/", "splits/")
        return {
            name: data
            for name, data in files.items()
            if not name.startswith(passing) and not name.endswith(("seen.parquet", "quarantine.csv"))
        }

    def test_a_misspelt_key(self, folder: Folder) -> None:
        folder.config["experiments"]["genre"]["traning"] = {}
        said = self.said(folder)
        assert said == "otogura: mine.yaml: experiments.genre.traning: unknown key; did you mean 'training'?"

    def test_a_root_that_does_not_exist(self, folder: Folder) -> None:
        folder.config["experiments"]["genre"]["corpus"] = {"source": "audio", "root": "nowhere"}
        assert "experiments.genre.corpus.root: expected a folder" in self.said(folder)

    def test_a_table_without_its_column(self, folder: Folder) -> None:
        (folder.path / "t.csv").write_text("file,label\na/0.wav,a\n")
        folder.config["experiments"]["genre"]["corpus"] = {"source": "audio", "root": "corpus", "table": "t.csv"}
        assert "corpus.path: t.csv has no column 'path'; it has file, label" in self.said(folder)

    def test_a_class_with_one_clip(self, folder: Folder) -> None:
        (folder.path / "corpus" / "rare").mkdir()
        (folder.path / "corpus" / "a" / "0.wav").rename(folder.path / "corpus" / "rare" / "0.wav")
        folder.run("features")
        assert "class 'rare' has one recording, which cannot be both" in self.said(folder, "train_genre")

    def test_a_fold_that_does_not_exist(self, folder: Folder) -> None:
        lines = [f"{label}/{n}.wav,{label},{n % 3 + 1}" for label in "abc" for n in range(14)]
        (folder.path / "folds.csv").write_text("\n".join(["path,label,fold", *lines]))
        corpus = {"source": "audio", "root": "corpus", "table": "folds.csv", "fold": "fold"}
        folder.config["experiments"]["genre"] |= {"corpus": corpus, "folds": [1, 9]}
        folder.run("features")
        assert "experiments.genre.folds: fold 9 does not exist; there are 1, 2, 3" in self.said(folder, "train_genre")

    def test_too_many_bad_recordings(self, folder: Folder) -> None:
        folder.config["experiments"]["genre"]["corpus"] = EXPERIMENT["corpus"] | {"max_quarantine": 0.01}
        assert "expected at most 0.01 of the recordings to be bad, found 1 of 43" in self.said(folder)


def test_a_folder_of_json_trains_a_detector(tmp_path: Path) -> None:
    """Rattling tones of six machines; with what is published for everything but the size."""
    rng = np.random.default_rng(0)
    records = []
    for number in range(72):
        tone = np.sin(np.arange(1500) * rng.uniform(0.1, 0.3)) + (number % 3 == 0) * rng.standard_normal(1500)
        label, machine = int(number % 3 == 0), number // 6
        records.append({"Waveform": tone.round(4).tolist(), "Labels": label, "fs": 8000, "machine": machine})
    records.append({"Waveform": [None], "Labels": 0, "machine": 1})
    (tmp_path / "data").mkdir()
    for part in range(2):
        (tmp_path / "data" / f"{part}.json").write_text(json.dumps(records[part::2]))
    folder = Folder(tmp_path)
    model = {"name": "cnn1d_attention", "filters": [16, 16], "kernels": [15, 7], "heads": 2, "dense": [16], "stride": 2}
    recipe = {"kind": "waveform", "sample_rate_hz": 8000, "samples": 1500, "band_hz": [20, 3900]}
    corpus = {"source": "json", "root": "data", "group": "machine"}
    detector = {"corpus": corpus, "recipe": "short", "model": model, "training": {"epochs": 6, "device": "cpu"}}
    folder.config = {"experiments": {"detector": detector}, "recipes": {"short": recipe}}
    output = folder.run("train_detector")
    assert folder.computed(output) == [72 * 6]
    assert "data-" in output.splitlines()[-1]
    assert "1 recordings quarantined" in output.splitlines()[-1]
    metrics = folder.metrics("detector")
    assert metrics["positive"] == "NG"
    assert metrics["roc_auc"] > 0.9
    assert {"pauc", "pr_auc", "threshold", "precision", "recall", "f1"} <= metrics.keys()
    described = json.loads((tmp_path / "work" / "runs" / "detector" / "model.json").read_text())
    assert described["threshold"] == metrics["threshold"]
    assert described["corpus"]["sample_rate_hz"] == 44100  # of records without fs
    assert 0 < described["corpus"]["longest_s"] < 1
    assert "Detection of NG" in (tmp_path / "work" / "runs" / "detector" / "report.html").read_text()
    detector["positive"] = "broken"
    said = folder.run("train_detector", ok=False)
    assert "experiments.detector.positive: expected one of two classes, got 'broken'" in said


def esc50() -> bytes:
    """An archive of three folds: two classes of ESC-10 and one that is not, two clips of each in a fold."""
    files, lines = {}, ["filename,fold,target,category,esc10,src_file,take"]
    for number in range(18):
        fold, target = number % 3 + 1, number // 6
        name = f"{fold}-{number}-A-{target}.wav"
        sound = io.BytesIO()
        soundfile.write(sound, tone(200 * 2**target, 0.5, number, 8000), 8000, format="WAV")
        files[f"ESC-50-master/audio/{name}"] = sound.getvalue()
        lines.append(f"{name},{fold},{target},{'abc'[target]},{target < 2},{number},A")
    return archive(files | {"ESC-50-master/meta/esc50.csv": "\n".join(lines).encode()})


def test_esc50_is_fetched_once_and_its_ten_classes_built(tmp_path: Path) -> None:
    folder, data = Folder(tmp_path), esc50()
    with serving(data) as server:
        fetch = {"url": server.url, "sha256": hashlib.sha256(data).hexdigest()}
        corpus = {"source": "esc50", "root": "data/ESC-50", "subset": "esc10", "fetch": fetch}
        recipe = {"sample_rate_hz": 8000, "fmax_hz": 4000, "frames": 24, "n_mels": 32}
        experiment = {"corpus": corpus, "folds": [1, 2, 3], "model": {"crop": [24, 20]}}
        folder.config = {"experiments": {"environment": experiment}, "recipes": {"environment": recipe}}
        assert folder.computed(folder.run("features")) == [12 * 6]
        assert "Nothing to be done" in folder.run("features")
        assert server.requests == [""]
        table = tmp_path / "data" / "ESC-50" / "meta" / "esc50.csv"
        table.write_text(table.read_text().replace(",a,", ",z,"))  # by hand: it is looked at again
        assert "Looking at the recordings" in folder.run("features")
        shutil.rmtree(tmp_path / "data")
        folder.run("features")
        assert server.requests == ["", ""]
        corpus["root"], fetch["sha256"] = "elsewhere", "0" * 64
        said = folder.run("features", ok=False).splitlines()[-1]
    assert said.startswith(f"otogura: mine.yaml: experiments.environment.corpus.fetch.sha256: expected {'0' * 64}, but")
    assert not (tmp_path / "elsewhere").exists()


def test_a_table_of_spectrograms_is_learned(tmp_path: Path) -> None:
    """Four classes by the row in which the energy lies, which no shift may move."""
    rng = np.random.default_rng(0)
    for name, count in (("train", 80), ("test", 12)):
        lines = []
        for number in range(count):
            values = rng.standard_normal((8, 10))
            values[2 * (number % 4)] += 3
            lines.append(",".join(map(str, [number % 4 + 1, *values.ravel().round(3)])))
        (tmp_path / f"{name}.csv").write_text("\n".join(lines))
    folder = Folder(tmp_path)
    corpus = {"source": "csv", "train": "train.csv", "test": "test.csv", "values": 80, "classes": 4}
    training = {"epochs": 12, "batch_size": 8, "augment": {"frame_shift": 2, "row_shift": 0}, "learning_rate": 0.003}
    experiment = {"corpus": corpus, "model": {"blocks": 1}, "training": training}
    folder.config = {"experiments": {"table": experiment}, "recipes": {"spectrogram": {"rows": 8, "frames": 10}}}
    folder.run("train_table")
    metrics = folder.metrics("table")
    assert (metrics["test_clips"], metrics["train_clips"] + metrics["validation_clips"]) == (12, 80)
    assert metrics["accuracy"] > 0.9
    (tmp_path / "test.csv").write_text("")
    said = folder.run("train_table", ok=False).splitlines()[-1]
    assert said == (
        "otogura: mine.yaml: experiments.table.corpus.test: test.csv: expected lines of a label and values, found none"
    )
    assert folder.metrics("table") == metrics


def test_tags_are_mined_and_a_class_is_dropped_from_the_trained_weights(tmp_path: Path) -> None:
    """Two clips of each track; the second experiment brings the first along."""
    folder = Folder(tmp_path)
    write_corpus(tmp_path / "bgm", "abc", 12)
    words = {"a": "ロック、夜", "b": "朝/クラシック", "c": "ピアノのバラード"}
    lines = [f"{label}/{n}.wav,曲{label}{n},{words[label]}" for label in "abc" for n in range(12)]
    (tmp_path / "tracks.csv").write_text(
        "\n".join(["file,title,tags", *lines, "a/99.wav,無い,ロック"]), encoding="cp932"
    )
    classes = {"rock": ["ロック"], "classical": ["クラシック"], "ballad": ["バラード"]}
    tags = {"source": "tags", "root": "bgm", "table": "tracks.csv", "path": "file", "labels": classes, "segments": 2}
    model = {"name": "cnn", "depth": 2, "width": 16, "dense": [8]}
    split = {"validation": 0.25, "test": 0.25, "seed": 3}
    first = dict(EXPERIMENT) | {"corpus": tags, "model": model, "split": split}
    folder.config["experiments"] = {"genre": first, "fewer": first | {"drop": ["ballad"], "init_from": "genre"}}
    output = folder.run("train_fewer")
    assert "ballad 12, classical 12, rock 12, 1 left out (no file)" in output
    assert folder.computed(output) == [72 * 6]
    assert "starting from work/runs/genre, with the rows of classical, rock" in output
    before, after = folder.metrics("genre"), folder.metrics("fewer")
    assert before["test_recordings"] == sum(row["clips"] for row in before["per_class"])
    assert before["test_clips"] == 2 * before["test_recordings"]
    assert before["train_clips"] + before["validation_clips"] + before["test_clips"] == 72
    assert after["classes"] == ["classical", "rock"]
    mistakes = (tmp_path / "work" / "runs" / "genre" / "mistakes.csv").read_text().splitlines()
    assert len(mistakes) - 1 == round((1 - before["accuracy"]) * before["test_recordings"])
    assert "Nothing to be done" in folder.run("train_fewer")
    (tmp_path / "tracks.csv").touch()
    assert "Nothing to be done" in folder.run("train_fewer")
    lines[0] = lines[0].replace("ロック", "クラシック")
    (tmp_path / "tracks.csv").write_text("\n".join(["file,title,tags", *lines]), encoding="utf-8")
    assert folder.computed(folder.run("features")) == [0]
    assert folder.labels() == [{"ballad": 24, "classical": 26, "rock": 22}]
