// The page of otogura serve: sound in, answers out.

import { showAnswer } from "./answer.js";
import { announce, byId, duration, element, share, size } from "./dom.js";
import { offerDownloads } from "./downloads.js";
import { showLooked } from "./looked.js";
import { offerRecording } from "./microphone.js";
import { Picture } from "./picture.js";
import { Player } from "./player.js";
import { Item, Queue } from "./queue.js";
import { models, ServiceError } from "./service.js";
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
const queue = new Queue(() => model, changed);

function changed(item) {
  table.update(item);
  byId("downloads").hidden = !items.some(({ state }) => state !== "working");
  if (item === shown) showState();
  if (item.state === "answered" && item === shown) {
    const { sure, class: name, confidence } = item.answer;
    announce(`${item.name}: ${sure ? name : `not sure, perhaps ${name}`}, confidence ${share(confidence)}`);
  } else if (item.state === "failed") {
    announce(`${item.name}: no answer, ${item.error}`);
  }
}

/** Add recordings, ask about them, and show the first. */
function add(files) {
  notice("");
  const added = [...files].map((file) => new Item(file, file.name));
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
  byId("choose").disabled = byId("record").disabled = !hears;
  byId("model-facts").textContent = factsOf(model);
  byId("classes").hidden = false;
  byId("classes").querySelector("ul").replaceChildren(...model.classes.map((one) => element("li", {}, one)));
  notice(hears ? "" : "This model reads ready-made spectrograms, no sound. Send them by otogura predict.");
  if (!hears) return;
  items.forEach((item) => queue.ask(item, item === shown));
  if (shown !== null) draw(shown);
}

function factsOf({ name, classes, window_s, not_sure_limit, metrics }) {
  const facts = [offered.length > 1 ? null : name, `${classes.length} classes`];
  if (window_s) facts.push(`hears ${Number(window_s.toFixed(2))} s at a time`);
  if (typeof metrics?.accuracy === "number") facts.push(`test accuracy ${metrics.accuracy.toFixed(3)}`);
  if (not_sure_limit > 0) facts.push(`sure above ${share(not_sure_limit)}`);
  return facts.filter(Boolean).join(" · ");
}

async function begin() {
  try {
    offered = await models(() => (byId("model-facts").textContent = "The service is loading its models …"));
    if (!offered.length) throw new ServiceError("the service has no model", "Start it with one: otogura serve work/runs/genre.");
  } catch (error) {
    if (!(error instanceof ServiceError)) throw error;
    byId("model-facts").textContent = "";
    notice(`${error.message}. ${error.advice}`);
    return;
  }
  byId("model").append(...offered.map(({ name }) => element("option", { value: name }, name)));
  byId("model-choice").hidden = offered.length < 2;
  choose(offered[0].name);
}

function takeDrops() {
  let depth = 0; // of the elements that a drag is over
  const over = (step) => {
    depth = Math.max(0, depth + step);
    document.body.classList.toggle("dropping", depth > 0);
  };
  addEventListener("dragenter", () => over(1));
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", (event) => {
    event.preventDefault();
    over(-depth);
    if (!byId("choose").disabled) add(event.dataTransfer.files);
  });
}

byId("model").addEventListener("change", ({ target }) => choose(target.value));
byId("choose").addEventListener("click", () => byId("files").click());
byId("files").addEventListener("change", ({ target }) => {
  add(target.files);
  target.value = ""; // so that the same file can be chosen again
});
for (const event of ["timeupdate", "seeked"]) {
  byId("sound").addEventListener(event, ({ target }) => markSegment(target.currentTime));
}
offerRecording((file) => add([file]), notice);
offerDownloads(() => items.filter(({ state }) => state !== "working"), () => model);
takeDrops();
begin();
