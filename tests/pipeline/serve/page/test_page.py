"""The page of the service in a browser: files in, answers out."""

import csv
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from answering import Service, answering
from browsing import WAIT_MS, launched, opened, service_elsewhere, sound_file

sync_api = pytest.importorskip("playwright.sync_api", reason="needs Playwright: pip install 'otogura[browser]'")
expect = sync_api.expect
expect.set_options(timeout=WAIT_MS)

if TYPE_CHECKING:
    from playwright.sync_api import Browser, Locator, Page, Route

LONG_S = 12.0  # several windows
PHONE = {"viewport": {"width": 390, "height": 844}}


@pytest.fixture(scope="module")
def browser() -> "Iterator[Browser]":
    with launched() as browser:
        yield browser


@pytest.fixture(scope="module")
def service() -> Iterator[Service | None]:
    if service_elsewhere():
        yield None
        return
    with answering("first") as service:
        yield service


@pytest.fixture
def stand_in(service: Service | None) -> Service:
    if service is None:
        pytest.skip("needs the stand-in, which misbehaves on request")
    service.sounds.clear()
    return service


@pytest.fixture
def url(service: Service | None) -> str:
    return service.url if service else str(service_elsewhere())


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
    if answer["sure"]:
        expect(page.locator(".verdict")).to_have_text(answer["class"])
        expect(page.get_by_role("status")).to_contain_text(f"tone.wav: {answer['class']}")
    expect(page.locator("#answer .version")).to_have_text(f"model {answer['model_version']}")
    drawn(page)
    assert colours(page, "drawing") > 20


def test_sounds_can_be_dropped(page: "Page", tmp_path: Path) -> None:
    sound = list(sound_file(tmp_path / "tone.wav").read_bytes())
    code = """(bytes) => {
        const dataTransfer = new DataTransfer();
        dataTransfer.items.add(new File([new Uint8Array(bytes)], "tone.wav", { type: "audio/wav" }));
        return dataTransfer;
    }"""
    page.dispatch_event("main", "drop", {"dataTransfer": page.evaluate_handle(code, sound)})
    expect(page.locator("#answer.answered")).to_be_visible()
    expect(page.get_by_role("heading", name="tone.wav")).to_be_visible()


def test_the_picture_is_there_before_the_answer(page: "Page", tmp_path: Path) -> None:
    held: list[Route] = []
    page.route("**/predict?*", lambda route: held.append(route))
    page.set_input_files("#files", sound_file(tmp_path / "tone.wav"))
    drawn(page)
    expect(page.get_by_role("progressbar")).to_be_visible()
    held[0].continue_()
    expect(page.locator("#answer.answered")).to_be_visible()


def test_it_shows_where_the_model_looked(page: "Page", tmp_path: Path) -> None:
    answer = give(page, sound_file(tmp_path / "tone.wav"))
    if "explanation" not in answer:
        pytest.skip("this service explains nothing")
    drawn(page)
    page.get_by_role("radio", name="off").check()
    assert colours(page, "overlay") == 1
    page.get_by_role("radio", name="attention" if answer["explanation"]["attention"] else "occlusion").check()
    assert colours(page, "overlay") > 20
    expect(page.locator("#looked-note")).to_contain_text(re.compile(r"\d\.\d s|no part"))


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


def test_a_quiet_sound_is_not_sure(page: "Page", stand_in: Service, tmp_path: Path) -> None:
    give(page, sound_file(tmp_path / "quiet.wav", loudness=0.001))
    expect(page.locator(".verdict")).to_have_text("not sure")
    expect(page.locator("#answer")).to_contain_text("perhaps bell")
    expect(page.locator("#answer")).to_contain_text("confidence 0.400, sure above 0.600")


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
    give(page, sound_file(tmp_path / "b, long.wav", LONG_S), broken, sound_file(tmp_path / "a.flac"))
    states = page.locator("#recordings tbody td:nth-child(4)")
    expect(states).to_have_text([re.compile("sure"), re.compile("expected|decod|sound"), re.compile("sure")])
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


def test_a_recording_of_several_is_explained_when_it_is_shown(page: "Page", stand_in: Service, tmp_path: Path) -> None:
    give(page, sound_file(tmp_path / "a.wav"), sound_file(tmp_path / "b.wav"))
    expect(page.locator("#recordings tbody td:nth-child(2)")).to_have_text(["bell", "bell"])
    assert sorted(query["explain"] for query, _, _ in stand_in.sounds) == ["false", "true"]
    with page.expect_request("**/predict?*explain=true*"):
        page.get_by_role("button", name="b.wav").click()
    expect(page.get_by_role("radio", name="occlusion")).to_be_checked()


def test_a_long_recording_is_a_timeline(page: "Page", tmp_path: Path) -> None:
    segments = give(page, sound_file(tmp_path / "long.wav", LONG_S))["segments"]
    drawn(page)
    timeline = page.get_by_role("toolbar").get_by_role("button")
    if len(segments) == 1:
        pytest.skip("this service answers the long recording as one segment")
    expect(timeline).to_have_count(len(segments))
    expect(page.locator("#legend li")).to_contain_text(list(dict.fromkeys(one["class"] for one in segments)))
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
    long_name = sound_file(tmp_path / f"{'recording_without_any_space_' * 4}.wav", LONG_S)
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
        give(page, sound_file(tmp_path / "a.wav", LONG_S), sound_file(tmp_path / "b.wav"))
        expect(page.locator("#answer.answered")).to_be_visible()
        for control in page.locator("button:visible, input:visible, select:visible, [role=slider]").all():
            assert control.evaluate("(one) => one.ariaLabel || one.labels?.[0]?.textContent || one.textContent")
        durations = "[...document.querySelectorAll('*')].map((one) => getComputedStyle(one).transitionDuration)"
        assert set(page.evaluate(durations)) == {"0s"}


def test_a_busy_service_is_asked_again(browser: "Browser", stand_in: Service, tmp_path: Path) -> None:
    stand_in.busy = 1
    with opened(browser, stand_in.url) as page:
        page.clock.install()
        page.goto(stand_in.url)
        expect(page.locator("#model-facts")).to_have_text("The service is loading its models …")
        page.clock.fast_forward(1000)
        expect(page.get_by_role("button", name="Choose files")).to_be_enabled()
        stand_in.busy = 2
        page.set_input_files("#files", sound_file(tmp_path / "tone.wav"))
        for _ in range(2):
            expect(page.locator("#answer")).to_contain_text("busy, again in 1 s")
            page.clock.fast_forward(1000)
        expect(page.locator("#answer.answered")).to_be_visible()
    assert len(stand_in.sounds) == 3


def test_work_can_be_cancelled(page: "Page", tmp_path: Path) -> None:
    page.route("**/predict?*", lambda route: None)
    page.set_input_files("#files", sound_file(tmp_path / "tone.wav"))
    page.get_by_role("button", name="Cancel").click()
    expect(page.locator("#answer .reason")).to_have_text("cancelled")


def test_the_model_is_chosen(browser: "Browser", tmp_path: Path) -> None:
    with answering("first", "second") as service, opened(browser, service.url) as page:
        page.goto(service.url)
        give(page, sound_file(tmp_path / "tone.wav"))
        held: list[Route] = []
        page.route("**/predict?*model=second*", lambda route: held.append(route))
        choice = page.get_by_role("combobox", name="model")
        choice.select_option("second")  # whose answer comes too late to be shown
        expect(page.get_by_role("progressbar")).to_be_visible()
        choice.select_option("first")
        expect(page.locator("#answer.answered")).to_be_visible()
        assert len(held) == 1


def test_it_says_that_the_service_is_gone(browser: "Browser", url: str, tmp_path: Path) -> None:
    with opened(browser, url) as page:
        page.route("**/models", lambda route: route.abort())
        page.goto(url)
        expect(page.get_by_role("alert")).to_contain_text("the service did not answer. Check that otogura serve")
        expect(page.get_by_role("button", name="Choose files")).to_be_disabled()
        page.unroute("**/models")
        page.reload()
        expect(page.get_by_role("button", name="Choose files")).to_be_enabled()
        page.route("**/predict?*", lambda route: route.abort())
        page.set_input_files("#files", sound_file(tmp_path / "tone.wav"))
        expect(page.locator("#answer .reason")).to_have_text("the service did not answer")
