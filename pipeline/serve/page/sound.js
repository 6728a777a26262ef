// Sound of a file, as samples for the picture.

const DEFAULT_HZ = 44100;
const LOWEST_HZ = 8000; // that every browser decodes to
const HIGHEST_HZ = 96000;
const LONG_S = 900; // from here on the picture is of the lowest rate, for the sake of memory
const LONGEST_S = 7200; // beyond it nothing is drawn
const LARGEST_BYTES = 100e6; // of a file that does not say how long it is

/** Reason for which there is no picture. */
export class NoPictureError extends Error {}

/** Return the samples of a file, mono, at the rate of the model where the browser can; `length_s` is as it states. */
export async function decoded(file, modelHz, length_s) {
  if (length_s > LONGEST_S || (length_s === null && file.size > LARGEST_BYTES)) {
    throw new NoPictureError("This recording is too long to draw in a browser. It is sent all the same.");
  }
  const rateHz = length_s > LONG_S ? LOWEST_HZ : Math.min(HIGHEST_HZ, Math.max(LOWEST_HZ, modelHz ?? DEFAULT_HZ));
  let buffer;
  try {
    buffer = await new OfflineAudioContext(1, 1, rateHz).decodeAudioData(await file.arrayBuffer());
  } catch {
    throw new NoPictureError("This browser cannot decode the file, so there is no picture and no playing. It is sent all the same.");
  }
  return { samples: meanOfChannels(buffer), rateHz, duration_s: buffer.duration };
}

/** Return the seconds that a media element states, null if it does not. */
export function lengthOf(audio) {
  return new Promise((resolve) => {
    const settle = () => resolve(Number.isFinite(audio.duration) ? audio.duration : null);
    if (audio.readyState >= HTMLMediaElement.HAVE_METADATA || audio.error) settle();
    audio.addEventListener("loadedmetadata", settle, { once: true });
    audio.addEventListener("error", settle, { once: true });
  });
}

function meanOfChannels(buffer) {
  const mean = buffer.getChannelData(0).slice();
  for (let channel = 1; channel < buffer.numberOfChannels; channel += 1) {
    const samples = buffer.getChannelData(channel);
    for (let at = 0; at < mean.length; at += 1) mean[at] += samples[at];
  }
  if (buffer.numberOfChannels > 1) for (let at = 0; at < mean.length; at += 1) mean[at] /= buffer.numberOfChannels;
  return mean;
}
