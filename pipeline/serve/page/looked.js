// Where the model looked: choice of a curve, and a sentence about it.

import { byId, clock, element } from "./dom.js";

const SLIGHT = 0.01; // a loss of probability below it is no evidence
const NAMES = { none: "off", occlusion: "occlusion", attention: "attention" };

// Kept from one recording to the next; null is the curve that shows something. An explanation is of one window, which is
// little of a long recording.
const choices = { all: null, part: "none" };

/** Offer the curves of an explanation to a picture. */
export function showLooked(answer, picture) {
  const explanation = answer?.explanation ?? null;
  const note = byId("looked-note");
  byId("looked").hidden = note.hidden = explanation === null;
  if (explanation === null) {
    picture.explain(null);
    return;
  }
  const curves = ["none", "occlusion", ...(explanation.attention ? ["attention"] : [])];
  const shows = { attention: explanation.attention !== null, occlusion: Math.max(...explanation.occlusion) >= SLIGHT };
  const apply = (name) => {
    const values = explanation[name];
    picture.explain(shows[name] ? { ...spanOf(explanation), values } : null);
    note.textContent = sentence(name, explanation, answer.segments);
    note.hidden = name === "none";
  };
  const kind = isOfPart(explanation, answer.segments) ? "part" : "all";
  const telling = shows.attention && !shows.occlusion ? "attention" : "occlusion";
  const chosen = curves.includes(choices[kind]) ? choices[kind] : telling;
  const labels = curves.map((name) => {
    const onchange = () => apply((choices[kind] = name));
    const radio = element("input", { type: "radio", name: "looked", value: name, checked: name === chosen, onchange });
    return element("label", {}, radio, NAMES[name]);
  });
  byId("curves").replaceChildren(...labels);
  apply(chosen);
}

function spanOf({ start_s, end_s, step_s, occlusion }) {
  return { start_s, end_s: end_s ?? start_s + step_s * occlusion.length };
}

/** Return whether an explanation leaves out most of what was answered. */
function isOfPart(explanation, segments) {
  const { start_s, end_s } = spanOf(explanation);
  return segments.at(-1).end_s - segments[0].start_s > 1.5 * (end_s - start_s);
}

const timeText = (seconds) => (seconds < 60 ? `${seconds.toFixed(1)} s` : clock(seconds));

function sentence(name, explanation, segments) {
  if (name === "none") return "";
  const { start_s, end_s } = spanOf(explanation);
  const values = explanation[name];
  const highest = Math.max(...values);
  const place = timeText(start_s + ((values.indexOf(highest) + 0.5) * (end_s - start_s)) / values.length);
  const part = isOfPart(explanation, segments) ? ` Shown for ${timeText(start_s)} to ${timeText(end_s)}.` : "";
  if (name === "attention") {
    return `Attention: most weight is at ${place}, ${highest.toFixed(1)} times equal weights. It is no evidence by itself.${part}`;
  }
  if (highest < SLIGHT) {
    return `Occlusion: no part matters alone; hiding any lowers the probability of ${explanation.class} by less than ${SLIGHT}.${part}`;
  }
  return `Occlusion: in colour where hiding the sound lowers the probability of ${explanation.class}, most at ${place}, by ${highest.toFixed(2)}.${part}`;
}
