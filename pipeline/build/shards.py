"""One shard of a store: the task that a worker gets, and its work, clip by clip."""

from collections.abc import Sequence
from dataclasses import dataclass

import soundfile

from features.decoding import MissingDecoderError
from features.extractor import FeatureExtractor, PassThroughExtractor
from pipeline.build.decoder import worker_decoder
from pipeline.build.environment import environment
from pipeline.corpus.recordings import Recording, decoded_by_codecs
from pipeline.support.errors import InputError
from pipeline.support.executors import Needs
from stores.errors import StoreError
from stores.held import HeldClip
from stores.layout import ArraySpec
from stores.shard_writing import Destination, VariantShard


class ChangedError(InputError):
    """A recording is not what was indexed, though its size and modification time may be."""


@dataclass(frozen=True)
class ShardTask:
    """One range of clips and all variants that it lacks."""

    destination: Destination
    specs: Sequence[ArraySpec]
    shard: int
    recordings: Sequence[Recording]
    content_hashes: Sequence[str]
    lengths: Sequence[int]  # in samples at the recordings' own rates
    held: dict[str, list[HeldClip | None]]  # by variant: tensors to copy in place of computing them
    features: FeatureExtractor | PassThroughExtractor


def build_shard(task: ShardTask) -> tuple[int, int]:
    """Write the missing variants of one shard, clip by clip; returns the counts of all and of computed tensors."""
    count = len(task.recordings) * len(task.specs)
    specs = task.destination.lacking(task.specs, task.shard)
    if not specs:
        return count, 0
    computed = 0
    variants = [spec.variant for spec in specs]
    decoder = worker_decoder()
    with task.destination.writing(specs, task.shard, task.content_hashes) as shards:
        clips = zip(task.recordings, task.content_hashes, task.lengths, strict=True)
        for slot, (recording, expected, length) in enumerate(clips):
            wanted = [variant for variant in variants if not _copied(task.held[variant][slot], shards[variant])]
            if not wanted:
                continue
            changed = ChangedError(f"{recording}: this file changed since it was indexed; type the same command again")
            try:
                content, clip = decoder.clip(recording, length, task.features)
            except MissingDecoderError as error:  # of a worker elsewhere
                raise InputError(f"{recording}: {error}") from None
            except (OSError, ValueError, soundfile.SoundFileError):
                raise changed from None
            if content.hex() != expected:
                raise changed
            made_by = environment(decoded_by_codecs(recording))
            for variant, tensor in task.features.compute(clip, content, wanted):  # type: ignore[arg-type]  # its own clip
                shards[variant].append(tensor.values, tensor.statistics, [made_by])
                computed += 1
    return count, computed


def needs_of(task: ShardTask) -> Needs:
    """Return paths that tell a worker with the same storage."""
    read, written = task.destination.needed
    return Needs(read=(*read, task.recordings[0].path, *task.features.recipe.files), written=tuple(written))


def _copied(held: HeldClip | None, shard: VariantShard) -> bool:
    """Copy a tensor from another store, if one holds it undamaged and as was promised here; says whether."""
    if held is None:
        return False
    try:
        values, statistics, written_with = held.read()
    except (StoreError, OSError):  # that store may be damaged, or be removed just now
        return False
    if not shard.as_promised(values):
        return False
    shard.append(values, statistics, written_with)
    return True
