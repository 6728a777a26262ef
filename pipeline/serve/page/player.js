// Playing a recording: a button, keys, and a cursor that moves over the picture.

import { byId, clock } from "./dom.js";

const STEP_S = 1; // of an arrow, at most a twentieth of the recording
const PAGE_STEPS = 5;

export class Player {
  #audio = byId("sound");
  #button = byId("play");
  #slider = byId("position");
  #picture;
  #duration_s = 0;
  #address = null;

  constructor(picture) {
    this.#picture = picture;
    this.#button.addEventListener("click", () => this.toggle());
    for (const event of ["play", "pause", "ended"]) this.#audio.addEventListener(event, () => this.#showState());
    this.#audio.addEventListener("seeked", () => this.#showPosition());
    this.#audio.addEventListener("play", () => this.#follow());
    this.#slider.addEventListener("keydown", (event) => this.#seekByKey(event));
    this.#slider.addEventListener("pointerdown", (event) => {
      if (!this.ready || event.button !== 0) return;
      this.#slider.setPointerCapture(event.pointerId);
      this.seek(this.#picture.secondsAt(event.clientX));
    });
    this.#slider.addEventListener("pointermove", (event) => {
      if (this.ready && this.#slider.hasPointerCapture(event.pointerId)) this.seek(this.#picture.secondsAt(event.clientX));
    });
    document.addEventListener("keydown", (event) => {
      const free = event.target === document.body || event.target === this.#slider;
      if (event.key !== " " || !free || !this.ready) return;
      event.preventDefault();
      this.toggle();
    });
  }

  get ready() {
    return this.#duration_s > 0;
  }

  /** Return the media element with a file in it, which cannot be played before `enable`. */
  load(file) {
    this.#audio.pause();
    this.#enable(0);
    if (this.#address !== null) URL.revokeObjectURL(this.#address);
    this.#address = URL.createObjectURL(file);
    this.#audio.src = this.#address;
    return this.#audio;
  }

  enable(duration_s) {
    this.#enable(duration_s);
    this.#showPosition();
  }

  toggle() {
    if (!this.#audio.paused) this.#audio.pause();
    else this.#audio.play().catch(() => this.#showState()); // the browser may refuse before a click
  }

  seek(seconds) {
    this.#audio.currentTime = Math.min(this.#duration_s, Math.max(0, seconds));
    this.#showPosition();
  }

  #enable(duration_s) {
    this.#duration_s = duration_s;
    this.#button.disabled = !this.ready;
    this.#slider.setAttribute("aria-disabled", String(!this.ready));
    this.#slider.setAttribute("aria-valuemax", duration_s.toFixed(2));
    byId("time").textContent = "";
    this.#showState();
  }

  #seekByKey(event) {
    if (!this.ready) return;
    const step_s = Math.min(STEP_S, this.#duration_s / 20);
    const now_s = this.#audio.currentTime;
    const targets = {
      ArrowLeft: now_s - step_s,
      ArrowDown: now_s - step_s,
      ArrowRight: now_s + step_s,
      ArrowUp: now_s + step_s,
      PageDown: now_s - PAGE_STEPS * step_s,
      PageUp: now_s + PAGE_STEPS * step_s,
      Home: 0,
      End: this.#duration_s,
    };
    if (!(event.key in targets)) return;
    event.preventDefault();
    this.seek(targets[event.key]);
  }

  #showState() {
    const paused = this.#audio.paused;
    this.#button.textContent = paused ? "▶" : "❚❚";
    this.#button.setAttribute("aria-label", paused ? "Play" : "Pause");
  }

  #showPosition() {
    if (!this.ready) return;
    const now_s = Math.min(this.#audio.currentTime, this.#duration_s);
    this.#picture.move(now_s);
    byId("time").textContent = `${clock(now_s)} / ${clock(this.#duration_s)}`;
    this.#slider.setAttribute("aria-valuenow", now_s.toFixed(2));
    this.#slider.setAttribute("aria-valuetext", `${now_s.toFixed(1)} of ${this.#duration_s.toFixed(1)} seconds`);
  }

  #follow() {
    this.#showPosition();
    if (!this.#audio.paused) requestAnimationFrame(() => this.#follow());
  }
}
