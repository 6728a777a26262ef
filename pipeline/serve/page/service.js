// Requests to the service.

const TRIES = 5; // of a busy service
const LOADING_TRIES = 30; // of one that has just started
const LONGEST_WAIT_S = 30;
const RETURN_S = 2; // between two questions to a service that is gone

/** Fault of a request, as one line, and what the user can do about it. */
export class ServiceError extends Error {
  constructor(line, advice, status = 0) {
    super(line);
    this.advice = advice;
    this.status = status;
  }
}

/** Fault of a service that does not answer at all. */
export class UnreachableError extends ServiceError {}

const ADVICE = {
  400: "Check that the file is sound, and send it as WAV or FLAC.",
  401: "Load the page again: the browser asks for a user, who may be any, and for a password, which is the key.",
  408: "The connection is slow. Try again, or send a smaller file, such as FLAC.",
  413: "Send a shorter part of it, or the same sound as FLAC.",
  415: "Send it as WAV, FLAC, Ogg or MP3.",
  422: "Choose another recording, or repair this one with an audio editor.",
  429: "Wait a minute, and try again.",
  503: "The service is busy. Wait a minute, and try again.",
  504: "It took too long. Send a shorter part, or try again later.",
};
const OTHER_ADVICE = "Try again. If it stays, the log of the service says more.";
const UNREACHABLE = new UnreachableError("the service does not answer", "Check that otogura serve still runs.");
const CUT = new ServiceError(
  "the connection broke before the answer",
  "Try again. A file that is larger than this service allows may be refused in this way as well.",
);

/** Return once a service that was gone answers again. */
export async function returned() {
  while (!(await answers())) await waiting(RETURN_S);
}

async function answers() {
  try {
    return (await fetch("health", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}

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
 * Return the answer for a sound. `progress` gets ("sending", share), ("computing") and ("busy", seconds, reason).
 */
export async function predict(sound, { model, explain, merge, signal, progress }) {
  const query = new URLSearchParams({ shape: "otogura", model, explain, merge });
  for (let left = TRIES; ; left -= 1) {
    const { status, text, retryAfter } = await send(`predict?${query}`, sound, signal, progress);
    if (status === 200) return parsed(text);
    const fault = status === 0 ? ((await answers()) ? CUT : UNREACHABLE) : faultOf(status, text);
    if (status !== 503 || left <= 1) throw fault;
    const wait_s = waitOf(retryAfter);
    progress("busy", wait_s, fault.message);
    await waiting(wait_s, signal);
  }
}

/** Send with XMLHttpRequest, since fetch does not tell how much was sent. Status 0 is that of a broken connection. */
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
    request.onerror = () => resolve({ status: 0 });
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
    if (status !== 401) line = JSON.parse(text).error || line;
    else line = "this service asks for a key, and got none or a wrong one"; // its own words are for programs
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
