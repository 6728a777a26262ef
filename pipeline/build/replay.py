"""Making the waveform of a stored variant again, to be listened to."""

from pathlib import Path

import soundfile
from pydantic import ValidationError
from threadpoolctl import threadpool_limits

from features.audio import content_hash
from features.extractor import FeatureExtractor, draw_parameters
from features.recipe import ORIGINAL, SoundRecipe
from features.tensors import recorded_recipe
from pipeline.corpus.sources.readers import recording_at
from pipeline.support.errors import InputError
from stores import Store, open_store
from stores.errors import StoreError
from stores.files import replacing
from stores.layout import POINTER, Layout


def replay(recording: Path, variant: str, output: Path, stores: Path) -> str:
    """Write what one variant of a recording is analysed from to a WAV file, float32 at the recipe's rate, not clipped.

    `stores` is the folder of one store, or one with folders of stores, of which one has to hold the recording.
    Returns what the store's row table says of the variant's draws. Raises `InputError` with one line.
    """
    if output.suffix.lower() != ".wav":
        raise InputError(f"{output}: expected a name that ends in .wav")
    if output.exists():
        raise InputError(f"{output}: exists already; remove it or choose another name")
    try:
        samples, rate_hz = recording_at(recording).decode()
    except (soundfile.SoundFileError, ValueError) as error:
        raise InputError(f"{recording}: cannot be decoded: {error}") from None
    content = content_hash(samples, rate_hz)
    store, row = _find(content, recording, variant, stores)
    other = InputError(f"{store.path}: made by another version, which may have augmented otherwise; build it again")
    try:
        recipe = recorded_recipe(store.manifest["recipe"])
    except ValidationError:
        raise other from None
    if not isinstance(recipe, SoundRecipe):
        raise InputError(f"{store.path}: holds spectrograms that came ready; they have no sound to be replayed")
    parameters = draw_parameters(recipe, content).get(variant, {})
    if store.manifest["identities"][variant] != recipe.identity(variant):
        raise other
    recorded = {name: store.rows[f"{variant}_{name}"][row].as_py() for name in parameters}
    if recorded != parameters:
        raise other
    engine = FeatureExtractor(recipe)
    with threadpool_limits(limits=1):
        waveform = engine.waveform(engine.clip(samples, rate_hz), content, variant)
    with replacing(output) as file:
        soundfile.write(file, waveform, recipe.sample_rate_hz, subtype="FLOAT", format="WAV")
    text = ", ".join(f"{name} {value:.6g}" for name, value in recorded.items())
    return text or ("the cut that all variants start from" if variant == ORIGINAL else "nothing drawn")


def _find(content: bytes, recording: Path, variant: str, stores: Path) -> tuple[Store, int]:
    """A store that holds this variant of a recording, and its row there; more than one if they hold the same."""
    holding, skipped = [], []
    for path in _families(stores):
        try:
            store = open_store(path)
        except StoreError as error:
            skipped.append(f"; passed over: {error}")
            continue
        hashes = store.rows["content_hash"].to_pylist()
        if content.hex() in hashes:
            holding.append((store, hashes.index(content.hex())))
    if not holding:
        raise InputError(
            f"{recording}: no store below {stores} holds it; build one, or name another with --store{''.join(skipped)}"
        )
    matches = [(store, row) for store, row in holding if variant in store.variants]
    if not matches:
        known = sorted({name for store, _ in holding for name in store.variants})
        raise InputError(f"{recording}: expected one of the variants {', '.join(known)}, got {variant!r}")
    if len({store.manifest["identities"][variant] for store, _ in matches}) > 1:
        names = ", ".join(str(Path(store.path).parent) for store, _ in matches)
        raise InputError(f"{recording}: stores of several recipes hold it; choose one with --store: {names}")
    return matches[0]


def _families(stores: Path) -> list[Path]:
    """The folders that `open_store` takes: this one, or those in it."""
    if (stores / POINTER).is_file() or Layout(stores).manifest.is_file():
        return [stores]
    families = sorted(path.parent for path in stores.glob(f"*/{POINTER}"))
    if not families:
        raise InputError(f"{stores}: no store here; build one with `snakemake features`")
    return families
