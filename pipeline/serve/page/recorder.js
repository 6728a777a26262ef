// Recording from the microphone.

import { wavOf } from "./wav.js";

// Calls are made intelligible by these, and other sound is made worse.
const UNCHANGED = { echoCancellation: false, noiseSuppression: false, autoGainControl: false };

/** Reason for which there is no microphone, and what to do. */
export class MicrophoneError extends Error {}

const REASONS = {
  NotAllowedError:
    "The browser does not give this page the microphone. Allow it in the settings beside the address, and press Record again.",
  NotFoundError: "No microphone was found. Connect one, and press Record again, or choose a file.",
  NotReadableError: "The microphone is in use by another program. Close that, and press Record again.",
};

/** Recording that is under way. `heard` gets each block of samples. */
export class Recording {
  #blocks = [];
  #context;
  #node;
  #stream;

  static async begin(heard) {
    if (!window.isSecureContext || !navigator.mediaDevices) {
      throw new MicrophoneError(
        "Browsers give the microphone to https pages and to localhost only. Open this page there, or serve it with a certificate; files can be sent from here.",
      );
    }
    const recording = new Recording();
    try {
      await recording.#open(heard);
    } catch (error) {
      await recording.#close();
      throw new MicrophoneError(REASONS[error.name] ?? `The microphone cannot be used: ${error.message}`);
    }
    return recording;
  }

  async #open(heard) {
    this.#stream = await navigator.mediaDevices.getUserMedia({ audio: UNCHANGED });
    this.#context = new AudioContext();
    await this.#context.audioWorklet.addModule("recorder-worklet.js");
    this.#node = new AudioWorkletNode(this.#context, "recorder");
    this.#node.port.onmessage = ({ data }) => {
      this.#blocks.push(data);
      heard(data, this.#context.sampleRate);
    };
    // Its output is silent; a node that leads nowhere may not run.
    this.#context.createMediaStreamSource(this.#stream).connect(this.#node).connect(this.#context.destination);
    await this.#context.resume();
  }

  /** Return all that was heard, as a WAV file. */
  async stop() {
    await new Promise((resolve) => {
      this.#node.port.onmessage = ({ data }) => (data === null ? resolve() : this.#blocks.push(data));
      this.#node.port.postMessage("stop");
    });
    const { sampleRate } = this.#context;
    await this.#close();
    return wavOf(this.#blocks, sampleRate);
  }

  async discard() {
    await this.#close();
  }

  async #close() {
    this.#stream?.getTracks().forEach((track) => track.stop());
    await this.#context?.close();
  }
}
