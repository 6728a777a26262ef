// Mel spectrogram and envelope of a sound, for its picture.

import { PowerSpectrum } from "./fft.js";

export const ROWS = 160;
export const FLOOR_DB = -80; // below the loudest
const FRAME = 2048; // samples
const FRAMES_PER_COLUMN = 4; // at most; the mean of their powers is drawn
const STEP_MS = 12; // between two rests in which the page answers

const [BREAK_HZ, LINEAR_MEL_HZ, LOG_STEP] = [1000, 200 / 3, Math.log(6.4) / 27];
const BREAK_MEL = BREAK_HZ / LINEAR_MEL_HZ;

/** Return a frequency on Slaney's mel scale, which is linear below 1 kHz and logarithmic above. */
export const melOf = (hz) => (hz < BREAK_HZ ? hz / LINEAR_MEL_HZ : BREAK_MEL + Math.log(hz / BREAK_HZ) / LOG_STEP);

export const hzOf = (mel) => (mel < BREAK_MEL ? mel * LINEAR_MEL_HZ : BREAK_HZ * Math.exp((mel - BREAK_MEL) * LOG_STEP));

/** Return the lowest and the highest sample of each of `columns` equal parts. */
export function envelope(samples, columns) {
  const [low, high] = [new Float32Array(columns), new Float32Array(columns)];
  for (let column = 0; column < columns; column += 1) {
    const begin = Math.floor((column * samples.length) / columns);
    const end = Math.max(begin + 1, Math.floor(((column + 1) * samples.length) / columns));
    let [lowest, highest] = [Infinity, -Infinity];
    for (let at = begin; at < Math.min(end, samples.length); at += 1) {
      if (samples[at] < lowest) lowest = samples[at];
      if (samples[at] > highest) highest = samples[at];
    }
    [low[column], high[column]] = [lowest, highest];
  }
  return { low, high };
}

/**
 * Return the levels of a sound in dB below its loudest, `ROWS` × `columns` row by row, the lowest row first; null if
 * `signal` was aborted. The page answers meanwhile.
 */
export async function levels(samples, rateHz, columns, signal) {
  const transform = new PowerSpectrum(FRAME);
  const bands = bandsOf(rateHz);
  const power = new Float64Array(ROWS * columns);
  const perColumn = samples.length / columns;
  const frames = Math.max(1, Math.min(FRAMES_PER_COLUMN, Math.floor(perColumn / FRAME)));
  let rested = performance.now();
  for (let column = 0; column < columns; column += 1) {
    for (let frame = 0; frame < frames; frame += 1) {
      const centre = (column + (frame + 0.5) / frames) * perColumn;
      const bins = transform.of(samples, Math.round(centre - FRAME / 2));
      bands.forEach((band, row) => (power[row * columns + column] += meanOf(bins, band) / frames));
    }
    if (performance.now() - rested > STEP_MS) {
      await new Promise((resolve) => setTimeout(resolve));
      if (signal.aborted) return null;
      rested = performance.now();
    }
  }
  const loudest = power.reduce((most, value) => Math.max(most, value), 0) || 1;
  return Float32Array.from(power, (value) => Math.max(FLOOR_DB, 10 * Math.log10(value / loudest + 1e-12)));
}

/** Return the bins, with fractions, that each row begins and ends at. */
function bandsOf(rateHz) {
  const top = melOf(rateHz / 2);
  const edges = Array.from({ length: ROWS + 1 }, (_, row) => (hzOf((row * top) / ROWS) * FRAME) / rateHz);
  return Array.from({ length: ROWS }, (_, row) => [edges[row], edges[row + 1]]);
}

/** Return the mean power between two places, which are interpolated where they lie within one bin. */
function meanOf(bins, [begin, end]) {
  const [first, last] = [Math.ceil(begin), Math.floor(end)];
  if (last <= first) {
    const middle = (begin + end) / 2;
    const low = Math.min(Math.floor(middle), bins.length - 2);
    return bins[low] + (bins[low + 1] - bins[low]) * (middle - low);
  }
  let sum = 0;
  for (let bin = first; bin <= last; bin += 1) sum += bins[bin];
  return sum / (last - first + 1);
}
