"""Parts of a user's own by the commands as a user types them: the examples, an edit of each, and mistakes."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import yaml
from corpora import write_corpus
from users_folder import EXPERIMENT, RECIPE, ROOT, Folder

from stores import open_store

EXAMPLES = ROOT / "examples" / "own"
CLIPS = 24
ONE_VARIANT = dict.fromkeys(["noise", "stretch", "pitch", "rolloff"])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Folder:
    """A folder with the examples, in which the experiment is trained."""
    path = tmp_path_factory.mktemp("own")
    write_corpus(path / "corpus", "abc", CLIPS // 3)
    files = sorted((path / "corpus").rglob("*.wav"))
    names = {f"{file.parent.name}{file.stem}": file for file in files}
    (path / "corpus" / "wav.scp").write_text(
        "".join(f"{name} {file.relative_to(path / 'corpus')}\n" for name, file in names.items())
    )
    (path / "corpus" / "utt2label").write_text("".join(f"{name} {name[0]}\n" for name in names))
    (path / "corpus" / "utt2spk").write_text("".join(f"{name} speaker{name[1]}\n" for name in names))
    shutil.copytree(EXAMPLES, path / "parts", ignore=shutil.ignore_patterns("__pycache__"))
    folder = Folder(path)
    model = {"class": "parts/transformer.py:AudioTransformer", "reads": "four_channel", "width": 16, "depth": 1}
    reverb = {"class": "parts/reverb.py:Reverb", "decay_s": [0.01, 0.05]}
    corpus = {"class": "parts/wav_scp.py:KaldiFolder", "root": "corpus"}
    folder.config["experiments"] = {"mine": EXPERIMENT | {"corpus": corpus, "model": model}}
    folder.config["recipes"] = {"short": RECIPE | {"variants": {"reverb": reverb}}}
    assert folder.computed(folder.run("train_mine", cores=2)) == [CLIPS * 7]
    return folder


def otogura(folder: Folder, *words: str) -> "subprocess.CompletedProcess[str]":
    """Type an `otogura` command in the folder."""
    command = [sys.executable, "-m", "pipeline.commands.main", *words]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    return subprocess.run(
        command, cwd=folder.path, env=environment, capture_output=True, text=True, check=False, timeout=120
    )


def test_the_examples_are_short() -> None:
    for path in EXAMPLES.glob("*.py"):
        assert len(path.read_text().splitlines()) < 60


def test_the_store_has_what_the_corpus_lists(folder: Folder) -> None:
    (family,) = (folder.path / "work" / "stores").iterdir()
    rows = open_store(family).rows
    assert sorted(rows["id"].to_pylist())[:2] == ["a/0.wav", "a/1.wav"]
    assert rows["label"].to_pylist() == [name[0] for name in rows["id"].to_pylist()]
    assert rows["group"].to_pylist() == [f"speaker{name[2]}" for name in rows["id"].to_pylist()]


def test_the_variant_is_in_the_store_with_what_was_drawn(folder: Folder) -> None:
    (family,) = (folder.path / "work" / "stores").iterdir()
    store = open_store(family)
    assert store.variants[-1] == "reverb"
    decays_s = store.rows["reverb_decay_s"].to_numpy()
    assert ((decays_s >= 0.01) & (decays_s < 0.05)).all()
    assert len(np.unique(decays_s)) == CLIPS


def test_the_model_answers_until_its_file_has_changed(folder: Folder) -> None:
    answer = ("predict", "mine", "corpus/a/0.wav")
    assert "corpus/a/0.wav" in otogura(folder, *answer).stdout
    file = folder.path / "parts" / "transformer.py"
    before = file.read_text()
    file.write_text(before + "# edited\n")
    refused = otogura(folder, *answer)
    file.write_text(before)
    assert refused.returncode == 2
    assert "model.version: expected " in refused.stderr
    assert "AudioTransformer has changed; put the file of then back, or type the command again" in refused.stderr
    assert refused.stderr.count("\n") == 1


def test_an_edit_runs_again_what_depends_on_it_and_nothing_else(folder: Folder) -> None:
    assert "Nothing to be done" in folder.run("train_mine")
    with open(folder.path / "parts" / "transformer.py", "a") as file:
        file.write("# edited\n")
    planned = folder.run("-n", "train_mine")
    assert "build_store" not in planned
    assert "rule train:" in planned or "Training mine" in planned
    with open(folder.path / "parts" / "wav_scp.py", "a") as file:
        file.write("# edited\n")
    planned = folder.run("-n", "features")
    assert "index_corpus" in planned or "Indexing" in planned
    with open(folder.path / "parts" / "reverb.py", "a") as file:
        file.write("# edited\n")
    told = otogura(folder, "why", "--configfile", "mine.yaml").stdout
    assert re.sub("[0-9a-f]{8}", "#", told).splitlines() == [
        "index corpus-#: parts/wav_scp.py:KaldiFolder has changed (version # → #)",
        "features short: parts/reverb.py:Reverb has changed (version # → #)",
        "train mine: parts/transformer.py:AudioTransformer has changed (version # → #)",
    ]
    assert folder.computed(folder.run("train_mine")) == [CLIPS]
    assert "Nothing to be done" in folder.run("train_mine")
    told = otogura(folder, "why", "--configfile", "mine.yaml").stdout
    assert told == "mine.yaml: no file of your own has changed since it was used\n"


def test_a_feature_is_computed_learned_and_answered_and_an_edit_computes_it_alone(folder: Folder) -> None:
    chroma = {"class": "parts/chroma.py:Chroma", "seconds": 1, "octaves": 5, "variants": ONE_VARIANT}
    folder.config["experiments"]["keys"] = EXPERIMENT | {
        "recipe": "chroma",
        "model": {"name": "resnet18", "width": 0.125, "crop": None},
    }
    folder.config["recipes"]["chroma"] = chroma
    assert folder.computed(folder.run("train_keys")) == [2 * CLIPS]
    (family,) = (folder.path / "work" / "stores").glob("*-chroma-*")
    store = open_store(family)
    assert store.clip_shape == (12, 44, 1)
    assert store.variants == ("original", "shift")
    assert "corpus/a/0.wav" in otogura(folder, "predict", "keys", "corpus/a/0.wav").stdout
    with open(folder.path / "parts" / "chroma.py", "a") as file:
        file.write("# edited\n")
    told = otogura(folder, "why", "--configfile", "mine.yaml")
    lines = [line for line in told.stdout.splitlines() if line.startswith("features chroma")]
    assert len(lines) == 1, told
    assert "features chroma: parts/chroma.py:Chroma has changed (version " in lines[0]
    refused = otogura(folder, "predict", "keys", "corpus/a/0.wav")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "Chroma has changed; put the file of then back, or type the command again" in refused.stderr
    assert folder.computed(folder.run("features")) == [2 * CLIPS]


def test_an_exported_network_is_an_embedding_whose_probe_stands_in_reports(tmp_path: Path) -> None:
    folder = Folder(tmp_path, extras=("onnxruntime",))
    write_corpus(tmp_path / "corpus", "abc", CLIPS // 3)
    net = {"recipe": "mel", "model": {"name": "cnn8", "crop": None}}
    mel = {"kind": "log_mel", "sample_rate_hz": 22050, "frames": 32, "n_mels": 32, "variants": ONE_VARIANT}
    folder.config["experiments"] = {"net": EXPERIMENT | net}
    folder.config["recipes"] = {"mel": mel}
    assert folder.computed(folder.run("train_net")) == [2 * CLIPS]
    export = [sys.executable, str(EXAMPLES / "export_onnx.py"), "work/runs/net", "net.onnx"]
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    printed = subprocess.run(export, cwd=tmp_path, env=environment, capture_output=True, text=True, check=True).stdout
    recipe = yaml.safe_load(printed.splitlines()[-1])["embedding"]
    folder.config["recipes"]["learned"] = recipe
    folder.config["experiments"]["probe"] = {key: EXPERIMENT[key] for key in ("corpus", "training")} | {
        "recipe": "learned"
    }
    said = folder.run("train_net")
    assert folder.computed(said) == [CLIPS]
    assert said.index("Training probe") < said.index("Training net")
    assert "\nepoch " not in said[said.index("Training net") :]  # its weights are there
    probe = folder.metrics("net")["probes"]["probe"]
    assert probe["accuracy"] == folder.metrics("probe")["accuracy"]
    assert "Beside the probe probe" in (tmp_path / "work" / "runs" / "net" / "report.html").read_text()
    assert "corpus/a/0.wav" in otogura(folder, "predict", "probe", "corpus/a/0.wav").stdout
    os.rename(tmp_path / "net.onnx", tmp_path / "gone.onnx")
    refused = otogura(folder, "predict", "probe", "corpus/a/0.wav")
    assert (refused.returncode, refused.stderr.count("\n")) == (2, 1)
    assert "net.onnx: no such file" in refused.stderr


def test_mistakes_are_one_line_before_anything_is_computed(folder: Folder, tmp_path: Path) -> None:
    other = Folder(tmp_path)
    shutil.copytree(folder.path / "corpus", tmp_path / "corpus")
    (tmp_path / "mine.py").write_text(
        "import numpy as np\n"
        "class Double:\n"
        "    def draw(self, rng): return {}\n"
        "    def apply(self, clip, parameters, rng): return clip.samples.astype(np.float64)\n"
    )
    other.config["recipes"] = {"short": RECIPE | {"variants": {"double": {"class": "mine.py:Doubel"}}}}
    said = other.run("features", ok=False)
    assert (
        "otogura: mine.yaml: recipes.short.variants.double.class: mine.py: no class Doubel in it; known there: Doub"
        in said
    )
    other.config["recipes"]["short"]["variants"]["double"]["class"] = "mine.py:Double"
    said = other.run("features", ok=False)
    assert "otogura: mine.py:Double: apply: expected a waveform (samples,) float32, got float64 (" in said
    assert "Traceback" not in said
    assert not list(tmp_path.glob("work/stores/*/*/manifest.json"))
