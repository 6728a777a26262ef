"""Which stores there are, why they were computed, who uses them, and which may go."""

import re
from pathlib import Path

import pytest
from corpora import write_corpus
from stores_of import built, plan_of_tones
from typer.testing import CliRunner

from pipeline.commands.main import app
from pipeline.support.errors import InputError
from pipeline.upkeep.catalogue import freed, shelved, unused, users, why
from pipeline.workflow.plan import Plan
from stores import open_store


def reasons(store: Path, plan: Plan) -> dict[str, str]:
    return dict(why(store, plan.work))


def test_the_first_store_has_nothing_to_be_compared_with(tmp_path: Path) -> None:
    plan = plan_of_tones(tmp_path)
    store = built(plan)
    assert set(reasons(store, plan).values()) == {"computed: no other store has this variant"}
    assert reasons(store.parent, plan) == reasons(store, plan)


def test_a_grown_corpus_is_said_to_have_new_recordings(tmp_path: Path) -> None:
    plan = plan_of_tones(tmp_path)
    old = built(plan)
    write_corpus(tmp_path / "corpus", "abc", 5)
    new = built(plan)
    assert reasons(new, plan)["shift"] == f"as in {old}, which has 9 of its 15 recordings; 6 were new"
    assert users(shelved(plan.work), plan) == [["x"] if store == new else [] for store in sorted([old, new])]


def test_a_changed_range_is_named(tmp_path: Path) -> None:
    plan = plan_of_tones(tmp_path)
    old = built(plan)
    plan = plan_of_tones(tmp_path, noise={"snr_db": [10, 20]})
    said = reasons(built(plan), plan)
    assert said["noise"] == f"computed, since parameters.snr_db is [10.0, 20.0], but [15.0, 30.0] in {old}"
    assert said["original"] == f"as in {old}, which has 9 of its 9 recordings; 0 were new"


def test_no_store_has_no_reasons(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no such store"):
        reasons(tmp_path / "nothing", plan_of_tones(tmp_path))


class TestPrune:
    def prune(self, folder: Path, answer: str) -> tuple[int, str]:
        result = CliRunner().invoke(app, ["prune", "--configfile", str(folder / "mine.yaml")], input=answer)
        return result.exit_code, result.output

    def test_nothing_unused(self, tmp_path: Path) -> None:
        built(plan_of_tones(tmp_path))
        assert self.prune(tmp_path, "") == (0, f"{tmp_path}/work/stores: {tmp_path}/mine.yaml uses every store\n")

    def test_an_older_state_goes_after_a_yes_and_the_current_one_stays(self, tmp_path: Path) -> None:
        plan = plan_of_tones(tmp_path)
        old = built(plan)
        write_corpus(tmp_path / "corpus", "abc", 5)
        new = built(plan)
        assert [store.path for store in unused(plan)] == [old]
        # Two whole shards of four variants are the new store's as well, by hard links.
        assert 0 < freed(unused(plan)) < sum(file.stat().st_size for file in old.rglob("*") if file.is_file()) / 2
        assert self.prune(tmp_path, "n\n")[0] == 1
        assert old.is_dir()
        code, said = self.prune(tmp_path, "y\n")
        assert code == 0
        assert str(old) in said
        assert not old.exists()
        assert len(open_store(new.parent)) == 15

    def test_another_recipes_store_goes_with_its_folder(self, tmp_path: Path) -> None:
        old = built(plan_of_tones(tmp_path))
        new = built(plan_of_tones(tmp_path, noise=None))
        assert self.prune(tmp_path, "y\n")[0] == 0
        assert not old.parent.exists()
        assert open_store(new.parent).path == new

    def test_a_store_that_is_not_built_to_the_end_stays(self, tmp_path: Path) -> None:
        plan = plan_of_tones(tmp_path)
        store = built(plan)
        (store / "manifest.json").unlink()
        (store.parent / "current.json").unlink()
        assert unused(plan) == []
        assert users(shelved(plan.work), plan) == [["x"]]


def test_stores_are_listed_with_those_who_use_them(tmp_path: Path) -> None:
    store = built(plan_of_tones(tmp_path))
    options = ["--work-dir", str(tmp_path / "work"), "--configfile", str(tmp_path / "mine.yaml")]
    result = CliRunner().invoke(app, ["stores", *options, "--json"])
    assert f'"path": "{store}"' in result.output
    assert '"experiments": [\n   "x"\n  ]' in result.output
    for columns in ("60", "80", "200"):
        lines = CliRunner(env={"COLUMNS": columns}).invoke(app, ["stores", *options]).output.splitlines()
        assert lines[0] == str(store)
        assert re.fullmatch(r"    9 clips, 4 variants, 32×24×4, \d\.\d\d GB, used by x", lines[1])


def test_no_store_is_said(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["stores", "--work-dir", str(tmp_path)])
    assert "no store; build one" in result.output
