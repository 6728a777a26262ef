"""The `otogura` command as typed: what it prints, its exit code, and one line for a mistake."""

import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpora import write_corpus
from stores_of import built, plan_of_tones
from tracked import run_of
from typed import exit_code

import otogura
from pipeline.workflow import CONFIG, FOLDER
from stores.files import write_json
from training.stream import ClipStream

ROOT = Path(__file__).parents[3]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus of tones, its store and a configuration; nothing is trained."""
    path = tmp_path_factory.mktemp("commands")
    built(plan_of_tones(path))
    return path


class Typed:
    """Types `otogura …` in a folder."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        self._monkeypatch, self._capsys = monkeypatch, capsys

    def __call__(self, folder: Path, *words: str) -> tuple[int, str, str]:
        """Exit code, standard output and standard error."""
        self._monkeypatch.chdir(folder)
        code = exit_code(self._monkeypatch, *words)
        said = self._capsys.readouterr()
        return code, said.out, said.err


@pytest.fixture
def typed(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Typed:
    return Typed(monkeypatch, capsys)


def test_init_writes_a_folder_to_work_in_and_nothing_over_another(typed: Typed, tmp_path: Path) -> None:
    code, out, _ = typed(tmp_path, "init", "mine")
    written = {path.relative_to(tmp_path / "mine") for path in (tmp_path / "mine").rglob("*") if path.is_file()}
    assert written == {path.relative_to(FOLDER) for path in FOLDER.rglob("*") if path.is_file()}
    assert (code, out.splitlines()[-1]) == (
        0,
        "In mine: snakemake --cores all features; your own recordings are named in mine/config/config.yaml",
    )
    (tmp_path / "mine" / "Snakefile").unlink()
    code, _, err = typed(tmp_path, "init", "mine")
    assert (code, err) == (
        1,
        "otogura: mine/config/config.yaml: exists already; choose another folder, or move it away\n",
    )
    assert not (tmp_path / "mine" / "Snakefile").exists()
    (tmp_path / "mine" / CONFIG).write_text("experiments: {own: {corpus: {root: x}}}")
    _, _, err = typed(tmp_path / "mine", "labels", "genre")
    assert err == "otogura: config/config.yaml has no experiment 'genre'; it has own\n"


def test_a_clone_is_such_a_folder() -> None:
    for path in (path for path in FOLDER.rglob("*") if path.is_file()):
        assert path.read_bytes() == (ROOT / path.relative_to(FOLDER)).read_bytes()


def test_track_sends_a_run_and_each_fold_of_one(typed: Typed, tmp_path: Path) -> None:
    run_of(tmp_path / "runs" / "genre", 2)
    code, out, err = typed(tmp_path, "track", "runs/genre", "--to", "tensorboard")
    assert (code, out, err) == (0, "runs/genre: 2 epochs are in tensorboard\n", "")
    for fold in (1, 2):
        run_of(tmp_path / "runs" / "folds" / f"fold-{fold}", 3, fold=fold)
    code, out, _ = typed(tmp_path, "track", "runs/folds", "--to", "tensorboard", "--uri", "logs")
    assert out == "".join(f"runs/folds/fold-{fold}: 3 epochs are in tensorboard\n" for fold in (1, 2))
    assert {path.parent for path in (tmp_path / "logs").rglob("*tfevents*")} == {
        tmp_path / "logs" / "genre" / f"fold-{fold}" for fold in (1, 2)
    }
    code, _, err = typed(tmp_path, "track", "runs", "--to", "tensorboard")
    assert (code, err) == (1, "otogura: runs: expected the folder of a run, with events.jsonl, found none\n")
    code, _, err = typed(tmp_path, "track", "runs/genre", "--to", "comet")
    assert (code, err) == (
        1,
        "otogura: comet: expected one of the trackers tensorboard, mlflow, clearml, wandb\n",
    )


def test_index_names_what_is_bad_and_writes_nothing(typed: Typed, tmp_path: Path) -> None:
    root = write_corpus(tmp_path / "c", "ab", 2)
    before = sorted(tmp_path.rglob("*"))
    code, out, _ = typed(tmp_path, "index", "c")
    assert (code, out.splitlines()[-1]) == (0, "4 recordings, 0 bad")
    (root / "a" / "empty.wav").write_bytes(b"")
    code, out, _ = typed(tmp_path, "index", "c")
    assert code == 1
    assert "a/empty.wav: empty file" in out.splitlines()
    assert out.splitlines()[-1] == "5 recordings, 1 bad"
    assert sorted(tmp_path.rglob("*")) == sorted([*before, root / "a" / "empty.wav"])
    (root / "x.json").write_text('{"waveforms": [[1, 2], [3, true]], "labels": ["OK", "NG"], "fs": 8000}')
    code, _, err = typed(tmp_path, "index", "c", "--source", "tags")
    assert (code, err) == (1, "otogura: --source: expected one of audio, esc50, json, kaldi, parquet, got 'tags'\n")
    code, out, _ = typed(tmp_path, "index", "c", "--source", "json")
    expected = ["x.json#1: sample 1 is True, not a number", "c: passed over 5 .wav", "2 recordings, 1 bad"]
    assert (code, out.splitlines()) == (1, expected)
    code, _, err = typed(tmp_path, "index", "nowhere")
    assert (code, err.startswith("otogura: index.root: expected a folder")) == (1, True)


def test_why_says_for_each_variant_why_it_was_computed(typed: Typed, folder: Path) -> None:
    (store,) = (folder / "work" / "stores").iterdir()
    code, out, _ = typed(folder, "why", str(store))
    names = ("noise", "original", "rolloff", "shift")
    assert (code, out.splitlines()) == (0, [f"{name}: computed: no other store has this variant" for name in names])
    code, _, err = typed(folder, "why", "work/stores/nothing")
    assert (code, err.count("\n"), "no such store" in err) == (1, 1, True)


def test_replay_writes_a_variant_as_sound(typed: Typed, folder: Path, tmp_path: Path) -> None:
    code, out, _ = typed(folder, "replay", "corpus/a/0.wav", "noise", str(tmp_path / "out.wav"))
    assert code == 0
    assert out.startswith(f"{tmp_path / 'out.wav'}: noise of corpus/a/0.wav: snr_db ")
    original, _ = soundfile.read(folder / "corpus" / "a" / "0.wav")
    noisy, _ = soundfile.read(tmp_path / "out.wav")
    snr_db = 10 * np.log10((original**2).mean() / ((noisy - original) ** 2).mean())
    assert snr_db == pytest.approx(float(out.split()[-1]), abs=0.5)
    code, _, err = typed(folder, "replay", "corpus/a/0.wav", "reverb", str(tmp_path / "other.wav"))
    assert (code, "expected one of the variants noise, original, rolloff, shift, got 'reverb'" in err) == (1, True)


@pytest.mark.parametrize(("failures", "code"), [([], 0), (["b"], 1), (["a", "b"], 1)])
def test_certification_of_folds_fails_with_any_of_them(
    typed: Typed, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failures: list[str], code: int
) -> None:
    asked: list[dict[str, Any]] = []

    def certify(work: Path, name: str, **options: Any) -> list[str]:
        asked.append(options)
        return failures if name == "x/fold-2" else []

    monkeypatch.setattr("pipeline.certificate.certify.certify", certify)
    write_json(tmp_path / "work" / "runs" / "x" / "metrics.json", {"folds": [1, 2]})
    ended, out, err = typed(tmp_path, "runs", "--certify", "x", "--kills", "2", "--steps", "7")
    certified = ["x/fold-1", "x/fold-2"][: 2 if code == 0 else 1]
    assert ended == code
    assert out == "".join(f"{name}: certified; work/runs/{name}/certificate.md\n" for name in certified)
    line = f"otogura: x/fold-2: not certified: {'; '.join(failures)}; work/runs/x/fold-2/certificate.md\n"
    assert err == (line if failures else "")
    assert [(options["kills"], options["steps"]) for options in asked] == [(2, 7)] * 2
    assert asked[0]["seed"] == asked[1]["seed"]  # drawn once


def test_certification_of_an_unknown_run_is_one_line(typed: Typed, tmp_path: Path) -> None:
    code, _, err = typed(tmp_path, "runs", "--certify", "x")
    line = "otogura: work/runs/x: expected a finished run, found none; nothing is trained\n"
    assert (code, err) == (1, line)


def test_runs_are_listed_with_their_scores(typed: Typed, tmp_path: Path) -> None:
    code, out, err = typed(tmp_path, "runs")
    assert (code, out, err) == (0, "", "work/runs: nothing has been trained\n")
    write_json(tmp_path / "work" / "runs" / "one" / "metrics.json", {"accuracy": 0.9125})
    folds = {"folds": [1, 2], "mean": {"accuracy": 0.75}, "sd": {"accuracy": 0.05}}
    write_json(tmp_path / "work" / "runs" / "two" / "metrics.json", folds)
    code, out, _ = typed(tmp_path, "runs")
    assert (code, out.splitlines()) == (
        0,
        [
            "one: test accuracy 0.912; report: work/runs/one/report.html",
            "two: test accuracy 0.750 ± 0.050 over 2 folds; report: work/runs/two/report.html",
        ],
    )


def test_doctor_says_what_the_installation_is_made_of(typed: Typed, tmp_path: Path) -> None:
    code, out, err = typed(tmp_path, "doctor")
    said = dict(line.split(": ", 1) for line in out.splitlines())
    assert (code, err) == (0, "")
    assert said["libsndfile"].startswith("1.")
    assert Path(said["compiled kernels"]).is_dir()
    assert said["work folder"].startswith(f"{tmp_path / 'work'}, ")
    assert said["python"].startswith(f"{sys.version_info.major}.{sys.version_info.minor}.")
    assert said["numpy"] == np.__version__
    assert said["training device"] in ("cpu", "cuda")


def test_a_stream_of_the_facade_gives_batches_with_labels_in_alphabetical_order(folder: Path) -> None:
    (family,) = (folder / "work" / "stores").iterdir()
    store = otogura.open_store(family)
    labels = store.rows["label"].to_pylist()
    seen = []
    for batch in otogura.stream(store, batch_size=4, variants=store.variants, choice="all"):
        for place, (row, variant) in enumerate(zip(batch["row"].tolist(), batch["variant"].tolist(), strict=True)):
            assert batch["label"][place] == "abc".index(labels[row])
            expected = store.clip(row, store.variants[variant]).transpose(2, 0, 1)
            np.testing.assert_array_equal(batch["features"][place].numpy(), expected)
            seen.append((row, variant))
    assert sorted(seen) == [(row, variant) for row in range(9) for variant in range(4)]
    few = otogura.stream(store, [2, 5], batch_size=2)
    assert [batch["row"].tolist() for batch in few] == [[2, 5]]


def test_a_stream_of_the_facade_is_that_of_training(folder: Path) -> None:
    """With every option that a caller gives."""
    (family,) = (folder / "work" / "stores").iterdir()
    store = otogura.open_store(family)
    labels = np.array(["abc".index(label) for label in store.rows["label"].to_pylist()])
    options: dict[str, Any] = {"batch_size": 2, "variants": store.variants, "choice": "one", "shuffle": True}
    options |= {"views": 2, "rank": 1, "world_size": 2}
    for seed in (0, 5):
        ours = otogura.stream(store, seed=seed, **options)
        theirs = ClipStream(store, np.arange(9), labels, seed=seed, **options)
        for batch, expected in zip(ours, theirs, strict=True):
            assert batch.keys() == expected.keys()
            for name in batch:
                assert batch[name].tolist() == expected[name].tolist(), name


def test_clips_without_a_label_are_streamed_with_a_number_of_their_own(folder: Path) -> None:
    (family,) = (folder / "work" / "stores").iterdir()
    store = otogura.open_store(family)
    labels = [None if label == "b" else label for label in store.rows["label"].to_pylist()]
    store.rows = store.rows.set_column(1, "label", [labels])
    (batch,) = otogura.stream(store, batch_size=9)
    assert batch["label"].tolist() == [{"a": 0, None: -1, "c": 1}[label] for label in labels]


def test_the_facade_extracts_what_the_store_holds(folder: Path) -> None:
    (family,) = (folder / "work" / "stores").iterdir()
    store = otogura.open_store(family)
    recipe = otogura.Recipe(frames=24, n_mels=32)
    for row in (0, 4):
        name = store.rows["id"][row].as_py()
        for variant in ("original", "noise"):
            tensor = otogura.extract(folder / "corpus" / name, recipe, variant)
            assert tensor.tobytes() == store.clip(row, variant).tobytes()
