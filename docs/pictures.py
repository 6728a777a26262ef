"""Pictures of the README: the way from recordings to scores, a clip of the demo, the speed, the page of the service.

make demo && .venv/bin/python docs/pictures.py architecture variants
make bench && .venv/bin/python docs/pictures.py speed
make demo && .venv/bin/pip install --editable '.[serve,browser]' && .venv/bin/python docs/pictures.py page
"""

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from librosa import mel_frequencies
from matplotlib.axes import Axes
from matplotlib.figure import Figure

import otogura
from stores.files import read_json

HERE = Path(__file__).parent
WORK = HERE.parent / "work"
LABEL = "blues"
TEST_CLIP = "demo/genres/waltz/waltz-02.wav"

CHANNELS = {"log_mel": "log-mel", "mfcc": "MFCC", "delta": "delta", "delta_delta": "delta-delta"}
DRAWN: dict[str, Callable[[dict[str, Any]], str]] = {
    "original": lambda row: "as recorded",
    "noise": lambda row: f"white noise, SNR {row['noise_snr_db']:.0f} dB",
    "shift": lambda row: f"{abs(row['shift_fraction']):.0%} {'later' if row['shift_fraction'] > 0 else 'earlier'}",
    "stretch": lambda row: f"{row['stretch_rate']:.2f} times as fast",
    "pitch": lambda row: f"{row['pitch_semitones']:+.1f} semitones",
    "rolloff": lambda row: f"× {row['rolloff_gain']:.2f} above {row['rolloff_cutoff_hz'] / 1000:.1f} kHz",
}
MEL_TICKS_HZ = (100, 1000, 4000, 10000)
SPEED = {  # rows of `make bench`, as the README names them
    "features/six_variants_vs_librosa": "features: librosa",
    "stream/vs_numpy_dataloader": "batches: .npy, DataLoader",
    "stream/vs_litdata": "batches: litdata",
    "stream/vs_h5py": "batches: h5py, DataLoader",
    "stream/vs_zarr_dataloader": "batches: zarr, DataLoader",
}
GREY, ACCENT = "#7d8590", "#c2410c"  # legible on white and on black


def variants() -> None:
    """Draw six variants of one recording, four channels each, as they lie in the store."""
    (family,) = (WORK / "stores").glob("genres-demo-*")
    store = otogura.open_store(family)
    row = store.rows["label"].to_pylist().index(LABEL)
    drawn = store.rows.slice(row, 1).to_pylist()[0]
    recipe = store.manifest["recipe"]
    seconds = recipe["frames"] * recipe["hop_length"] / recipe["sample_rate_hz"]
    figure = Figure(figsize=(12, 6), layout="constrained")
    grid = figure.subplots(len(CHANNELS), len(store.variants), sharex=True)
    for column, variant in enumerate(store.variants):
        clip = store.clip(row, variant).astype(np.float32)
        for channel, title in enumerate(CHANNELS.values()):
            axes = grid[channel, column]
            extent = (0, seconds, -0.5, recipe["n_mels"] - 0.5)
            image = axes.imshow(clip[:, :, channel], "magma", aspect="auto", origin="lower", extent=extent,
                                vmin=-2.5, vmax=2.5)  # fmt: skip
            _rows(axes, channel, title, recipe, labelled=not column)
        grid[0, column].set_title(f"{variant}\n{DRAWN[variant](drawn)}", fontsize=10)
        grid[-1, column].set_xlabel("seconds")
    figure.colorbar(image, ax=grid, label="normalised value", shrink=0.6)
    figure.savefig(HERE / "variants.png", dpi=80, metadata={"Software": None})


def _rows(axes: Axes, channel: int, title: str, recipe: dict[str, Any], *, labelled: bool) -> None:
    """Number the rows of a channel: mel bands by their frequency, the others by their coefficient."""
    if channel:
        places = [number * (recipe["n_mels"] - 1) / (recipe["n_mfcc"] - 1) for number in (0, 6, 12)]
        axes.set_yticks(places, ["0", "6", "12"])
    else:
        centres_hz = mel_frequencies(recipe["n_mels"], fmin=0, fmax=recipe["sample_rate_hz"] / 2)
        axes.set_yticks(np.interp(MEL_TICKS_HZ, centres_hz, np.arange(len(centres_hz))), map(str, MEL_TICKS_HZ))
    axes.tick_params(labelleft=labelled, labelsize=8)
    if labelled:
        axes.set_ylabel(f"{title}\n{'coefficient' if channel else 'Hz'}")


def speed() -> None:
    """Draw how many times as long other ways take, from `make bench`."""
    ratios = {entry["name"]: entry["ratio"] for entry in read_json(WORK / "bench" / "results.json")}
    figure = Figure(figsize=(7.5, 2.1), layout="constrained")
    axes = figure.subplots()
    bars = axes.barh(list(SPEED.values()), [ratios[name] for name in SPEED], color=ACCENT, height=0.6)
    axes.bar_label(bars, fmt="%.1f ×", padding=4, color=GREY)
    axes.axvline(1, color=GREY, linewidth=1)
    axes.invert_yaxis()
    axes.set_xlabel("time of the other ÷ time of otogura; the line at 1 is otogura", color=GREY)
    axes.margins(x=0.12)
    axes.tick_params(colors=GREY)
    axes.spines[:].set_visible(False)
    _save(figure, "speed.svg")


STEPS = [
    ("recordings", "WAV, FLAC, MP3,\nJSON, CSV, tags"),
    ("index", "pipeline/corpus\nlabels, groups, sides"),
    ("store", "features, stores\nsix variants, Zarr"),
    ("batches", "training/stream\nread ahead, pinned"),
    ("model", "training\nfit, schedule, resume"),
    ("scores", "training/report\nmetrics, one page"),
]


def architecture() -> None:
    """Draw the way from recordings to scores, with the folders that each step lies in."""
    figure = Figure(figsize=(11, 1.6))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, len(STEPS)), ylim=(0, 1))
    axes.axis("off")
    for place, (name, detail) in enumerate(STEPS):
        box = {"boxstyle": "round,pad=0.5", "facecolor": "none", "edgecolor": ACCENT if place == 2 else GREY}
        axes.text(place + 0.5, 0.72, name, ha="center", va="center", fontsize=13, color=GREY, bbox=box)
        axes.text(place + 0.5, 0.26, detail, ha="center", va="center", fontsize=9, color=GREY, family="monospace")
        if place:
            axes.annotate(
                "", (place + 0.12, 0.72), (place - 0.12, 0.72), arrowprops={"arrowstyle": "->", "color": GREY}
            )
    _save(figure, "architecture.svg")


def page() -> None:
    """Take the page of `otogura serve genre` after a test clip was chosen on it, and a place in its middle."""
    try:
        from playwright.sync_api import sync_playwright
    except ImportError:
        sys.exit("page: needs Playwright: pip install 'otogura[browser]'")
    command = [sys.executable, "-m", "pipeline.commands.main", "serve", "genre", "--port", "0"]
    with sync_playwright() as playwright:
        executable = shutil.which("chromium") or playwright.chromium.executable_path
        if not Path(executable).exists():
            sys.exit("page: needs a browser: chromium, or `playwright install chromium`")
        browser = playwright.chromium.launch(executable_path=executable)
        with subprocess.Popen(command, cwd=HERE.parent, stdout=subprocess.PIPE, text=True) as service:
            assert service.stdout is not None
            try:
                tab = browser.new_page(viewport={"width": 1280, "height": 800}, color_scheme="light")
                tab.goto(service.stdout.readline().removeprefix("otogura: ").strip())
                tab.locator("#choose:enabled").wait_for()
                tab.set_input_files("#files", WORK / TEST_CLIP)
                tab.locator("#answer.answered").wait_for()
                tab.locator("#picture-note:not(:empty)").wait_for()
                tab.locator("#position").click()
                tab.mouse.move(0, 0)
                tab.screenshot(path=HERE / "page.png", full_page=True)
            finally:
                service.terminate()
        browser.close()


def _save(figure: Figure, name: str) -> None:
    """Write an SVG whose text is text, the same bytes each time."""
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": "otogura"}):
        figure.savefig(HERE / name, transparent=True, metadata={"Date": None, "Creator": None})


PICTURES = {"architecture": architecture, "variants": variants, "speed": speed, "page": page}

if __name__ == "__main__":
    for name in sys.argv[1:] or PICTURES:
        PICTURES[name]()
