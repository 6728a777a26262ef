"""Sound in the page: the microphone, WAV files, and the numbers of its pictures."""

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np
import pytest
import soundfile
from browsing import RATE_HZ, TONE_HZ, WAIT_MS, opened

from features.mel_scale import band_centres_hz
from features.tensors.four_channel import Recipe

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install 'otogura[browser]'")
expect = sync_api.expect
expect.set_options(timeout=WAIT_MS)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Page

MICROPHONE = f"""
navigator.mediaDevices.getUserMedia = async () => {{
  const context = new AudioContext();
  const tone = new OscillatorNode(context, {{ frequency: {TONE_HZ} }});
  const stream = context.createMediaStreamDestination();
  tone.connect(stream);
  tone.start();
  return stream.stream;
}};
"""
REFUSAL = "navigator.mediaDevices.getUserMedia = async () => {{ throw new DOMException('', '{}') }}"
REFUSALS = {  # by what the browser does, what the page says
    REFUSAL.format("NotAllowedError"): "Allow it in",
    REFUSAL.format("NotFoundError"): "Connect one",
    "Object.defineProperty(window, 'isSecureContext', { value: false })": "to https pages and to localhost only",
}


@pytest.fixture
def page(browser: "Browser", url: str) -> "Iterator[Page]":
    with opened(browser, url) as page:
        page.goto(url)
        yield page


def test_it_records(browser: "Browser", url: str) -> None:
    with opened(browser, url) as page:
        page.add_init_script(MICROPHONE)
        page.goto(url)
        page.get_by_role("button", name="Record").click()
        expect(page.get_by_label("Recorded time")).not_to_have_text("0:00.0")
        page.get_by_role("button", name="Stop and ask").click()
        expect(page.locator("#answer.answered")).to_be_visible()
        expect(page.get_by_role("heading", name="recording-1.wav")).to_be_visible()
        code = "Promise.all(sentSounds.map(async (file) => [file.type, [...new Uint8Array(await file.arrayBuffer())]]))"
        ((media_type, body),) = page.evaluate(code)
    assert media_type == "audio/wav"
    with soundfile.SoundFile(io.BytesIO(bytes(body))) as sound:
        assert (sound.subtype, sound.channels) == ("PCM_16", 1)
        samples, rate_hz = sound.read(), sound.samplerate
    spectrum = np.abs(np.fft.rfft(samples * np.hanning(len(samples))))
    assert abs(spectrum.argmax() * rate_hz / len(samples) - TONE_HZ) <= 2 * rate_hz / len(samples)
    assert np.abs(samples).max() > 0.9


def test_a_recording_can_be_discarded(browser: "Browser", url: str) -> None:
    with opened(browser, url) as page:
        page.add_init_script(MICROPHONE)
        page.goto(url)
        page.get_by_role("button", name="Record").click()
        page.get_by_role("button", name="Discard").click()
        expect(page.get_by_role("button", name="Record")).to_be_focused()
        expect(page.locator("#result")).to_be_hidden()
        assert page.evaluate("sentSounds.length") == 0


@pytest.mark.parametrize("code", REFUSALS)
def test_it_says_why_there_is_no_microphone(browser: "Browser", url: str, code: str) -> None:
    with opened(browser, url) as page:
        page.add_init_script(code)
        page.goto(url)
        page.get_by_role("button", name="Record").click()
        expect(page.get_by_role("alert")).to_contain_text(REFUSALS[code])


def test_wav_files_are_exact(page: "Page") -> None:
    values = [0.0, 0.5, -0.25, 1.5, -1.5, 1 / 32768]
    code = """async (values) => {
        const { wavOf } = await import("/wav.js");
        const half = values.length / 2;
        const sound = wavOf([values.slice(0, half), values.slice(half)], 48000);
        return [...new Uint8Array(await sound.arrayBuffer())];
    }"""
    samples, rate_hz = soundfile.read(io.BytesIO(bytes(page.evaluate(code, values))), dtype="int16")
    assert rate_hz == 48000
    assert samples.tolist() == [0, 16384, -8192, 32767, -32768, 1]


def test_power_spectra_are_those_of_numpy(page: "Page") -> None:
    samples = np.random.default_rng(0).normal(size=600)
    code = """async (samples) => {
        const { PowerSpectrum } = await import("/fft.js");
        return [...new PowerSpectrum(512).of(samples, 200)];
    }"""
    power = page.evaluate(code, samples.tolist())
    frame = np.pad(samples[200:], (0, 112)) * np.hanning(513)[:-1]
    np.testing.assert_allclose(power, np.abs(np.fft.rfft(frame)) ** 2, rtol=1e-4, atol=1e-4)


def test_the_scale_is_that_of_the_features(page: "Page") -> None:
    recipe = Recipe(sample_rate_hz=RATE_HZ, n_mels=40)
    code = """async ([bands, top]) => {
        const { melOf, hzOf } = await import("/spectrogram.js");
        return Array.from({ length: bands }, (_, band) => hzOf(((band + 1) * melOf(top)) / (bands + 1)));
    }"""
    np.testing.assert_allclose(page.evaluate(code, [40, RATE_HZ / 2]), band_centres_hz(recipe), rtol=1e-9)


def test_a_tone_is_bright_at_its_frequency(page: "Page") -> None:
    code = """async ([rate, hz]) => {
        const { levels, melOf, ROWS } = await import("/spectrogram.js");
        const samples = Float32Array.from({ length: 2 * rate }, (_, at) => Math.sin((2 * Math.PI * hz * at) / rate));
        const columns = 20;
        const drawn = await levels(samples, rate, columns, new AbortController().signal);
        const column = Array.from({ length: ROWS }, (_, row) => drawn[row * columns + 10]);
        return [column.indexOf(Math.max(...column)), (melOf(hz) / melOf(rate / 2)) * ROWS, Math.max(...column)];
    }"""
    brightest, place, level_db = page.evaluate(code, [RATE_HZ, 3000])
    assert abs(brightest + 0.5 - place) <= 1
    assert abs(level_db) < 1.0
