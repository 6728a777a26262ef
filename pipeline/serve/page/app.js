// The page of otogura serve: sound in, answers out.

import { nameOf, showAnswer } from "./answer.js";
import { announce, byId, duration, element, share, size } from "./dom.js";
import { offerDownloads } from "./downloads.js";
import { takeDrops } from "./drops.js";
import { showLooked } from "./looked.js";
import { offerRecording } from "./microphone.js";
import { Picture } from "./picture.js";
import { Player } from "./player.js";
import { Item, Queue } from "./queue.js";
import { models, returned, ServiceError, UnreachableError } from "./service.js";
import { decoded, lengthOf, NoPictureError } from "./sound.js";
import { Table } from "./table.js";
import { markSegment, showTimeline } from "./timeline.js";

const items = [];
let offered = [];
let model = null;
let shown = null;
let sound = null; // of the recording that is shown, once it is decoded

const picture = new Picture();
const player = new Player(picture);
const table = new Table(show);
const queue = new Queue(() => model, changed, comeBack);

function changed(item) {
  table.update(item);
  byId("downloads").hidden = !items.some(({ state }) => state !== "working");
  if (item === shown) showState();
  if (item.state === "answered" && item === shown) {
    const { sure, confidence } = item.answer;
    const name = nameOf(item.answer);
    announce(`${item.name}: ${sure ? name : `not sure, perhaps ${name}`}, confidence ${share(confidence)}`);
  } else if (item.state === "failed") {
    announce(`${item.name}: no answer, ${item.error}`);
  }
}

/** Add recordings, ask about them, and show the first. */
function add(recordings) {
  const added = recordings.map(({ file, name }) => new Item(file, name));
  if (!added.length) return;
  items.push(...added);
  document.body.classList.add("filled");
  added.forEach((item, place) => queue.ask(item, place === 0));
  show(added[0]);
}

function show(item) {
  shown = item;
  table.mark(item);
  byId("result").hidden = false;
  byId("result-title").textContent = item.name;
  byId("result-facts").textContent = size(item.file.size);
  showState();
  queue.explain(item);
  draw(item);
}

function showState() {
  showAnswer(shown, model, { retry: () => queue.ask(shown, true), cancel: () => shown.cancel() });
  const duration_s = sound?.item === shown ? sound.duration_s : 0;
  showTimeline(shown.answer, duration_s, (seconds) => (player.ready ? player.seek(seconds) : markSegment(seconds)));
  showLooked(shown.answer, picture);
}

/** Draw a recording, and make it ready to play. */
async function draw(item) {
  sound = null;
  picture.clear();
  const length_s = await lengthOf(player.load(item.file));
  if (item !== shown) return;
  let made;
  try {
    made = await decoded(item.file, model.sample_rate_hz, length_s);
  } catch (error) {
    if (!(error instanceof NoPictureError)) throw error;
    if (item === shown) picture.clear(error.message);
    return;
  }
  if (item !== shown) return;
  sound = { item, ...made };
  byId("result-facts").textContent = `${duration(sound.duration_s)}, ${size(item.file.size)}`;
  player.enable(sound.duration_s);
  const drawn = picture.show(sound);
  showState();
  await drawn;
}

function notice(text) {
  byId("notice").textContent = text;
  byId("notice").hidden = !text;
}

function choose(name) {
  model = offered.find((one) => one.name === name);
  const hears = model.kind !== "spectrogram";
  document.body.classList.toggle("deaf", !hears);
  byId("choose").disabled = byId("record").disabled = !hears;
  byId("model-facts").textContent = factsOf(model);
  byId("classes").hidden = false;
  byId("classes").querySelector("ul").replaceChildren(...model.classes.map((one) => element("li", {}, one)));
  notice(hears ? "" : `This model reads ready-made spectrograms, no sound. Send one as a line of CSV: curl --data-binary @line.csv ${new URL("predict", location)}?model=${encodeURIComponent(name)}`);
  if (!hears) return;
  items.forEach((item) => queue.ask(item, item === shown));
  if (shown !== null) draw(shown);
}

function factsOf({ name, classes, task, window_s, not_sure_limit, metrics }) {
  const facts = [offered.length > 1 ? null : name, `${classes.length} ${task === "multilabel" ? "labels" : "classes"}`];
  if (window_s) facts.push(`hears ${Number(window_s.toFixed(2))} s at a time`);
  if (typeof metrics?.map === "number") facts.push(`test mAP ${metrics.map.toFixed(3)}`);
  else if (typeof metrics?.accuracy === "number") facts.push(`test accuracy ${metrics.accuracy.toFixed(3)}`);
  if (not_sure_limit > 0) facts.push(`sure above ${share(not_sure_limit)}`);
  return facts.filter(Boolean).join(" · ");
}

/** Ask for the models, and keep the one that was chosen if it is still the same. */
async function meet() {
  let chosen;
  try {
    offered = await offeredModels();
    chosen = offered.find((one) => one.name === model?.name) ?? offered[0];
    if (!chosen) throw new ServiceError("the service has no model", "Start it with one: otogura serve work/runs/genre.");
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    byId("model-facts").textContent = "";
    notice(`${error.message[0].toUpperCase()}${error.message.slice(1)}. ${error.advice}`);
    return;
  }
  byId("model").replaceChildren(...offered.map(({ name }) => element("option", { value: name, selected: name === chosen.name }, name)));
  byId("model-choice").hidden = offered.length < 2;
  if (chosen.version !== model?.version) choose(chosen.name);
}

async function offeredModels() {
  for (;;) {
    try {
      return await models(() => (byId("model-facts").textContent = "The service is loading its models …"));
    } catch (error) {
      if (!(error instanceof UnreachableError)) throw error;
      await untilReturned();
    }
  }
}

/** Wait for a service that is gone, and see what it offers now. */
async function comeBack() {
  await untilReturned();
  await meet();
}

async function untilReturned() {
  byId("away").hidden = false;
  await returned();
  byId("away").hidden = true;
}

function takeDropped(recordings, others) {
  if (byId("choose").disabled) return;
  const left = others === 1 ? "1 file that is no sound was left out." : `${others} files that are no sound were left out.`;
  notice(others ? left : recordings.length ? "" : "There is no file in what was dropped.");
  add(recordings);
}

byId("model").addEventListener("change", ({ target }) => choose(target.value));
byId("choose").addEventListener("click", () => byId("files").click());
byId("files").addEventListener("change", ({ target }) => {
  notice("");
  add([...target.files].map((file) => ({ file, name: file.name })));
  target.value = ""; // so that the same file can be chosen again
});
for (const event of ["timeupdate", "seeked"]) {
  byId("sound").addEventListener(event, ({ target }) => markSegment(target.currentTime));
}
offerRecording((file) => add([{ file, name: file.name }]), notice);
offerDownloads(() => items.filter(({ state }) => state !== "working"), () => model);
takeDrops(takeDropped);
meet();
