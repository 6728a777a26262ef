"""Targets that a configuration resolves to: their names, and what they share."""

from pathlib import Path

from pipeline.config.schema import parse, read_yaml
from pipeline.workflow.jobs import SplitJob, TrainJob
from pipeline.workflow.plan import Plan, default_config, load


def test_corpora_that_differ_have_names_that_differ(tmp_path: Path) -> None:
    corpora = [
        {"root": "x"},
        {"source": "json", "root": "x"},
        {"source": "csv", "train": "x"},
        {"source": "csv", "train": "x", "values": 2000},
        {"root": "x", "silent": "quarantine"},
        {"root": "x", "table": "t.csv"},
        {"root": "x", "table": "t.csv", "only": {"esc10": True}},
        {"source": "esc50", "root": "x"},
        {"source": "esc50", "root": "x", "subset": "esc10"},
    ]
    recipes = {"two": {"kind": "spectrogram", "rows": 40}}
    experiments = {f"x{number}": {"corpus": corpus} for number, corpus in enumerate(corpora)}
    experiments["x3"]["recipe"] = "two"
    found = load({"experiments": experiments, "recipes": recipes}, [tmp_path])
    assert len({found.experiments[name].corpus.name for name in experiments}) == len(corpora)
    experiments["x0"]["corpus"] = {"root": "x", "max_quarantine": 0.1}  # which changes nothing of what is there
    again = load({"experiments": experiments, "recipes": recipes}, [tmp_path])
    assert [again.experiments[name].corpus.name for name in experiments] == [
        found.experiments[name].corpus.name for name in experiments
    ]


def test_a_root_that_links_to_itself_stops_no_other_experiment(tmp_path: Path) -> None:
    (tmp_path / "round").symlink_to("round")
    config = {"experiments": {"genre": {"corpus": {"root": str(tmp_path / "round")}}}}
    plan = Plan(parse(config, ""), "")
    assert plan.experiments["genre"].corpus.name.startswith("round-")
    assert "unreadable" in plan.experiments["genre"].corpus.job


def test_a_run_that_starts_from_another_tests_on_the_same_clips() -> None:
    split = {"seed": 3, "test": 0.3}
    corpus = {"corpus": {"root": "x"}}
    experiments = {
        "first": corpus | {"split": split},
        "x": corpus | {"init_from": "first"},
        "y": corpus | {"init_from": "x"},
    }
    chosen = load({"experiments": experiments}, ["mine.yaml"])
    jobs = [TrainJob.model_validate_json(chosen.experiments[name].train_job) for name in experiments]
    assert jobs[0].setup.split.seed == 3
    assert jobs[0].setup.split == jobs[1].setup.split == jobs[2].setup.split
    assert [job.init_from for job in jobs] == [None, Path("work/runs/first"), Path("work/runs/x")]
    assert chosen.experiments["x"].started_from == [Path("work/runs/first/metrics.json")]


def test_linear_probes_on_the_same_sides_are_baselines() -> None:
    folds = {"corpus": {"root": "x", "table": "t", "fold": "fold"}}
    probe = {"model": "linear_probe", "recipe": "environment"}
    experiments = {
        "x": folds,
        "probe": folds | probe,
        "narrow": folds | probe | {"classes": ["a", "b"]},
        "by_fold": folds | probe | {"folds": [1, 2]},
        "other": {"corpus": {"root": "y"}} | probe,
        "started": folds | probe | {"init_from": "probe"},
        "y": folds | {"classes": ["a", "b"]},
        "z": folds | {"folds": [1, 2]},
    }
    chosen = load({"experiments": experiments}, ["mine.yaml"])
    jobs = {name: TrainJob.model_validate_json(target.train_job) for name, target in chosen.experiments.items()}
    probes = {name: job.probes for name, job in jobs.items() if job.probes}
    assert probes == {
        "x": {"probe": Path("work/runs/probe")},
        "y": {"narrow": Path("work/runs/narrow")},
        "z": {"by_fold": Path("work/runs/by_fold")},
    }
    target = chosen.experiments["x"]
    assert target.probed == [Path("work/runs/probe/metrics.json")]
    order = target.products
    assert order.index(target.probes[0].store.pointer) < order.index(target.probed[0]) < order.index(target.metrics)


def test_experiments_share_the_record_of_their_split() -> None:
    """Experiments that start from others' weights have the record of the first, or one that inherits from it."""
    experiments = {
        "first": {"corpus": {"root": "x"}},
        "same": {"corpus": {"root": "x"}, "training": {"epochs": 3}},
        "seed": {"corpus": {"root": "x"}, "split": {"seed": 1}},
        "later": {"corpus": {"root": "x"}, "init_from": "seed"},
        "elsewhere": {"corpus": {"root": "y"}, "init_from": "later"},
        "farther": {"corpus": {"root": "y"}, "init_from": "elsewhere"},
        "alone": {"corpus": {"root": "y"}, "split": {"seed": 1}},
    }
    chosen = load({"experiments": experiments}, ["mine.yaml"])
    record = {name: chosen.experiments[name].split.record for name in experiments}
    assert record["first"] == record["same"]
    assert record["seed"] == record["later"]
    assert record["elsewhere"] == record["farther"]
    assert len(set(record.values())) == 4
    inherited = {name: chosen.experiments[name].split.inherited_record for name in experiments}
    assert inherited.pop("elsewhere") == inherited.pop("farther") == [record["seed"]]
    assert set(map(tuple, inherited.values())) == {()}
    for name in experiments:
        split_job = SplitJob.model_validate_json(chosen.experiments[name].split.job)
        assert (split_job.record, split_job.index) == (record[name], chosen.experiments[name].corpus.index_folder)
        assert TrainJob.model_validate_json(chosen.experiments[name].train_job).record == record[name]
    assert SplitJob.model_validate_json(chosen.experiments["farther"].split.job).split.seed == 1
    assert SplitJob.model_validate_json(chosen.experiments["farther"].split.job).inherited == record["seed"]


def test_a_given_file_stands_on_its_own() -> None:
    chosen = load({"experiments": {"mine": {}}}, ["mine.yaml"])
    assert list(chosen.config.experiments) == ["mine"]
    assert "demo" not in chosen.config.recipes


def test_the_command_line_changes_the_default() -> None:
    chosen = load({"experiments": {"genre": {"training": {"epochs": 3}}}}, [])
    assert chosen.config.experiments["genre"].training.epochs == 3
    assert chosen.config.experiments["genre"].model == parse(read_yaml(default_config()), "").experiments["genre"].model


def test_the_strictest_quarantine_holds_for_all_who_share_an_index() -> None:
    corpus = {"source": "audio", "root": "x"}
    experiments = {"a": {"corpus": corpus}, "b": {"corpus": corpus | {"max_quarantine": 0.01}}}
    chosen = load({"experiments": experiments}, ["mine.yaml"])
    assert '"max_quarantine":0.01' in chosen.experiments["a"].corpus.job
    assert chosen.experiments["a"].corpus.job == chosen.experiments["b"].corpus.job


def test_experiments_share_a_store_by_corpus_and_recipe() -> None:
    corpus = {"source": "audio", "root": "x"}
    data = {
        "experiments": {
            "a": {"corpus": corpus},
            "b": {"corpus": corpus, "training": {"learning_rate": 0.1}},
            "c": {"corpus": corpus, "recipe": "short"},
            "d": {"corpus": corpus | {"root": "y"}},
        },
        "recipes": {"short": {"frames": 100}},
    }
    chosen = load(data, ["mine.yaml"])
    families = [chosen.experiments[name].store.family for name in "abcd"]
    assert families[0] == families[1]
    assert len(set(families)) == 3
    indices = [chosen.experiments[name].corpus.index_folder for name in "abcd"]
    assert indices[0] == indices[1] == indices[2] != indices[3]
