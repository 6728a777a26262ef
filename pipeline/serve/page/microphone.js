// The buttons of a recording that is under way, and its level.

import { announce, byId, clock, colour } from "./dom.js";
import { MicrophoneError, Recording } from "./recorder.js";

const LONGEST_S = 600;
const SHOWN = 120; // blocks of the level

/** Let the button record; `take` is called with each recording, as a file, and `refuse` with the reason for none. */
export function offerRecording(take, refuse) {
  let recording = null;
  let peaks = [];
  let heard_s = 0;
  let count = 0;

  const show = (active) => {
    byId("recording").hidden = !active;
    byId("input").classList.toggle("recording", active);
  };
  const hear = (block, rateHz) => {
    heard_s += block.length / rateHz;
    peaks.push(block.reduce((most, value) => Math.max(most, Math.abs(value)), 0));
    peaks = peaks.slice(-SHOWN);
    byId("recorded-time").textContent = clock(heard_s);
    drawLevel(peaks);
    if (heard_s >= LONGEST_S) end();
  };
  const begin = async () => {
    refuse("");
    byId("record").disabled = true;
    [peaks, heard_s] = [[], 0];
    try {
      recording = await Recording.begin(hear);
      show(true);
      byId("stop").focus();
      announce("recording");
    } catch (error) {
      if (!(error instanceof MicrophoneError)) throw error;
      refuse(error.message);
    } finally {
      byId("record").disabled = false;
    }
  };
  const end = async () => {
    const ending = recording;
    if (ending === null) return;
    recording = null;
    const sound = await ending.stop();
    show(false);
    byId("record").focus();
    count += 1;
    take(new File([sound], `recording-${count}.wav`, { type: sound.type }));
  };
  const discard = async () => {
    const ending = recording;
    recording = null;
    show(false);
    byId("record").focus();
    announce("recording discarded");
    await ending.discard();
  };
  byId("record").addEventListener("click", begin);
  byId("stop").addEventListener("click", end);
  byId("discard").addEventListener("click", discard);
}

function drawLevel(peaks) {
  const canvas = byId("level");
  [canvas.width, canvas.height] = [canvas.clientWidth * devicePixelRatio, canvas.clientHeight * devicePixelRatio];
  const context = canvas.getContext("2d");
  context.fillStyle = colour("orange");
  const step = canvas.width / SHOWN;
  peaks.forEach((peak, at) => {
    const height = Math.max(2, Math.min(1, peak) * canvas.height);
    context.fillRect((SHOWN - peaks.length + at) * step, (canvas.height - height) / 2, Math.max(1, 0.6 * step), height);
  });
}
