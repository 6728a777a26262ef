// Answer for one recording: the class, how sure it is, and the probabilities; or why there is none.

import { byId, element, share } from "./dom.js";

const SHOWN = 10; // classes, before the rest is asked for

/** Return the class of an answer, or its labels, of which there may be none. */
export function nameOf({ class: name, labels }) {
  return labels ? labels.join(", ") || "none of the labels" : name;
}

/** Show the state of a recording; `retry` and `cancel` are called by its buttons. */
export function showAnswer(item, model, { retry, cancel }) {
  const box = byId("answer");
  box.className = item.state;
  if (item.state === "answered") box.replaceChildren(...answered(item.answer, model));
  else if (item.state === "failed") box.replaceChildren(...failed(item, retry));
  else box.replaceChildren(...working(item, cancel));
}

function answered(answer, model) {
  if (answer.labels) return severalLabels(answer, model);
  const { class: name, sure, confidence } = answer;
  const limit = model.not_sure_limit ?? 0;
  const verdict = sure
    ? [element("p", { class: "verdict" }, name)]
    : [element("p", { class: "verdict unsure" }, "not sure"), element("p", { class: "closest" }, `perhaps ${name}`)];
  const meter = element("div", { class: `meter${sure ? "" : " unsure"}`, "aria-hidden": "true" }, element("i"));
  meter.firstChild.style.width = `${100 * confidence}%`;
  let limitText = "";
  if (limit > 0) {
    const tick = element("b");
    tick.style.left = `${100 * limit}%`;
    meter.append(tick);
    limitText = `, sure above ${share(limit)}`;
  }
  const note = element("p", {}, `confidence ${share(confidence)}${limitText}`);
  return [...verdict, meter, note, element("h3", {}, "Probabilities"), bars(answer, [name], sure), version(answer)];
}

/** Return the answer of a model that answers each label by itself, from a threshold of its own on. */
function severalLabels(answer, { thresholds }) {
  const note = element("p", {}, "each label is answered from its mark on; they do not add up to 1");
  const shares = bars(answer, answer.labels, true, thresholds);
  return [element("p", { class: "verdict" }, nameOf(answer)), element("h3", {}, "Probabilities"), shares, note, version(answer)];
}

function bars({ probabilities }, decided, sure, thresholds = null) {
  const ranked = Object.entries(probabilities).sort(([, a], [, b]) => b - a);
  const list = element("ol", { class: "bars" });
  const add = ([name, value]) => {
    const bar = element("i", { "aria-hidden": "true" });
    bar.style.setProperty("--share", `${100 * value}%`);
    if (thresholds) {
      const mark = element("b", { title: `threshold ${share(thresholds[name])}` });
      mark.style.left = `${100 * thresholds[name]}%`;
      bar.append(mark);
    }
    const own = decided.includes(name) ? `own${sure ? "" : " unsure"}` : null;
    list.append(element("li", { class: own }, element("span", {}, name), bar, element("span", {}, share(value))));
  };
  ranked.slice(0, SHOWN).forEach(add);
  if (ranked.length <= SHOWN) return list;
  const more = element("button", {}, `all ${ranked.length} classes`);
  more.addEventListener("click", () => {
    ranked.slice(SHOWN).forEach(add);
    more.remove();
  });
  return element("div", {}, list, more);
}

const version = ({ model_version }) => element("p", { class: "version" }, `model ${model_version}`);

function failed({ error, advice }, retry) {
  return [
    element("p", { class: "verdict fault" }, "no answer"),
    element("p", { class: "reason" }, error),
    element("p", {}, advice),
    element("button", { onclick: retry }, "Try again"),
  ];
}

function working({ stage, progress, reason }, cancel) {
  const bar = element("progress", { "aria-label": "Progress of the answer" });
  if (stage === "sending" && progress < 1) bar.value = progress;
  return [
    element("p", { class: "verdict waiting" }, "…"),
    bar,
    element("p", {}, stageText({ stage, progress, reason })),
    element("button", { onclick: cancel }, "Cancel"),
  ];
}

/** Return what is happening to a recording without an answer. */
export function stageText({ stage, progress, reason }) {
  if (stage === "sending") return `sending, ${Math.round(100 * progress)} %`;
  if (stage === "busy") return `asked again in ${progress} s: ${reason}`;
  return { waiting: "waiting for its turn", computing: "computing", away: "waiting for the service" }[stage];
}
