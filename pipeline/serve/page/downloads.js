// Answers as files, in the forms that otogura predict prints.

import { byId, element } from "./dom.js";

/** Let the buttons download the answers of `items()` for a model, `model()`. */
export function offerDownloads(items, model) {
  byId("as-csv").addEventListener("click", () => save("answers.csv", "text/csv", asCsv(items(), model())));
  byId("as-json").addEventListener("click", () => save("answers.json", "application/json", asJson(items())));
}

function save(name, type, text) {
  const address = URL.createObjectURL(new Blob([text], { type }));
  element("a", { href: address, download: name }).click();
  setTimeout(() => URL.revokeObjectURL(address)); // after the click has begun the download
}

function asJson(items) {
  const rows = items.map(({ name, answer, error }) => {
    if (!answer) return { file: name, error };
    const { explanation, file, ...rest } = answer;
    return { file: name, ...rest };
  });
  return `${JSON.stringify(rows, null, 1)}\n`;
}

/** Return a row for each recording, and after it one for each of its segments, if it has several. */
function asCsv(items, { classes, version }) {
  const lines = [["file", "start_s", "end_s", "class", "sure", "confidence", ...classes.map((name) => `probability ${name}`), "model_version", "error"]];
  for (const { name, answer, error } of items) {
    if (!answer) {
      lines.push([name, ...Array(classes.length + 5).fill(""), version, error]);
      continue;
    }
    const segments = answer.segments.length > 1 ? answer.segments : [];
    for (const part of [answer, ...segments]) {
      const { start_s = "", end_s = "", class: decided, sure, confidence, probabilities } = part;
      const shares = classes.map((one) => probabilities[one]);
      lines.push([name, start_s, end_s, decided, sure, confidence, ...shares, answer.model_version, ""]);
    }
  }
  return lines.map((cells) => `${cells.map(quoted).join(",")}\n`).join("");
}

const quoted = (cell) => (/[",\r\n]/.test(String(cell)) ? `"${String(cell).replaceAll('"', '""')}"` : String(cell));
