// Axes of the picture: places and texts of their ticks.

import { clock } from "./dom.js";

const STEPS_S = [0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600];
const TICKS_HZ = [125, 250, 500, 1000, 2000, 4000, 8000, 16000, 32000];

/** Return the ticks of time, at most `count` of them, with their texts. */
export function timeTicks(duration_s, count) {
  const step_s = STEPS_S.find((step) => duration_s / step <= count) ?? STEPS_S.at(-1);
  const digits = step_s < 0.1 ? 2 : step_s < 1 ? 1 : 0;
  const ticks = [];
  for (let number = 0; number * step_s <= duration_s * 1.0001; number += 1) {
    const seconds = number * step_s;
    ticks.push({ seconds, text: duration_s < 60 ? `${seconds.toFixed(digits)} s` : clock(seconds, 0) });
  }
  return ticks;
}

/** Return the ticks of frequency below half the rate, with their texts. */
export function frequencyTicks(rateHz) {
  return TICKS_HZ.filter((hz) => hz < 0.9 * (rateHz / 2)).map((hz) => ({ hz, text: hzText(hz) }));
}

export const hzText = (hz) => (hz < 1000 ? `${hz} Hz` : `${Number((hz / 1000).toFixed(1))} kHz`);
