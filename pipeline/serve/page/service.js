// Requests to the service.

const TRIES = 5; // of a busy service
const LOADING_TRIES = 30; // of one that has just started
const LONGEST_WAIT_S = 30;

/** Fault of a request, as one line, and what the user can do about it. */
export class ServiceError extends Error {
  constructor(line, advice, status = 0) {
    super(line);
    this.advice = advice;
    this.status = status;
  }
}

const ADVICE = {
  400: "Check that the file is sound, and send it as WAV or FLAC.",
  401: "This service asks for a key. Load the page again, and give the key as the password.",
  408: "The connection is slow. Try again, or send a smaller file, such as FLAC.",
  413: "Send a shorter part of it, or the same sound as FLAC.",
  415: "Send it as WAV, FLAC, Ogg or MP3.",
  422: "Choose another recording, or repair this one with an audio editor.",
  429: "Wait a minute, and try again.",
  503: "The service is busy. Wait a minute, and try again.",
  504: "It took too long. Send a shorter part, or try again later.",
};
const OTHER_ADVICE = "Try again. If it stays, the log of the service says more.";
const UNREACHABLE = new ServiceError(
  "the service did not answer",
  "Check that otogura serve still runs, and try again. A very large file may be refused in this way as well.",
);

/** Return the models of the service; `loading` is called when they are still being loaded. */
export async function models(loading) {
  for (let left = LOADING_TRIES; ; left -= 1) {
    let answer;
    try {
      answer = await fetch("models", { headers: { Accept: "application/json" } });
    } catch {
      throw UNREACHABLE;
    }
    const text = await answer.text();
    if (answer.ok) return parsed(text);
    if (answer.status !== 503 || left <= 1) throw faultOf(answer.status, text);
    loading();
    await waiting(waitOf(answer.headers.get("Retry-After")));
  }
}

/**
 * Return the answer for a sound. `progress` gets ("sending", share), ("computing") and ("busy", seconds).
 */
export async function predict(sound, { model, explain, merge, signal, progress }) {
  const query = new URLSearchParams({ shape: "otogura", model, explain, merge });
  for (let left = TRIES; ; left -= 1) {
    const { status, text, retryAfter } = await send(`predict?${query}`, sound, signal, progress);
    if (status === 200) return parsed(text);
    if (status !== 503 || left <= 1) throw faultOf(status, text);
    const wait_s = waitOf(retryAfter);
    progress("busy", wait_s);
    await waiting(wait_s, signal);
  }
}

/** Send with XMLHttpRequest, since fetch does not tell how much was sent. */
function send(address, sound, signal, progress) {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    const cancel = () => request.abort();
    signal.throwIfAborted();
    signal.addEventListener("abort", cancel, { once: true });
    request.open("POST", address);
    request.setRequestHeader("Content-Type", mediaType(sound));
    request.setRequestHeader("Accept", "application/json");
    request.upload.onprogress = ({ loaded, total }) => progress("sending", total ? loaded / total : 0);
    request.upload.onload = () => progress("computing");
    request.onload = () =>
      resolve({ status: request.status, text: request.responseText, retryAfter: request.getResponseHeader("Retry-After") });
    request.onerror = () => reject(UNREACHABLE);
    request.onabort = () => reject(signal.reason);
    request.onloadend = () => signal.removeEventListener("abort", cancel);
    request.send(sound);
  });
}

function mediaType(sound) {
  if (sound.type.startsWith("audio/")) return sound.type;
  const suffix = /\.([a-z0-9]+)$/i.exec(sound.name ?? "")?.[1];
  return suffix ? `audio/x-${suffix.toLowerCase()}` : "audio/x-unknown";
}

function parsed(text) {
  try {
    return JSON.parse(text);
  } catch {
    throw new ServiceError("the answer is not JSON", "Something between this page and the service changes answers. Open it at its own address.");
  }
}

function faultOf(status, text) {
  let line = `the service answered ${status}`;
  try {
    line = JSON.parse(text).error || line;
  } catch {
    // a proxy answered; its page says no more than the status
  }
  return new ServiceError(line, ADVICE[status] ?? OTHER_ADVICE, status);
}

/** Return the seconds of a Retry-After header. */
const waitOf = (header) => Math.min(LONGEST_WAIT_S, Math.max(1, Number(header) || 1));

function waiting(seconds, signal = null) {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, 1000 * seconds);
    signal?.addEventListener("abort", () => {
      clearTimeout(timer);
      reject(signal.reason);
    }, { once: true });
  });
}
