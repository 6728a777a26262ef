"""Contract of corpora of audio files."""

import os
from collections.abc import Iterable
from itertools import islice
from time import perf_counter
from typing import Any

from pydantic import TypeAdapter

from features.faults import FaultyError, decode_checked
from features.own import OwnPartError
from pipeline.check.contract import Broken, Check, expect
from pipeline.corpus.sources import AnyCorpus
from pipeline.corpus.sources.files import FilesSource
from pipeline.corpus.sources.own_source import OwnSource, label_of, named_once, recording_fault
from pipeline.support.errors import InputError

DECODED = 8  # recordings, from the first on
TOGETHER = ("side", "fold")  # of all recordings or of none, and one for each group


def corpus_checks(source: FilesSource[Any]) -> dict[str, Check]:
    """Return the checks of a corpus with its settings, by what each says; one alone if it cannot be listed at all."""
    try:
        root = os.path.realpath(source.root())
        everything = list(_listed(source))
        expect(everything, "expected at least one recording, got none")
    except (InputError, OwnPartError, Broken) as error:
        fault = str(error)
        return {"lists recordings": lambda: expect(False, fault)}
    recordings = [recording for recording in everything if not recording_fault(recording)]
    names = [os.path.normpath(recording["path"]) for recording in recordings]

    def lists_recordings() -> str:
        labels = {label_of(recording) for recording in recordings} - {None}
        return f"{len(everything)} recordings of {len(labels)} labels"

    def keys_and_paths() -> None:
        for number, recording in enumerate(everything):
            expect(not (fault := recording_fault(recording)), f"recording {number}: {fault}")

    def each_file_once() -> None:
        numbers: dict[str, int] = {}
        for number, name in enumerate(map(named_once, recordings)):
            first = numbers.setdefault(name, number)
            expect(first == number, f"expected each file once, got {name} as recordings {first} and {number}")

    def each_file_below_root() -> str:
        for name in names:
            path = os.path.realpath(os.path.join(root, name))
            expect(os.path.isfile(path), f"expected a file, got none at {name}")
            expect(path.startswith(root + os.sep), f"expected files below root, got {name}, a link to {path}")
        return root

    def lists_the_same_again() -> None:
        for number, (first, second) in enumerate(zip(everything, again := list(_listed(source)), strict=False)):
            expect(first == second, f"recording {number}: expected {first} again, got {second}")
        expect(len(again) == len(everything), f"expected {len(everything)} recordings again, got {len(again)}")

    def labels_groups_folds_and_sides() -> str:
        columns = {key: [row.get(key) for row in recordings] for key in ("group", *TOGETHER)}
        columns["label"] = [label_of(row) for row in recordings]
        labels = {label for label in columns["label"] if label is not None}
        for label in sorted(labels):
            expect(label == label.strip() and label, f"expected labels without spaces around them, got {label!r}")
        for key in TOGETHER:
            known = sum(value is not None for value in columns[key])
            expect(known in (0, len(recordings)), f"expected a {key} for all recordings or for none, got {known}")
            _expect_one_for_each_group(key, columns["group"], columns[key])
        has_folds = columns["fold"].count(None) < len(recordings)
        if isinstance(source, OwnSource):
            expect(
                has_folds == source.corpus.has_folds,
                "expected has_folds = True in the class where recordings have folds",
            )
        unlabelled = columns["label"].count(None)
        return f"{unlabelled} without a label" if unlabelled else ""

    def first_files_are_decoded() -> str:
        first = list(islice(dict.fromkeys(names), DECODED))
        for name in first:
            try:
                decode_checked(os.path.join(root, name))
            except (FaultyError, OSError) as error:
                raise Broken(f"{name}: {error}") from None
        return f"{len(first)} of them"

    def settings_outlive_json() -> None:
        again = TypeAdapter(AnyCorpus).validate_json(source.corpus.model_dump_json())
        expect(again == source.corpus, f"expected equal settings out of JSON, got {again!r}")

    def time_per_recording() -> str:
        begun_s = perf_counter()
        count = sum(1 for _ in _listed(source))
        return f"{1e6 * (perf_counter() - begun_s) / count:.1f} µs to list it"

    return {
        "lists recordings": lists_recordings,
        "known keys, and paths below root": keys_and_paths,
        "each file once": each_file_once,
        "each file is there, below root": each_file_below_root,
        "the same recordings again, in the same order": lists_the_same_again,
        "labels, groups, folds and sides fit together": labels_groups_folds_and_sides,
        "the first files are decoded": first_files_are_decoded,
        "settings travel to jobs": settings_outlive_json,
        "time per recording": time_per_recording,
    }


def _listed(source: FilesSource[Any]) -> Iterable[Any]:
    """Return recordings as a class of a user's yields them, with their mistakes, or as a source of ours lists them."""
    if isinstance(source, OwnSource):
        return source.yielded()
    return source.files_listed().to_pylist()


def _expect_one_for_each_group(key: str, groups: list[str | None], values: list[Any]) -> None:
    of_group: dict[str, Any] = {}
    for group, value in zip(groups, values, strict=True):
        if group is not None:
            first = of_group.setdefault(group, value)
            expect(first == value, f"expected one {key} for each group, got {first} and {value} for {group}")
