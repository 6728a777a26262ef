// Recordings that wait for their answers; a few are asked about at a time.

import { predict, ServiceError, UnreachableError } from "./service.js";

const AT_ONCE = 2;

/** One recording, and what is known of it. */
export class Item {
  state = "working"; // "answered" or "failed" later
  stage = "waiting"; // of the work: "sending", "computing", "busy" or "away" later
  progress = 0; // share that was sent, or seconds to wait
  reason = ""; // for the wait
  answer = null;
  error = null;
  advice = null;
  request = null; // the latest; earlier ones have no more to say

  constructor(file, name) {
    this.file = file;
    this.name = name;
  }

  /** Give up the request that is under way. */
  cancel() {
    this.request?.controller.abort(new ServiceError("cancelled", "Try again whenever you like."));
  }
}

export class Queue {
  #waiting = [];
  #active = 0;
  #away = false;
  #changed;
  #comeBack;
  #model;

  /**
   * `model()` is asked for the model of each request; `changed(item)` is called with what has news; `comeBack()` ends
   * when a service that was gone can be asked again.
   */
  constructor(model, changed, comeBack) {
    this.#model = model;
    this.#changed = changed;
    this.#comeBack = comeBack;
  }

  /** Ask for the answer of a recording, before others if it is `urgent`; urgent answers are explained. */
  ask(item, urgent) {
    const before = item.request;
    const request = { item, explain: urgent, controller: new AbortController() };
    Object.assign(item, { request, state: "working", stage: "waiting", progress: 0, answer: null, error: null, explained: urgent });
    before?.controller.abort(new ServiceError("another request has taken its place", ""));
    request.controller.signal.addEventListener("abort", () => this.#drop(request), { once: true });
    if (urgent) this.#waiting.unshift(request);
    else this.#waiting.push(request);
    this.#changed(item);
    this.#next();
  }

  /** Ask for the explanation of an answer that has come without one. */
  async explain(item) {
    if (item.state !== "answered" || item.explained) return;
    item.explained = true;
    const before = item.answer;
    const options = { ...this.#options(true), signal: item.request.controller.signal, progress: () => {} };
    const answer = await predict(item.file, options).catch(() => before); // it goes without
    if (item.answer !== before) return;
    item.answer = answer;
    this.#changed(item);
  }

  #options(explain) {
    return { model: this.#model().name, explain, merge: true };
  }

  #drop(request) {
    if (!this.#waiting.includes(request)) return; // it is under way, and fails by itself
    this.#waiting.splice(this.#waiting.indexOf(request), 1);
    this.#settle(request, failure(request.controller.signal.reason));
  }

  async #next() {
    if (this.#away || this.#active === AT_ONCE || !this.#waiting.length) return;
    const request = this.#waiting.shift();
    const { signal } = request.controller;
    const progress = (stage, value = 1, reason = "") => this.#settle(request, { stage, progress: value, reason });
    this.#active += 1;
    progress("sending", 0);
    try {
      const answer = await predict(request.item.file, { ...this.#options(request.explain), signal, progress });
      this.#settle(request, { answer, state: "answered" });
    } catch (error) {
      if (error instanceof UnreachableError) this.#keep(request);
      else this.#settle(request, failure(error));
    }
    this.#active -= 1;
    this.#next();
  }

  /** Keep a request for the time when the service is back. */
  async #keep(request) {
    if (request.item.request !== request) return;
    this.#waiting.unshift(request);
    this.#settle(request, { stage: "away" });
    if (this.#away) return;
    this.#away = true;
    await this.#comeBack();
    this.#away = false;
    for (let place = 0; place < AT_ONCE; place += 1) this.#next();
  }

  #settle(request, news) {
    if (request.item.request !== request) return;
    Object.assign(request.item, news);
    this.#changed(request.item);
  }
}

function failure(error) {
  if (!(error instanceof ServiceError)) throw error;
  return { state: "failed", error: error.message, advice: error.advice };
}
