// Where the model looked: choice of a curve, and a sentence about it.

import { byId, element } from "./dom.js";

const SLIGHT = 0.01; // a loss of probability below it is no evidence
const NAMES = { none: "off", occlusion: "occlusion", attention: "attention" };

let choice = "occlusion"; // kept from one recording to the next

/** Offer the curves of an explanation to a picture. */
export function showLooked(answer, picture) {
  const explanation = answer?.explanation ?? null;
  const [fieldset, note] = [byId("looked"), byId("looked-note")];
  fieldset.hidden = note.hidden = explanation === null;
  fieldset.replaceChildren(fieldset.querySelector("legend"));
  if (explanation === null) {
    picture.explain(null);
    return;
  }
  const curves = ["none", "occlusion", ...(explanation.attention ? ["attention"] : [])];
  const apply = (name) => {
    picture.explain(name === "none" ? null : { ...spanOf(explanation), values: explanation[name] });
    note.textContent = sentence(name, explanation, answer);
    note.hidden = name === "none";
  };
  const chosen = curves.includes(choice) ? choice : "occlusion";
  for (const name of curves) {
    const onchange = () => apply((choice = name));
    const radio = element("input", { type: "radio", name: "looked", value: name, checked: name === chosen, onchange });
    fieldset.append(element("label", {}, radio, NAMES[name]));
  }
  apply(chosen);
}

function spanOf({ start_s, end_s, step_s, occlusion }) {
  return { start_s, end_s: end_s ?? start_s + step_s * occlusion.length };
}

function sentence(name, explanation, answer) {
  if (name === "none") return "";
  const { start_s, end_s } = spanOf(explanation);
  const values = explanation[name];
  const highest = Math.max(...values);
  const at_s = (start_s + ((values.indexOf(highest) + 0.5) * (end_s - start_s)) / values.length).toFixed(1);
  const part = answer.segments.length > 1 ? ` Shown for ${start_s.toFixed(1)} to ${end_s.toFixed(1)} s.` : "";
  if (name === "attention") {
    return `Attention: the network weighs ${at_s} s most, ${highest.toFixed(1)} times as much as equal weights. It is no evidence by itself.${part}`;
  }
  if (highest < SLIGHT) {
    return `Occlusion: no part matters alone; hiding any changes the probability of ${answer.class} by less than ${SLIGHT}.${part}`;
  }
  return `Occlusion: in colour where hiding the sound lowers the probability of ${answer.class}, most at ${at_s} s, by ${highest.toFixed(2)}.${part}`;
}
