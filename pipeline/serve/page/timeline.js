// Segments of a long recording on the axis of time of its picture, coloured by class.

import { nameOf } from "./answer.js";
import { byId, clock, duration, element, share } from "./dom.js";

const HUES = 9; // of style.css; classes beyond them share the last, which is grey

/** Show the segments of an answer; `jump` is called with the seconds that one begins at. */
export function showTimeline(answer, duration_s, jump) {
  const [strip, legend] = [byId("timeline"), byId("legend")];
  const segments = answer?.segments ?? [];
  strip.hidden = legend.hidden = segments.length < 2;
  if (strip.hidden) return;
  const length_s = duration_s || Math.max(...segments.map(({ end_s }) => end_s));
  const totals = totalsOf(segments);
  const hues = new Map([...totals.keys()].map((name, place) => [name, Math.min(place, HUES)]));
  const focused = strip.contains(document.activeElement);
  strip.replaceChildren(...segments.map((segment) => segmentButton(segment, length_s, hues, jump)));
  legend.replaceChildren(...entries([...totals], segments.some(({ sure }) => !sure)));
  moveByArrows(strip, focused);
}

/** Return the entries of the legend for classes and their seconds; those without a colour of their own share one. */
function entries(totals, unsure) {
  const entry = (hue, text) => element("li", {}, element("i", { class: hue, "aria-hidden": "true" }), text);
  const list = totals.slice(0, HUES).map(([name, seconds], place) => entry(`hue-${place}`, `${name} ${duration(seconds)}`));
  const others = totals.slice(HUES);
  if (others.length) {
    const seconds = others.reduce((sum, [, one]) => sum + one, 0);
    const name = others.length === 1 ? others[0][0] : `${others.length} other classes`;
    list.push(entry(`hue-${HUES}`, `${name} ${duration(seconds)}`));
  }
  if (unsure) list.push(entry("unsure", "not sure"));
  return list;
}

/** Mark the segment that a place in time lies in. */
export function markSegment(seconds) {
  for (const button of byId("timeline").children) {
    const inside = seconds >= Number(button.dataset.start) && seconds < Number(button.dataset.end);
    if (inside) button.setAttribute("aria-current", "true");
    else button.removeAttribute("aria-current");
  }
}

function totalsOf(segments) {
  const totals = new Map();
  for (const segment of segments) {
    const name = nameOf(segment);
    totals.set(name, (totals.get(name) ?? 0) + segment.end_s - segment.start_s);
  }
  return new Map([...totals].sort(([, a], [, b]) => b - a));
}

function segmentButton(segment, length_s, hues, jump) {
  const { sure, confidence, start_s, end_s } = segment;
  const name = nameOf(segment);
  const text = `${clock(start_s)} to ${clock(end_s)}: ${sure ? "" : "not sure, perhaps "}${name}, confidence ${share(confidence)}`;
  const button = element(
    "button",
    {
      class: `hue-${hues.get(name)}${sure ? "" : " unsure"}`,
      title: text,
      "aria-label": text,
      "data-start": start_s,
      "data-end": end_s,
      tabindex: "-1",
      onclick: () => jump(start_s),
    },
    element("span", { "aria-hidden": "true" }, name),
  );
  button.style.left = `${(100 * start_s) / length_s}%`;
  button.style.width = `${(100 * (Math.min(end_s, length_s) - start_s)) / length_s}%`;
  return button;
}

/** Let arrows move among the segments, which are one stop of the tabulator. */
function moveByArrows(strip, focused) {
  const buttons = [...strip.children];
  const moveTo = (place) => {
    buttons.forEach((button) => (button.tabIndex = -1));
    buttons[place].tabIndex = 0;
    return buttons[place];
  };
  const first = moveTo(0);
  if (focused) first.focus();
  strip.onkeydown = (event) => {
    const now = buttons.indexOf(document.activeElement);
    const targets = { ArrowLeft: now - 1, ArrowRight: now + 1, Home: 0, End: buttons.length - 1 };
    if (!(event.key in targets)) return;
    event.preventDefault();
    moveTo(Math.min(buttons.length - 1, Math.max(0, targets[event.key]))).focus();
  };
}
