// Files and folders that are dropped on the page.

const SOUND = /\.(wav|wave|flac|ogg|oga|opus|mp3|aif|aiff|aifc|au|snd|caf|w64|rf64|m4a|aac|wma)$/i;

/** Let recordings be dropped anywhere. `take` gets them with their names, and the number of files that are no sound. */
export function takeDrops(take) {
  let depth = 0; // of the elements that a drag is over
  const over = (step) => {
    depth = Math.max(0, depth + step);
    document.body.classList.toggle("dropping", depth > 0);
  };
  addEventListener("dragenter", () => over(1));
  addEventListener("dragleave", () => over(-1));
  addEventListener("dragover", (event) => event.preventDefault());
  addEventListener("drop", async (event) => {
    event.preventDefault();
    over(-depth);
    const { recordings, others } = await recordingsOf(event.dataTransfer);
    take(recordings, others);
  });
}

/** Return the files that were dropped themselves, whatever they are, and the sound in folders. */
async function recordingsOf({ items }) {
  // All before the event has ended.
  const dropped = [...items].map((item) => ({ entry: item.webkitGetAsEntry(), file: item.getAsFile() }));
  const recordings = [];
  let others = 0;
  for (const { entry, file } of dropped) {
    if (!entry?.isDirectory) {
      if (file) recordings.push({ file, name: file.name });
    } else {
      const inside = await filesBelow(entry);
      const sounds = inside.filter(({ file }) => file.type.startsWith("audio/") || SOUND.test(file.name));
      recordings.push(...sounds);
      others += inside.length - sounds.length;
    }
  }
  return { recordings, others };
}

/** Return all files below a folder by their paths, sorted; what cannot be read has no part in it. */
async function filesBelow(folder) {
  const reader = folder.createReader();
  const found = [];
  for (let entries; (entries = await promised((...ends) => reader.readEntries(...ends), [])).length; ) {
    for (const entry of entries) {
      if (entry.isDirectory) found.push(...(await filesBelow(entry)));
      else {
        const file = await promised((...ends) => entry.file(...ends), null);
        if (file) found.push({ file, name: entry.fullPath.slice(1) });
      }
    }
  }
  return found.sort((a, b) => a.name.localeCompare(b.name, undefined, { numeric: true }));
}

const promised = (begin, otherwise) => new Promise((resolve) => begin(resolve, () => resolve(otherwise)));
