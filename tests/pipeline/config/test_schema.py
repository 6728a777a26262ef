"""Configurations that a user may write, and the one line that each mistake gets."""

from pathlib import Path
from typing import Any

import pytest

from features.tensors.waveform import WaveformRecipe
from pipeline.config.schema import Config, parse, read_yaml
from pipeline.support.errors import InputError

DEFAULT = Path(__file__).parents[3] / "config" / "config.yaml"


def load(path: Path) -> Config:
    return parse(read_yaml(path), str(path))


def genre(**options: Any) -> dict[str, Any]:
    return {"experiments": {"genre": {"corpus": {"source": "audio", "root": "x"}, **options}}}


def message(data: dict[str, Any]) -> str:
    with pytest.raises(InputError) as caught:
        parse(data, "mine.yaml")
    text = str(caught.value)
    assert "\n" not in text
    assert text.startswith("mine.yaml: ")
    return text


CSV = {"source": "csv", "train": "train.csv"}


def test_what_is_left_out_is_as_published_for_the_corpus() -> None:
    corpora = {
        "genre": {"root": "x"},
        "anomaly": {"source": "json", "root": "x"},
        "environment": {"source": "esc50", "root": "x"},
        "by_hand": {"source": "audio", "root": "x/audio", "table": "x/meta/esc50.csv"},
        "spectrogram": CSV,
    }
    config = parse({"experiments": {name: {"corpus": corpus} for name, corpus in corpora.items()}}, "")
    found = {name: (part.model.name, part.recipe, part.training.epochs) for name, part in config.experiments.items()}
    assert found == {
        "genre": ("resnet_attention", "music", 120),
        "anomaly": ("cnn1d_attention", "waveform", 50),
        "environment": ("cnn8", "environment", 40),
        "by_hand": ("cnn8", "environment", 40),
        "spectrogram": ("resnet_bottleneck", "spectrogram", 60),
    }
    assert config.experiments["environment"].training.keep == "last"


def test_the_small_preset_reads_its_own_samples() -> None:
    """Unless another recipe is said; it can be changed like any other."""
    corpus = {"source": "json", "root": "x"}
    small = {"corpus": corpus, "model": {"name": "cnn1d_attention", "preset": "small"}}
    other = {"mine": {"kind": "waveform"}, "waveform_small": {"sample_rate_hz": 22050}}
    config = parse({"experiments": {"a": small, "b": small | {"recipe": "mine"}}, "recipes": other}, "")
    recipes = [config.recipes[config.experiments[name].recipe] for name in "ab"]
    assert recipes == [WaveformRecipe(sample_rate_hz=22050, samples=22050), WaveformRecipe()]
    preset = parse({"experiments": {"a": {"corpus": corpus}}}, "").recipes["waveform_small"]
    assert preset == WaveformRecipe(samples=22050)


def test_one_setting_of_augmentation_leaves_the_published_others() -> None:
    config = parse(genre(model="cnn8", training={"augment": {"mixup": 0.2}}), "")
    augment = config.experiments["genre"].training.augment
    assert (augment.mixup, augment.row_masks, augment.frame_masks) == (0.2, 2, 2)


def test_a_recipe_of_a_known_name_changes_what_it_says_alone() -> None:
    config = parse(genre(model="cnn8") | {"recipes": {"environment": {"fmax_hz": 16000}}}, "")
    assert (config.recipes["environment"].kind, config.recipes["environment"].fmax_hz) == ("log_mel", 16000)


@pytest.mark.parametrize(
    ("name", "experiment"), [("config.yaml", "genre"), ("esc10.yaml", "esc10"), ("esc10-additions.yaml", "nine_parts")]
)
def test_the_shipped_configurations_are_valid(name: str, experiment: str) -> None:
    assert experiment in load(DEFAULT.with_name(name)).experiments


def test_everything_has_a_default() -> None:
    config = parse({"experiments": {"genre": None}}, "")
    assert config.experiments["genre"].recipe == "music"
    assert config.recipes["music"].frames == 1320


def test_a_corpus_is_audio_unless_it_says_otherwise() -> None:
    config = parse(genre(corpus={"root": "x"}), "")
    assert config == parse(genre(corpus={"source": "audio", "root": "x"}), "")


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ({"experiment": {}}, "experiment: unknown key; did you mean 'experiments'?"),
        (genre(recipee="music"), "experiments.genre.recipee: unknown key; did you mean 'recipe'?"),
        (
            genre(training={"validation": False}),
            "experiments.genre.training: the best epoch is the one with the lowest validation loss; say keep: last",
        ),
        (
            genre(training={"lerning_rate": 1}),
            "experiments.genre.training.lerning_rate: unknown key; did you mean 'learning_rate'?",
        ),
        (genre(model={"widht": 1}), "experiments.genre.model.widht: unknown key; did you mean 'width'?"),
        (
            genre(corpus={"source": "audio", "rot": "x"}),
            "experiments.genre.corpus.rot: unknown key; did you mean 'root'?",
        ),
        (genre(corpus={"source": "audio"}), "experiments.genre.corpus.root: expected a value, got none; add this key"),
        (genre(corpus={"rot": "x"}), "experiments.genre.corpus.rot: unknown key; did you mean 'root'?"),
        (
            genre(corpus={"source": "tape"}),
            "experiments.genre.corpus: input tag 'tape' found using 'source' does not match any of the expected tags: "
            "'audio', 'csv', 'esc50', 'json', 'kaldi', 'manifest', 'parquet', 'tags', 'demo'",
        ),
        (
            genre(model=3),
            "experiments.genre.model: input should be a valid dictionary or object to extract fields from, got 3",
        ),
        (
            genre(training={"class_weight": "equal"}),
            "experiments.genre.training.class_weight: input should be 'none' or 'balanced', got 'equal'",
        ),
        (
            genre(corpus={"source": "json", "root": "x", "lables": 1}),
            "experiments.genre.corpus.lables: unknown key; did you mean 'labels'?",
        ),
        (
            genre(recipe="speech"),
            "experiments.genre.recipe: expected one of environment, music, spectrogram, waveform, waveform_small, "
            "got 'speech'",
        ),
        (genre(training={"epochs": 0}), "experiments.genre.training.epochs: input should be greater than 0, got 0"),
        (
            genre(training={"epochs": "many"}),
            "experiments.genre.training.epochs: input should be a valid integer, unable to parse string",
        ),
        (
            genre(split={"test": 0.6, "validation": 0.5}),
            "experiments.genre.split: validation 0.5 + test 0.6 leave nothing for training",
        ),
        (
            genre() | {"recipes": {"music": {"hop_lenght": 1}}},
            "recipes.music.hop_lenght: unknown key; did you mean 'hop_length'?",
        ),
        (
            genre() | {"recipes": {"music": {"variants": {"noise": {"snr": 1}}}}},
            "recipes.music.variants.noise.snr: unknown key; did you mean 'snr_db'?",
        ),
        (
            genre() | {"recipes": {"music": {"fmax_hz": 99999}}},
            "recipes.music: needs fmin_hz < fmax_hz <= sample_rate_hz / 2, got 0, 99999, 11025",
        ),
        (
            genre() | {"recipes": {"music": {"kind": "mel"}}},
            "recipes.music: input tag 'mel' found using 'kind' does not match any of the expected "
            "tags: 'embedding', 'four_channel', 'log_mel', 'waveform', 'spectrogram'",
        ),
        (
            {"experiments": {"x": {"model": "cnn1d_attention", "recipe": "music"}}},
            "experiments.x.recipe: the model cnn1d_attention reads tensors of kind waveform, and music has clips "
            "(128, 1320, 4) of kind four_channel; choose another recipe or another model",
        ),
        (
            genre() | {"recipes": {"x": {"kind": "waveform", "frames": 1}}},
            "recipes.x.frames: unknown key; did you mean 'samples'?",
        ),
        (
            genre() | {"recipes": {"x": {"kind": "log_mel", "n_mel": 1}}},
            "recipes.x.n_mel: unknown key; did you mean 'n_mels'?",
        ),
        (genre() | {"engine": "spark"}, "engine: input should be 'joblib' or 'dask', got 'spark'"),
        (
            genre() | {"scheduler": "tcp://h:8786"},
            "scheduler: only the engine dask has one, and the engine is joblib; say engine: dask, or leave it out",
        ),
        (
            genre() | {"work_dir": "a/{run}/b"},
            "work_dir: expected a folder without a name in braces, which Snakemake takes for a",
        ),
        (
            genre() | {"work_dir": "a{ x ,[0-9]+}"},
            "work_dir: expected a folder without a name in braces, which Snakemake takes for a",
        ),
        (
            genre() | {"work_dir": "-w"},
            "work_dir: expected a folder that does not begin with -, which is an option to commands, got '-w'",
        ),
        (
            genre() | {"work_dir": "s3://bucket/work"},
            "work_dir: expected a folder of this machine, not an address, got 's3://bucket/work'",
        ),
        (
            genre() | {"work_dir": "~nobody-here/w"},
            "work_dir: expected the name of a user after ~, or a whole path, got '~nobody-here/w'",
        ),
        (
            genre(corpus={"root": "a\0b"}),
            "experiments.genre.corpus.root: expected a path without zero bytes, got 'a\\x00b'",
        ),
        (
            genre() | {"recipes": {"demo": {"hop_lenght": 1}}},
            "recipes.demo.hop_lenght: unknown key; did you mean 'hop_length'?",
        ),
        (
            {"experiments": {"demo": {"corpus": {"source": "audio", "rot": 1}}}},
            "experiments.demo.corpus.rot: unknown key; did you mean 'root'?",
        ),
        (genre(folds=[]), "experiments.genre.folds: tuple should have at least 1 item after validation, not 0, got []"),
        (genre(folds=[1, 1]), "experiments.genre.folds: each fold once, got [1, 1]; see docs/configuration.md"),
        (
            genre(training={"seed": 2**40}),
            "experiments.genre.training.seed: input should be less than 4294967296, got 1099511627776",
        ),
        (
            genre(corpus=CSV, recipe="music"),
            "experiments.genre.recipe: music is of kind four_channel, but the corpus holds spectrograms that come",
        ),
        (
            genre(recipe="spectrogram"),
            "experiments.genre.recipe: spectrogram is of kind spectrogram, but the corpus holds sound; choose another",
        ),
        (
            genre(corpus=CSV | {"values": 999}),
            "experiments.genre.corpus.values: expected the 1000 values of the recipe spectrogram, got",
        ),
        (
            genre(model={"name": "cnn4", "crop": [100, 500]}),
            "experiments.genre.model.crop: expected at most the 128 rows and 431 frames of the recipe environment, "
            "got 100 and 500",
        ),
        (
            genre(model={"name": "cnn4", "crop": [100, 38]}),
            "experiments.genre.model.crop: cnn4 needs at least 39 rows and frames, got 100 and 38",
        ),
        (
            genre(corpus={"source": "demo", "name": "spectrogram"}) | {"recipes": {"spectrogram": {"rows": 10}}},
            "experiments.genre.corpus.values: expected the 500 values of the recipe spectrogram, got 1000",
        ),
        (
            genre(corpus={"root": "x", "group": "artist"}),
            "experiments.genre.corpus: group is a column of a table, and there is none; name it as table",
        ),
        (
            genre(corpus={"root": "x", "fold": "fold"}),
            "experiments.genre.corpus: fold is a column of a table, and there is none; name it as table",
        ),
        (
            genre(corpus={"root": "x", "side": "subset"}),
            "experiments.genre.corpus: side is a column of a table, and there is none; name it as table",
        ),
        (
            genre(corpus={"root": "x", "table": "t.csv", "side": "subset", "fold": "fold"}),
            "experiments.genre.corpus: say fold or side, not both: each says which rows test",
        ),
        (
            genre(corpus={"root": "x"}, folds=[1]),
            "experiments.genre: the corpus has no folds to test on; name their column as corpus.fold",
        ),
        (
            genre(corpus={"source": "csv", "train": "x"}, folds=[1]),
            "experiments.genre: the corpus has no folds to test on; leave them out",
        ),
        (
            genre(corpus={"root": "x", "only": {"esc10": True}}),
            "experiments.genre.corpus: only chooses rows of a table, and there is none; name it as table",
        ),
        (
            genre(training={"augment": {"row_masks": 1}}),
            "experiments.genre.training.augment: masks, shifts and filters are for networks of one",
        ),
        (
            genre(corpus={"source": "esc50", "root": "x", "fetch": {"url": "ftp://x"}}),
            "experiments.genre.corpus.fetch.url: string should match pattern '^https?://', got 'ftp://x'",
        ),
        ({"experiments": {}}, "experiments: dictionary should have at least 1 item after validation, not 0"),
        (
            {"experiments": {"my genre": {}}},
            "experiments.my genre: a name has letters, digits, - and _ only: it becomes a target and a",
        ),
    ],
)
def test_a_mistake_is_one_line_that_names_the_field(data: dict[str, Any], expected: str) -> None:
    assert message(data).startswith(f"mine.yaml: {expected}")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("experiments: [", "not YAML: while parsing a flow node"),
        ("- a list", "expected keys such as experiments: at the top, got list"),
        ("", "expected keys such as experiments: at the top, got NoneType"),
        ("\xff", "not YAML: 'utf-8' codec can't decode byte 0xff"),
    ],
)
def test_a_file_that_is_no_configuration(tmp_path: Path, text: str, expected: str) -> None:
    path = tmp_path / "c.yaml"
    path.write_bytes(text.encode("latin-1"))
    with pytest.raises(InputError) as caught:
        load(path)
    assert str(caught.value).startswith(f"{path}: {expected}")
    assert "\n" not in str(caught.value)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such file"):
        load(tmp_path / "c.yaml")


STARTING = {"corpus": {"root": "x"}, "init_from": "first"}
WITH_FOLDS = {"corpus": {"root": "x", "table": "t.csv", "fold": "f"}}


@pytest.mark.parametrize(
    ("first", "options", "said"),
    [
        ({}, {"init_from": "frist"}, "experiments.x.init_from: expected one of first, got 'frist'"),
        ({"init_from": "x"}, {}, "init_from: expected another beginning, but first starts from itself"),
        ({}, {"split": {"seed": 1}}, "experiments.x.split: expected that of first, whose weights have learned"),
        (WITH_FOLDS | {"folds": [1, 2]}, WITH_FOLDS | {"folds": [2]}, "experiments.x.folds: expected that of first"),
        ({}, WITH_FOLDS, "experiments.x.corpus.fold: expected that of first, None, got f: its training clips could"),
        (
            {},
            {"corpus": {"root": "x", "table": "t.csv", "group": "g"}},
            "experiments.x.corpus.group: expected that of first, None, got g: its training clips could test here",
        ),
        (
            {"corpus": {"root": "x", "table": "t.csv", "side": "s"}},
            {"corpus": {"root": "x", "table": "t.csv", "side": "other"}},
            "experiments.x.corpus.side: expected that of first, s, got other",
        ),
        (
            {},
            {"corpus": {"root": "x", "segments": 3}},
            "experiments.x.corpus.segments: expected that of first, 1, got 3",
        ),
        ({"training": {"keep": "last"}}, {}, "experiments.x.training: no clip can validate, because first"),
        ({}, {"recipe": "environment", "model": "cnn8"}, "experiments.x.recipe: expected that of first, music, got"),
        ({}, {"classes": ["a", "b"], "drop": ["c"]}, "experiments.x: say classes or drop, not both"),
    ],
)
def test_weights_to_start_from_that_do_not_fit(first: dict[str, Any], options: dict[str, Any], said: str) -> None:
    with pytest.raises(InputError) as caught:
        parse({"experiments": {"first": {"corpus": {"root": "x"}} | first, "x": STARTING | options}}, "mine.yaml")
    assert said in str(caught.value)
