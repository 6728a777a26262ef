"""The stores that lie below a work folder: which there are, who uses them, why each was computed, and which may go."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from features.own import VERSION
from features.own_dataclass import REFERENCE
from pipeline.build.store import array_specs, store_identity
from pipeline.corpus.index import read_index
from pipeline.support.errors import InputError
from pipeline.support.lock import exclusive
from pipeline.upkeep.versions import edit_between
from pipeline.workflow.names import build_lock
from pipeline.workflow.plan import Plan
from pipeline.workflow.targets import StoreTarget
from stores.errors import StoreError
from stores.files import read_json
from stores.layout import POINTER, Layout
from stores.opening import current_store


@dataclass(frozen=True)
class Shelved:
    """One store, complete or not, as its metadata tells."""

    layout: Layout
    attributes: Mapping[str, Any]  # of Zarr's group; empty before there is an array
    arrays: Mapping[str, Mapping[str, Any]]  # Zarr's metadata of each variant
    current: bool  # what its folder's current.json points to

    @classmethod
    def at(cls, path: Path) -> "Shelved":
        layout = Layout(path)
        metadata = {item.parent.name: read_json(item) for item in sorted(layout.group.glob("*/zarr.json"))}
        arrays = {name: array for name, array in metadata.items() if array["node_type"] == "array"}
        attributes = read_json(layout.group / "zarr.json")["attributes"] if arrays else {}
        try:
            current = current_store(path.parent) == path
        except StoreError:
            current = False
        return cls(layout, attributes, arrays, current)

    @property
    def path(self) -> Path:
        return self.layout.path

    @property
    def family(self) -> Path:
        return self.layout.path.parent

    def describe(self) -> dict[str, Any]:
        """Return what `otogura stores --json` prints."""
        first: Mapping[str, Any] = next(iter(self.arrays.values()), {"shape": [0], "data_type": ""})
        return {
            "path": str(self.path),
            "corpus": self.attributes.get("corpus", ""),
            "recipe": self.attributes.get("recipe", {}),
            "identity": read_json(self.layout.manifest)["identity"]
            if self.layout.manifest.is_file()
            else self.path.name,
            "variants": sorted(self.arrays),
            "clips": first["shape"][0],
            "shape": first["shape"],
            "dtype": first["data_type"],
            "bytes": sum(status.st_size for status in _statuses(self.path)),
            "complete": self.layout.manifest.is_file(),
        }

    @property
    def time_ns(self) -> int:
        """Return the time at which the store was begun."""
        return self.layout.rows.stat().st_mtime_ns

    def identity(self, variant: str) -> str:
        """Return the identity of a variant's tensors."""
        return str(self.arrays[variant]["attributes"]["identity"])

    def section(self, variant: str) -> dict[str, Any]:
        """Return the settings of an augmentation, as the recipe of the store has them; empty if there are none."""
        variants = self.attributes["recipe"].get("variants") or {}
        return variants.get(variant) or {}

    def content(self) -> set[str]:
        """Content hashes of its recordings."""
        return set(pq.read_table(self.layout.rows, columns=["content_hash"]).column(0).to_pylist())


def shelved(work: Path) -> list[Shelved]:
    """Return all stores below a work folder."""
    return [Shelved.at(path.parent) for path in sorted((work / "stores").glob("*/*/rows.parquet"))]


def stores_elsewhere(work: Path) -> Iterator[tuple[Path, str]]:
    """Yield the folder of each store that was built in object storage from a work folder, and its address."""
    for pointer in sorted((work / "stores").glob(f"*/{POINTER}")):
        try:
            current = current_store(pointer.parent)
        except StoreError:  # a damaged pointer, for `verify` to find
            continue
        if isinstance(current, str):
            yield pointer.parent, current


def users(stores: Iterable[Shelved], plan: Plan) -> list[list[str]]:
    """Return for each store the experiments that are trained on it, or will be once it is built to the end."""
    wanted = {target.family.resolve(): _wanted(target) for target in plan.stores.values()}
    learners = {name: one.store.family.resolve() for name, one in plan.experiments.items()}
    return [
        [
            name
            for name, family in learners.items()
            if family == store.family.resolve() and (store.current or store.path.name == wanted[family])
        ]
        for store in stores
    ]


def why(path: Path, work: Path) -> Iterator[tuple[str, str]]:
    """Yield for each variant of a store where else its tensors are, or what makes them differ from all that exist.

    Raises `InputError` where there is no store.
    """
    current = current_store(path)
    if isinstance(current, str):
        raise InputError(f"{path}: its store is in object storage, at {current}; expected one in a folder")
    path = current
    if not Layout(path).rows.is_file():
        raise InputError(f"{path}: no such store; `otogura stores` lists them")
    store = Shelved.at(path)
    others = [other for other in shelved(work) if other.path.resolve() != path.resolve()]
    content = store.content()
    for variant in store.arrays:
        same = [
            (len(content & other.content()), other)
            for other in others
            if variant in other.arrays and other.identity(variant) == store.identity(variant)
        ]
        alike = [(_differences(store, other, variant), other) for other in others if variant in other.arrays]
        if same:
            shared, other = max(same, key=lambda pair: pair[0])
            new = len(content) - shared
            yield variant, f"as in {other.path}, which has {shared} of its {len(content)} recordings; {new} were new"
        elif alike:
            differing, other = min(alike, key=lambda pair: len(pair[0]))
            yield variant, f"computed, since {'; '.join(differing)} in {other.path}"
        else:
            yield variant, "computed: no other store has this variant"


def unused(plan: Plan) -> list[Shelved]:
    """Return the stores that have no users among the experiments of a configuration."""
    stores = shelved(plan.work)
    return [store for store, names in zip(stores, users(stores, plan), strict=True) if not names]


def freed(stores: list[Shelved]) -> int:
    """Return the bytes that go with these stores: what they share with others by hard links stays."""
    links: dict[tuple[int, int], int] = {}
    freed = 0
    for store in stores:
        for status in _statuses(store.path):
            key = (status.st_dev, status.st_ino)
            links[key] = links.get(key, 0) + 1
            freed += status.st_size if links[key] == status.st_nlink else 0
    return freed


def remove(store: Shelved, plan: Plan) -> None:
    """Remove a store, the manifest first, so that nobody opens what is half gone."""
    with exclusive(build_lock(plan.work, store.family.name)):
        if store.current:
            (store.family / POINTER).unlink(missing_ok=True)
        store.layout.manifest.unlink(missing_ok=True)
        shutil.rmtree(store.path)
        if not os.listdir(store.family):
            store.family.rmdir()


def _wanted(target: StoreTarget) -> str | None:
    """Return the name of the store that is built next, or is built; None before there is an index."""
    index = target.corpus.index_folder
    if not (index / "clips.parquet").is_file():
        return None
    specs = array_specs(target.recipe, target.clips_per_shard, target.compression)
    return store_identity(read_index(index), specs)


def _statuses(folder: str | Path) -> Iterator[os.stat_result]:
    """Yield the status of each file below a folder."""
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir(follow_symlinks=False):
                yield from _statuses(entry.path)
            elif entry.is_file():
                yield entry.stat()


def _differences(store: Shelved, other: Shelved, variant: str) -> list[str]:
    """Return the fields of two stores' recipes of a variant that differ, as text."""
    here, there = (_flat(one.arrays[variant]["attributes"]["recipe"]) for one in (store, other))
    names = sorted(name for name in here.keys() | there.keys() if here.get(name) != there.get(name))
    edit = []
    if (reference := store.section(variant).get(REFERENCE)) and "augmentation" in names:
        names.remove("augmentation")
        edit = [edit_between(reference, str(there.get("augmentation")), here["augmentation"])]
    if (reference := reference_of(store.attributes["recipe"])) and VERSION in names and VERSION in there:
        names.remove(VERSION)
        edit.append(edit_between(reference, there[VERSION], here[VERSION]))
    return [*edit, *(f"{name} is {here.get(name)}, but {there.get(name)}" for name in names)]


def reference_of(recipe: Mapping[str, Any]) -> str | None:
    """Return the class or the model in a user's file that a recipe, as a store has it, is computed by, if it is one."""
    return recipe.get(REFERENCE) or recipe.get("model")


def _flat(value: Mapping[str, Any], above: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        flat |= _flat(inner, f"{above}{name}.") if isinstance(inner, Mapping) else {f"{above}{name}": inner}
    return flat
