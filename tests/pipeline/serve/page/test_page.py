"""The page of the service in a browser: files in, answers out."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from browsing import WAIT_MS, noise_file, opened, silent_file, sound_file
from service import Service

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install 'otogura[browser]'")
expect = sync_api.expect
expect.set_options(timeout=WAIT_MS)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

SHORT_S = 0.5  # one window
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture
def page(browser: "Browser", url: str) -> "Iterator[Page]":
    with opened(browser, url) as page:
        page.goto(url)
        expect(page.get_by_role("button", name="Choose files")).to_be_enabled()
        yield page


def give(page: "Page", *paths: Path) -> dict[str, Any]:
    """Choose files, and return the first answer that came."""
    expect(page.get_by_role("button", name="Choose files")).to_be_enabled()
    page.set_input_files("#files", paths)
    expect(page.locator("#downloads")).to_be_visible()  # from the first answer on
    return page.evaluate("firstAnswer")


def drawn(page: "Page") -> "Locator":
    """Return the picture, once it is complete."""
    expect(page.locator("#picture-note")).to_contain_text("mel scale")
    return page.locator("#drawing")


def colours(page: "Page", canvas: str) -> int:
    """Return how many colours there are on a canvas."""
    code = """(name) => {
        const canvas = document.getElementById(name);
        const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext("2d", { willReadFrequently: true });
        copy.drawImage(canvas, 0, 0);
        const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
        return new Set(new Uint32Array(data.buffer)).size;
    }"""
    return page.evaluate(code, canvas)


def shown(share: float) -> str:
    """Return a probability as the page writes it."""
    return ">0.999" if 0.9995 <= share < 1 else f"{share:.3f}"


def test_a_sound_has_its_answer(page: "Page", tmp_path: Path) -> None:
    answer = give(page, sound_file(tmp_path / "tone.wav"))
    shares = answer["probabilities"]
    ranked = sorted(shares, key=lambda name: -shares[name])[:10]
    expect(page.locator("#answer .bars li span:first-child")).to_have_text(ranked)
    expect(page.locator("#answer")).to_contain_text(f"confidence {shown(answer['confidence'])}")
    expect(page.locator(".verdict")).to_have_text(answer["class"])
    expect(page.get_by_role("status")).to_contain_text(f"tone.wav: {answer['class']}")
    expect(page.locator("#answer .version")).to_have_text(f"model {answer['model_version']}")
    drawn(page)
    assert colours(page, "drawing") > 20


def drop(page: "Page", *paths: Path) -> None:
    """Drag files and folders onto the page, as from another program."""
    session = page.context.new_cdp_session(page)
    data = {"items": [], "files": [str(path) for path in paths], "dragOperationsMask": 1}
    for step in ("dragEnter", "dragOver", "drop"):
        session.send("Input.dispatchDragEvent", {"type": step, "x": 600, "y": 500, "data": data})


def test_sounds_can_be_dropped(page: "Page", tmp_path: Path) -> None:
    drop(page, sound_file(tmp_path / "tone.wav"))
    expect(page.locator("#answer.answered")).to_be_visible()
    expect(page.get_by_role("heading", name="tone.wav")).to_be_visible()


def test_a_folder_can_be_dropped(page: "Page", tmp_path: Path) -> None:
    folder = tmp_path / "takes"
    (folder / "first").mkdir(parents=True)
    for name in ("first/b.wav", "first/a.flac", "c.wav"):
        sound_file(folder / name)
    (folder / "notes.txt").write_text("no sound")
    (tmp_path / "empty").mkdir()
    drop(page, folder, sound_file(tmp_path / "d.wav"))
    names = ["takes/c.wav", "takes/first/a.flac", "takes/first/b.wav", "d.wav"]
    expect(page.locator("#recordings tbody th")).to_have_text(names)
    expect(page.locator("#recordings tbody td:nth-child(4)")).to_have_text(["sure"] * 4)
    expect(page.get_by_role("alert")).to_have_text("1 file that is no sound was left out.")
    drop(page, tmp_path / "empty")
    expect(page.get_by_role("alert")).to_have_text("There is no file in what was dropped.")


def test_the_picture_is_there_before_the_answer(page: "Page", tmp_path: Path) -> None:
    held: list[Route] = []
    page.route("**/predict?*", lambda route: held.append(route))
    page.set_input_files("#files", sound_file(tmp_path / "tone.wav"))
    drawn(page)
    expect(page.get_by_role("progressbar")).to_be_visible()
    held[0].continue_()
    expect(page.locator("#answer.answered")).to_be_visible()


def test_it_shows_where_the_model_looked(page: "Page", tmp_path: Path) -> None:
    give(page, sound_file(tmp_path / "tone.wav", SHORT_S))
    drawn(page)
    page.get_by_role("radio", name="off").check()
    assert colours(page, "overlay") == 1
    page.get_by_role("radio", name="attention").check()
    assert colours(page, "overlay") > 20
    expect(page.locator("#looked-note")).to_contain_text(re.compile(r"most weight is at 0\.\d s"))


@pytest.mark.parametrize(("loss", "shown"), [(0.5, "occlusion"), (0.001, "attention")])
def test_it_shows_the_curve_that_says_something(page: "Page", tmp_path: Path, loss: float, shown: str) -> None:
    path = sound_file(tmp_path / "tone.wav", SHORT_S)
    answer = give(page, path)
    answer["explanation"]["occlusion"] = [0.0, loss]
    page.route("**/predict?*", lambda route: route.fulfill(json=answer))
    give(page, path)
    expect(page.locator("#recordings tbody td:nth-child(4)")).to_have_text(["sure", "sure"])
    expect(page.get_by_role("radio", name=shown)).to_be_checked()


def test_it_says_which_part_is_explained(page: "Page", tmp_path: Path) -> None:
    answer = give(page, silent_file(tmp_path / "silent.wav"))
    assert len(answer["segments"]) == 1
    expect(page.get_by_role("radio", name="off")).to_be_checked()
    page.get_by_role("radio", name="attention").check()
    start_s, end_s = answer["explanation"]["start_s"], answer["explanation"]["end_s"]
    expect(page.locator("#looked-note")).to_contain_text(f"Shown for {start_s:.1f} s to {end_s:.1f} s.")


def test_it_plays_and_seeks(page: "Page", tmp_path: Path) -> None:
    give(page, sound_file(tmp_path / "tone.wav", 4.0))
    drawn(page)
    position = page.get_by_role("slider", name="Position in the recording")
    box = position.bounding_box()
    assert box is not None
    page.mouse.click(box["x"] + box["width"] / 2, box["y"] + 30)
    expect(position).to_have_attribute("aria-valuetext", "2.0 of 4.0 seconds")
    position.press("ArrowRight")
    expect(position).to_have_attribute("aria-valuetext", "2.2 of 4.0 seconds")
    position.press("Home")
    expect(position).to_have_attribute("aria-valuenow", "0.00")
    page.get_by_role("button", name="Play").click()
    expect(page.get_by_role("button", name="Pause")).to_be_visible()
    expect(position).not_to_have_attribute("aria-valuenow", "0.00")
    page.get_by_role("button", name="Pause").click()
    left = "document.getElementById('cursor').getBoundingClientRect().left"
    assert page.evaluate(left) > box["x"]


def test_a_model_may_be_not_sure(page: "Page", tmp_path: Path) -> None:
    page.get_by_role("combobox", name="model").select_option("doubtful")
    answer = give(page, sound_file(tmp_path / "tone.wav"))
    expect(page.locator(".verdict")).to_have_text("not sure")
    expect(page.locator("#answer")).to_contain_text(f"perhaps {answer['class']}")
    expect(page.locator("#answer")).to_contain_text(f"confidence {shown(answer['confidence'])}, sure above 0.999")


def test_what_is_no_sound_has_its_reason(page: "Page", tmp_path: Path) -> None:
    path = tmp_path / "notes.wav"
    path.write_text("no sound")
    fault = give(page, path)["error"]
    expect(page.locator("#answer .reason")).to_have_text(fault)
    expect(page.locator("#picture-fault")).to_contain_text("cannot decode")
    with page.expect_response("**/predict?*"):
        page.get_by_role("button", name="Try again").click()
    expect(page.locator("#answer .reason")).to_have_text(fault)


def test_a_sound_that_only_the_service_decodes_is_answered(page: "Page", tmp_path: Path) -> None:
    answer = give(page, sound_file(tmp_path / "tone.aiff"))
    expect(page.locator("#answer .bars")).to_contain_text(answer["class"])
    expect(page.locator("#picture-fault")).to_contain_text("It is sent all the same")
    expect(page.locator("#player")).to_be_hidden()


def test_several_files_are_a_table_that_sorts_and_downloads(page: "Page", tmp_path: Path) -> None:
    broken = tmp_path / "broken.wav"
    broken.write_text("no sound")
    give(page, noise_file(tmp_path / "b, long.wav"), broken, sound_file(tmp_path / "a.flac"))
    states = page.locator("#recordings tbody td:last-child")
    expect(states).to_have_text(["sure", re.compile("undecodable"), "sure"])
    expect(page.locator("#recordings tbody td.fault")).to_contain_text("undecodable")  # beside its name
    expect(page.locator("#recordings tbody td.fault")).to_have_attribute("colspan", "3")
    page.get_by_role("button", name="recording", exact=True).click()
    names = page.locator("#recordings tbody th")
    expect(names).to_have_text(["a.flac", "b, long.wav", "broken.wav"])
    page.get_by_role("button", name="recording", exact=True).click()
    expect(names).to_have_text(["broken.wav", "b, long.wav", "a.flac"])
    page.get_by_role("button", name="a.flac").click()
    expect(page.get_by_role("heading", name="a.flac")).to_be_visible()

    answers = json.loads(downloaded(page, "JSON"))
    assert [answer["file"] for answer in answers] == ["b, long.wav", "broken.wav", "a.flac"]
    assert answers[1].keys() == {"file", "error"}
    assert "explanation" not in answers[0]
    rows = list(csv.DictReader(io.StringIO(downloaded(page, "CSV"))))
    whole = {row["file"]: row for row in rows if not row["start_s"]}
    assert list(whole) == ["b, long.wav", "broken.wav", "a.flac"]
    assert whole["broken.wav"]["error"] == answers[1]["error"]
    shares = answers[2]["probabilities"]
    assert [float(whole["a.flac"][f"probability {name}"]) for name in shares] == list(shares.values())
    assert len(rows) == 3 + sum(len(one["segments"]) for one in answers if len(one.get("segments", [])) > 1)


def downloaded(page: "Page", name: str) -> str:
    with page.expect_download() as download:
        page.get_by_role("button", name=name).click()
    return Path(download.value.path()).read_text()


def test_a_recording_of_several_is_explained_when_it_is_shown(page: "Page", tmp_path: Path) -> None:
    addresses: list[str] = []
    page.on("request", lambda request: addresses.append(request.url) if "/predict?" in request.url else None)
    give(page, sound_file(tmp_path / "a.wav", SHORT_S), sound_file(tmp_path / "b.wav", SHORT_S))
    expect(page.locator("#recordings tbody td:nth-child(4)")).to_have_text(["sure", "sure"])
    assert ["explain=true" in address for address in addresses] == [True, False]
    with page.expect_request("**/predict?*explain=true*"):
        page.get_by_role("button", name="b.wav").click()
    expect(page.get_by_role("radio", name="attention")).to_be_visible()


def test_a_long_recording_is_a_timeline(page: "Page", tmp_path: Path) -> None:
    segments = give(page, noise_file(tmp_path / "long.wav"))["segments"]
    assert len({segment["class"] for segment in segments}) > 1
    drawn(page)
    timeline = page.get_by_role("toolbar").get_by_role("button")
    expect(timeline).to_have_count(len(segments))
    legend = [text.split()[0] for text in page.locator("#legend li").all_inner_texts()]
    assert sorted(legend) == sorted({segment["class"] for segment in segments})
    position = page.get_by_role("slider", name="Position in the recording")
    timeline.nth(1).click()
    expect(position).to_have_attribute("aria-valuenow", f"{segments[1]['start_s']:.2f}")
    expect(timeline.nth(1)).to_have_attribute("aria-current", "true")
    timeline.first.focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(position).to_have_attribute("aria-valuenow", f"{segments[-1]['start_s']:.2f}")


def test_it_is_used_by_keys_alone(page: "Page", tmp_path: Path) -> None:
    page.on("filechooser", lambda chooser: None)  # from here on no dialog of the browser opens
    expect(page.get_by_role("button", name="Choose files")).to_be_enabled()
    page.keyboard.press("Tab")
    while page.evaluate("document.activeElement.id") != "choose":
        page.keyboard.press("Tab")
    with page.expect_file_chooser() as chooser:
        page.keyboard.press("Enter")
    chooser.value.set_files(sound_file(tmp_path / "tone.wav", 4.0))
    expect(page.locator("#answer.answered")).to_be_visible()
    drawn(page)
    visited = []
    while (now := page.evaluate("document.activeElement.id")) != "position":
        visited.append(now)
        page.keyboard.press("Tab")
        assert len(visited) < 30, visited
    page.keyboard.press("Space")
    expect(page.get_by_role("button", name="Pause")).to_be_visible()


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_it_fits_on_a_phone(browser: "Browser", url: str, tmp_path: Path, theme: str) -> None:
    long_name = noise_file(tmp_path / f"{'recording_without_any_space_' * 4}.wav")
    with opened(browser, url, **PHONE, color_scheme=theme) as page:
        page.goto(url)
        expect(page.get_by_role("button", name="Choose files")).to_be_enabled()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        give(page, long_name, sound_file(tmp_path / "b.wav"))
        expect(page.locator("#answer.answered")).to_be_visible()
        drawn(page)
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shade = page.evaluate("getComputedStyle(document.body).backgroundColor")
        assert shade == {"light": "rgb(255, 255, 255)", "dark": "rgb(20, 24, 31)"}[theme]


def test_controls_have_names_and_nothing_moves_where_asked(browser: "Browser", url: str, tmp_path: Path) -> None:
    with opened(browser, url, reduced_motion="reduce") as page:
        page.goto(url)
        give(page, noise_file(tmp_path / "a.wav"), sound_file(tmp_path / "b.wav"))
        expect(page.locator("#answer.answered")).to_be_visible()
        for control in page.locator("button:visible, input:visible, select:visible, [role=slider]").all():
            assert control.evaluate("(one) => one.ariaLabel || one.labels?.[0]?.textContent || one.textContent")
        durations = "[...document.querySelectorAll('*')].map((one) => getComputedStyle(one).transitionDuration)"
        assert set(page.evaluate(durations)) == {"0s"}


def busy(times: int) -> "Callable[[Route], None]":
    """Return an answer to requests that refuses this many of them, and lets the others through."""
    refusals = iter(range(times))

    def answer(route: "Route") -> None:
        if next(refusals, None) is None:
            route.continue_()
        else:
            route.fulfill(status=503, headers={"Retry-After": "1"}, json={"error": "too many requests"})

    return answer


def test_a_busy_service_is_asked_again(browser: "Browser", url: str, tmp_path: Path) -> None:
    with opened(browser, url) as page:
        page.clock.install()
        page.route("**/models", busy(1))
        page.route("**/predict?*", busy(2))
        page.goto(url)
        expect(page.locator("#model-facts")).to_have_text("The service is loading its models …")
        page.clock.fast_forward(1000)
        expect(page.get_by_role("button", name="Choose files")).to_be_enabled()
        page.set_input_files("#files", sound_file(tmp_path / "tone.wav"))
        for tries in (2, 3):
            expect(page.locator("#answer")).to_contain_text("asked again in 1 s: too many requests")
            page.clock.fast_forward(1000)
            page.wait_for_function("tries => sentSounds.length === tries", arg=tries)
        expect(page.locator("#answer.answered")).to_be_visible()


def test_work_can_be_cancelled(page: "Page", tmp_path: Path) -> None:
    page.route("**/predict?*", lambda route: None)
    page.set_input_files("#files", sound_file(tmp_path / "tone.wav"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#answer .reason")).to_have_text("cancelled")


def test_the_model_is_chosen(page: "Page", tmp_path: Path) -> None:
    give(page, sound_file(tmp_path / "tone.wav"))
    held: list[Route] = []
    page.route("**/predict?*model=second*", lambda route: held.append(route))
    choice = page.get_by_role("combobox", name="model")
    choice.select_option("second")  # whose answer comes too late to be shown
    expect(page.get_by_role("progressbar")).to_be_visible()
    choice.select_option("first")
    expect(page.locator("#answer.answered")).to_be_visible()
    assert len(held) == 1


def test_a_model_that_hears_nothing_takes_no_sound(browser: "Browser", url: str, tmp_path: Path) -> None:
    with opened(browser, url) as page:
        page.route("**/models", lambda route: route.fulfill(json=[route.fetch().json()[0] | {"kind": "spectrogram"}]))
        page.goto(url)
        expect(page.get_by_role("alert")).to_contain_text("ready-made spectrograms, no sound")
        expect(page.get_by_role("button", name="Choose files")).to_be_hidden()
        drop(page, sound_file(tmp_path / "tone.wav"))
        expect(page.locator("#result")).to_be_hidden()


def test_it_goes_on_when_the_service_is_back(browser: "Browser", url: str, tmp_path: Path) -> None:
    with opened(browser, url) as page:
        page.clock.install()
        page.goto(url)
        give(page, sound_file(tmp_path / "a.wav"))
        page.route("**/*", lambda route: route.abort())
        page.set_input_files("#files", [sound_file(tmp_path / "b.wav"), sound_file(tmp_path / "c.wav")])
        expect(page.get_by_role("alert")).to_contain_text("The service does not answer.")
        expect(page.locator("#answer")).to_contain_text("waiting for the service")
        expect(page.get_by_role("alert")).to_have_count(1)
        page.unroute("**/*")
        page.clock.fast_forward(2000)
        expect(page.locator("#recordings tbody td:nth-child(4)")).to_have_text(["sure"] * 3)
        expect(page.get_by_role("alert")).to_have_count(0)


def test_it_asks_again_for_all_where_another_model_is_back(browser: "Browser", url: str, tmp_path: Path) -> None:
    with opened(browser, url) as page:
        page.clock.install()
        page.goto(url)
        give(page, sound_file(tmp_path / "a.wav"))
        page.route("**/*", lambda route: route.abort())
        page.set_input_files("#files", sound_file(tmp_path / "b.wav"))
        expect(page.get_by_role("alert")).to_contain_text("The service does not answer.")
        page.unroute("**/*")
        page.route("**/models", lambda route: route.fulfill(json=route.fetch().json()[1:2]))
        page.clock.fast_forward(2000)
        expect(page.locator("#recordings tbody td:nth-child(2)")).to_have_text([re.compile("[wxyz]")] * 2)


def test_a_broken_connection_has_its_reason(page: "Page", tmp_path: Path) -> None:
    page.route("**/predict?*", lambda route: route.abort())
    page.set_input_files("#files", sound_file(tmp_path / "tone.wav"))
    expect(page.locator("#answer .reason")).to_have_text("the connection broke before the answer")


def test_a_key_is_asked_for(browser: "Browser", running: Service, tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{running.port}/"
    with opened(browser, url, http_credentials={"username": "any", "password": "wrong"}) as page:
        page.goto(url)
        expect(page.get_by_role("alert")).to_contain_text("This service asks for a key, and got none or a wrong one.")
    with opened(browser, url, http_credentials={"username": "any", "password": running.key}) as page:
        page.goto(url)
        give(page, sound_file(tmp_path / "tone.wav"))
        expect(page.locator("#answer.answered")).to_be_visible()
