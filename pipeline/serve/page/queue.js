// Recordings that wait for their answers; a few are asked about at a time.

import { predict, ServiceError } from "./service.js";

const AT_ONCE = 2;

/** One recording, and what is known of it. */
export class Item {
  state = "working"; // "answered" or "failed" later
  stage = "waiting"; // of the work: "sending", "busy" or "computing" later
  progress = 0; // share that was sent, or seconds to wait
  answer = null;
  error = null;
  advice = null;
  cancel = () => {};

  constructor(file, name) {
    this.file = file;
    this.name = name;
  }
}

export class Queue {
  #waiting = [];
  #active = 0;
  #changed;
  #model;

  /** `model()` is asked for the model of each request; `changed(item)` is called with what has news. */
  constructor(model, changed) {
    this.#model = model;
    this.#changed = changed;
  }

  /** Ask for the answer of a recording, before others if it is `urgent`; urgent answers are explained. */
  ask(item, urgent) {
    item.cancel();
    const controller = new AbortController();
    Object.assign(item, { state: "working", stage: "waiting", progress: 0, answer: null, error: null, explained: urgent });
    item.cancel = () => controller.abort(new ServiceError("cancelled", "Try again whenever you like."));
    const entry = { item, explain: urgent, signal: controller.signal };
    controller.signal.addEventListener("abort", () => this.#drop(entry), { once: true });
    if (urgent) this.#waiting.unshift(entry);
    else this.#waiting.push(entry);
    this.#changed(item);
    this.#next();
  }

  /** Ask for the explanation of an answer that has come without one. */
  async explain(item) {
    if (item.state !== "answered" || item.explained) return;
    item.explained = true;
    const before = item.answer;
    const request = { ...this.#request(true), signal: new AbortController().signal, progress: () => {} };
    const answer = await predict(item.file, request).catch(() => before); // it goes without
    if (item.answer !== before) return;
    item.answer = answer;
    this.#changed(item);
  }

  #request(explain) {
    return { model: this.#model().name, explain, merge: true };
  }

  #drop(entry) {
    if (!this.#waiting.includes(entry)) return; // its request fails by itself
    this.#waiting.splice(this.#waiting.indexOf(entry), 1);
    this.#fail(entry.item, entry.signal.reason);
  }

  async #next() {
    if (this.#active === AT_ONCE || !this.#waiting.length) return;
    const { item, explain, signal } = this.#waiting.shift();
    this.#active += 1;
    const progress = (stage, value = 1) => {
      Object.assign(item, { stage, progress: value });
      if (!signal.aborted) this.#changed(item);
    };
    progress("sending", 0);
    try {
      const answer = await predict(item.file, { ...this.#request(explain), signal, progress });
      if (!signal.aborted) {
        Object.assign(item, { answer, state: "answered" });
        this.#changed(item);
      }
    } catch (error) {
      this.#fail(item, error);
    }
    this.#active -= 1;
    this.#next();
  }

  #fail(item, error) {
    if (!(error instanceof ServiceError)) throw error;
    Object.assign(item, { state: "failed", error: error.message, advice: error.advice });
    this.#changed(item);
  }
}
