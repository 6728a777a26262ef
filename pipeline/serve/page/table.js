// Table of the recordings: sorted by the column that is chosen, and the one that is shown is marked.

import { nameOf, stageText } from "./answer.js";
import { byId, element, share } from "./dom.js";

const KEYS = {
  name: (item) => item.name,
  answer: (item) => (item.answer ? nameOf(item.answer) : "\uffff"),
  confidence: (item) => item.answer?.confidence ?? -1,
  state: (item) => stateOf(item),
};

export class Table {
  #section = byId("recordings");
  #body = this.#section.querySelector("tbody");
  #heads = [...this.#section.querySelectorAll("th[data-key]")];
  #rows = new Map();
  #key = null;
  #direction = 1;
  #select;

  constructor(select) {
    this.#select = select;
    for (const head of this.#heads) head.querySelector("button").addEventListener("click", () => this.#sortBy(head));
  }

  /** Show a recording as it is now, in a row of its own. */
  update(item) {
    if (!this.#rows.has(item)) this.#add(item);
    const [, answer, confidence, state] = this.#rows.get(item).cells;
    answer.textContent = item.answer ? nameOf(item.answer) : "";
    confidence.textContent = item.answer ? share(item.answer.confidence) : "";
    state.textContent = stateOf(item);
    state.className = item.answer && !item.answer.sure ? "unsure" : "";
    const failed = item.state === "failed";
    confidence.hidden = state.hidden = failed; // the reason has their room
    answer.colSpan = failed ? 3 : 1;
    answer.className = failed ? "fault" : "";
    if (failed) answer.textContent = item.error;
  }

  /** Mark the recording that is shown. */
  mark(chosen) {
    for (const [item, row] of this.#rows) {
      row.classList.toggle("chosen", item === chosen);
      row.querySelector("button").setAttribute("aria-pressed", String(item === chosen));
    }
  }

  #add(item) {
    const name = element("button", { class: "name", "aria-pressed": "false", onclick: () => this.#select(item) }, item.name);
    const row = element("tr", {}, element("th", { scope: "row" }, name), element("td"), element("td"), element("td"));
    this.#rows.set(item, row);
    this.#body.append(row);
    byId("recordings-title").textContent = `${this.#rows.size} recordings`;
    this.#section.hidden = this.#rows.size < 2;
  }

  #sortBy(head) {
    this.#direction = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
    this.#key = KEYS[head.dataset.key];
    this.#heads.forEach((other) => other.removeAttribute("aria-sort"));
    head.setAttribute("aria-sort", this.#direction === 1 ? "ascending" : "descending");
    const sorted = [...this.#rows].sort(([a], [b]) => this.#direction * compared(this.#key(a), this.#key(b)));
    this.#body.append(...sorted.map(([, row]) => row));
  }
}

const compared = (a, b) => (typeof a === "number" ? a - b : a.localeCompare(b, undefined, { numeric: true }));

function stateOf(item) {
  if (item.state === "failed") return item.error;
  if (item.state === "answered") return item.answer.sure ? "sure" : "not sure";
  return stageText(item);
}
