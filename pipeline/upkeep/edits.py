"""Edits of parts of users' own since their results were made: which file, and from which version to which."""

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from typing import Any

from features.augmentations.own import OwnAugmentation
from features.own import CLASS, VERSION, OwnPart
from features.own_dataclass import REFERENCE
from features.recipe import ORIGINAL, SoundRecipe
from features.tensors.embedding import EmbeddingRecipe
from features.tensors.own.recipe import OwnRecipe
from pipeline.corpus.sources.own import LISTED_BY, OwnCorpus
from pipeline.upkeep.catalogue import Shelved, reference_of, shelved
from pipeline.upkeep.versions import edit_between
from pipeline.workflow.plan import Plan
from stores.files import read_json
from training.models.own import OwnModel
from training.report.fold_folders import single_folders
from training.report.settings import SETTINGS


def edits(plan: Plan) -> Iterator[str]:
    """Yield a line for each part of a configuration that has changed since what lies in the work folder was made."""
    for corpus in plan.corpora.values():
        recorded = corpus.index_folder / LISTED_BY
        if isinstance(corpus.corpus, OwnCorpus) and recorded.is_file():
            yield from _edit(f"index {corpus.name}", read_json(recorded), corpus.corpus.part)
    stores = shelved(plan.work)
    for name, recipe in plan.config.recipes.items():
        if isinstance(recipe, SoundRecipe):
            yield from _recipe_edits(f"features {name}", recipe, stores)
    for name, target in plan.experiments.items():
        model = target.experiment.model
        if isinstance(model, OwnModel) and target.metrics.is_file():
            settings = single_folders(target.run_folder, read_json(target.metrics))[0] / SETTINGS
            if settings.is_file():
                yield from _edit(f"train {name}", read_json(settings)["model"], model.part)


def _recipe_edits(job: str, recipe: SoundRecipe, stores: list[Shelved]) -> Iterator[str]:
    if isinstance(recipe, OwnRecipe | EmbeddingRecipe):
        yield from _feature_edits(job, recipe, stores)
    for name, augmentation in recipe.augmentations.items():
        if not isinstance(augmentation, OwnAugmentation):
            continue
        holders = [store for store in stores if name in store.arrays]
        if any(store.identity(name) == recipe.identity(name) for store in holders):
            continue
        sections = (store.section(name) for store in sorted(holders, key=lambda store: store.time_ns))
        of_part = [section for section in sections if section.get(REFERENCE) == augmentation.reference]
        yield from _edit(job, of_part[-1], augmentation.part) if of_part else ()


def _feature_edits(job: str, recipe: OwnRecipe | EmbeddingRecipe, stores: list[Shelved]) -> Iterator[str]:
    reference = reference_of(asdict(recipe))
    holders = [store for store in stores if reference_of(store.attributes.get("recipe", {})) == reference]
    if holders and not any(store.identity(ORIGINAL) == recipe.identity(ORIGINAL) for store in holders):
        before = max(holders, key=lambda store: store.time_ns).attributes["recipe"][VERSION]
        if before != recipe.version:
            yield f"{job}: {edit_between(str(reference), before, str(recipe.version))}"


def _edit(job: str, recorded: Mapping[str, Any], part: OwnPart) -> Iterator[str]:
    reference = recorded.get(CLASS, recorded.get(REFERENCE))
    if reference == part.reference and recorded[VERSION] != part.version:
        yield f"{job}: {edit_between(part.reference, recorded[VERSION], part.version)}"
