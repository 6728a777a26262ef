// Picture of a sound: its waveform and its mel spectrogram on one axis of time.

import { frequencyTicks, hzText, timeTicks } from "./axes.js";
import { byId, colour, dark } from "./dom.js";
import { magma, painted } from "./raster.js";
import { envelope, FLOOR_DB, levels, melOf } from "./spectrogram.js";

const [LEFT, RIGHT, TOP, WAVE, GAP, BAND, BOTTOM] = [54, 12, 4, 64, 10, 220, 24]; // pixels, as all lengths here
const COLUMNS = 1200; // at most
const [TICK_WIDTH, TICK_HEIGHT] = [64, 14];
const OUTSIDE = 0.85; // share of grey where an explanation says nothing

export class Picture {
  #sound = null;
  #envelope = null;
  #levels = null;
  #images = null;
  #columns = 0;
  #relevance = null;
  #working = new AbortController();
  #box = byId("picture");
  #drawing = byId("drawing");
  #overlay = byId("overlay");
  #cursor = byId("cursor");
  #position_s = 0;

  constructor() {
    const heard = byId("heard");
    heard.style.setProperty("--left", `${LEFT}px`);
    heard.style.setProperty("--right", `${RIGHT}px`);
    this.#box.style.setProperty("--height", `${this.#height}px`);
    new ResizeObserver(() => this.#draw()).observe(this.#box);
    dark.addEventListener("change", () => this.#draw());
  }

  get #height() {
    return TOP + WAVE + GAP + BAND + BOTTOM;
  }

  get #width() {
    return Math.max(0, this.#box.clientWidth - LEFT - RIGHT);
  }

  /** Take the picture away, and say why there is none. */
  clear(fault = "") {
    this.#working.abort();
    [this.#sound, this.#envelope, this.#levels, this.#images] = [null, null, null, null];
    this.#relevance = null;
    this.#cursor.hidden = true;
    byId("picture-fault").hidden = !fault;
    byId("picture-fault").textContent = fault;
    byId("picture-note").textContent = "";
    this.#box.classList.toggle("without", Boolean(fault));
    this.#draw();
  }

  /** Draw a sound: its waveform at once, its spectrogram when it is computed. */
  async show(sound) {
    this.clear();
    this.#working = new AbortController();
    const { signal } = this.#working;
    this.#sound = sound;
    this.#columns = Math.max(1, Math.min(COLUMNS, Math.round(this.#width * devicePixelRatio), sound.samples.length));
    this.#envelope = envelope(sound.samples, this.#columns);
    this.move(0);
    this.#draw();
    const computed = await levels(sound.samples, sound.rateHz, this.#columns, signal);
    if (computed === null || signal.aborted) return;
    this.#levels = computed;
    this.#images = { colour: painted(computed, this.#columns, magma), grey: painted(computed, this.#columns, grey) };
    byId("picture-note").textContent =
      `Spectrogram on the mel scale to ${hzText(sound.rateHz / 2)}; brighter is louder, down to ${-FLOOR_DB} dB below the loudest.`;
    this.#drawing.setAttribute("aria-label", `Waveform and mel spectrogram of ${sound.duration_s.toFixed(1)} seconds`);
    this.#draw();
  }

  /**
   * Leave colour where the model looked: `relevance` has `start_s`, `end_s` and `values` on equal steps; null shows all.
   */
  explain(relevance) {
    this.#relevance = relevance;
    this.#draw();
  }

  /** Put the cursor to a place in time. */
  move(seconds) {
    this.#position_s = seconds;
    if (this.#sound === null) return;
    this.#cursor.hidden = false;
    this.#cursor.style.transform = `translateX(${this.#x(Math.min(seconds, this.#sound.duration_s))}px)`;
  }

  /** Return the seconds at a place of the window. */
  secondsAt(clientX) {
    const x = clientX - this.#box.getBoundingClientRect().left - LEFT;
    return Math.min(1, Math.max(0, x / this.#width)) * this.#sound.duration_s;
  }

  #x(seconds) {
    return LEFT + (seconds / this.#sound.duration_s) * this.#width;
  }

  #draw() {
    const context = fitted(this.#drawing, this.#box.clientWidth, this.#height);
    fitted(this.#overlay, this.#box.clientWidth, this.#height);
    if (this.#sound === null || this.#width === 0) return;
    this.#drawWaveform(context);
    this.#drawSpectrogram(context);
    this.#drawAxes(context);
    if (this.#relevance !== null && this.#images !== null) this.#drawRelevance(this.#overlay.getContext("2d"));
    this.move(this.#position_s);
  }

  #drawWaveform(context) {
    const { low, high } = this.#envelope;
    const peak = Math.max(...high.map(Math.abs), ...low.map(Math.abs)) || 1;
    const [middle, scale] = [TOP + WAVE / 2, WAVE / 2 / peak];
    context.fillStyle = colour("blue");
    const step = this.#width / this.#columns;
    for (let column = 0; column < this.#columns; column += 1) {
      const [top, bottom] = [middle - high[column] * scale, middle - low[column] * scale];
      context.fillRect(LEFT + column * step, top, Math.max(step, 0.5), Math.max(1, bottom - top));
    }
    context.fillStyle = colour("soft");
    context.textAlign = "right";
    context.textBaseline = "middle";
    context.fillText(peak.toFixed(2), LEFT - 7, TOP + 6);
    context.fillText("0", LEFT - 7, middle);
    context.fillText(`−${peak.toFixed(2)}`, LEFT - 7, TOP + WAVE - 6);
  }

  #drawSpectrogram(context) {
    const top = TOP + WAVE + GAP;
    context.fillStyle = "#000003";
    context.fillRect(LEFT, top, this.#width, BAND);
    if (this.#images !== null) context.drawImage(this.#images.colour, LEFT, top, this.#width, BAND);
  }

  #drawAxes(context) {
    const bottom = TOP + WAVE + GAP + BAND;
    const highest = melOf(this.#sound.rateHz / 2);
    context.fillStyle = colour("soft");
    context.textAlign = "right";
    context.textBaseline = "middle";
    let free = bottom;
    for (const { hz, text } of frequencyTicks(this.#sound.rateHz)) {
      const y = bottom - (melOf(hz) / highest) * BAND;
      if (y > free) continue;
      free = y - TICK_HEIGHT;
      context.fillText(text, LEFT - 7, y);
      context.fillRect(LEFT - 4, y, 4, 1);
    }
    context.textBaseline = "top";
    for (const { seconds, text } of timeTicks(this.#sound.duration_s, Math.max(2, this.#width / TICK_WIDTH))) {
      const x = this.#x(seconds);
      const last = x > LEFT + this.#width - TICK_WIDTH / 3;
      context.textAlign = last ? "right" : seconds === 0 ? "left" : "center";
      context.fillText(text, last ? Math.min(x + TICK_WIDTH / 5, LEFT + this.#width + RIGHT) : x, bottom + 8);
      context.fillRect(Math.min(x, LEFT + this.#width - 1), bottom, 1, 4);
    }
  }

  #drawRelevance(context) {
    const { start_s, end_s, values } = this.#relevance;
    const top = TOP + WAVE + GAP;
    const highest = Math.max(...values, 0) || 1;
    const [begin, end] = [this.#x(Math.max(0, start_s)), this.#x(Math.min(end_s, this.#sound.duration_s))];
    const step = (this.#x(end_s) - this.#x(start_s)) / values.length;
    const greyed = (from, to, share) => {
      const [first, last] = [Math.max(from, LEFT), Math.min(to, LEFT + this.#width)];
      if (last <= first || share <= 0) return;
      context.globalAlpha = share;
      const perPixel = this.#columns / this.#width;
      const source = [(first - LEFT) * perPixel, (last - first) * perPixel];
      context.drawImage(this.#images.grey, source[0], 0, source[1], this.#images.grey.height, first, top, last - first, BAND);
      context.globalAlpha = 1;
    };
    greyed(LEFT, begin, OUTSIDE);
    greyed(end, LEFT + this.#width, OUTSIDE);
    values.forEach((value, at) => {
      const from = begin + at * step;
      greyed(from, Math.min(from + step, end), 1 - Math.max(0, value) / highest);
    });
    this.#drawCurve(context, begin, step, values, highest);
  }

  #drawCurve(context, begin, step, values, highest) {
    const lowest = Math.min(...values, 0);
    const bottom = TOP + WAVE + GAP + BAND;
    const y = (value) => bottom - 4 - ((value - lowest) / (highest - lowest)) * (BAND - 12);
    context.beginPath();
    values.forEach((value, at) => {
      context.lineTo(begin + at * step, y(value));
      context.lineTo(begin + (at + 1) * step, y(value));
    });
    for (const [width, style] of [[4, "rgb(0 0 0 / .6)"], [1.6, "#fff"]]) {
      [context.lineWidth, context.strokeStyle, context.lineJoin] = [width, style, "round"];
      context.stroke();
    }
  }
}

/** Return the grey of a level: darker than its colour, so that what is looked at stands out. */
function grey(level) {
  const value = Math.round(150 * level);
  return [value, value, value];
}

/** Give a canvas a size in CSS pixels, empty it, and return its context in these. */
function fitted(canvas, width, height) {
  canvas.width = Math.round(width * devicePixelRatio);
  canvas.height = Math.round(height * devicePixelRatio);
  const context = canvas.getContext("2d");
  context.scale(devicePixelRatio, devicePixelRatio);
  context.font = "12px system-ui, sans-serif";
  return context;
}
