// Audio worklet that hands on what the microphone gives.

const BLOCK = 2048; // samples of a message

class Recorder extends AudioWorkletProcessor {
  #block = new Float32Array(BLOCK);
  #filled = 0;
  #stopped = false;

  constructor() {
    super();
    this.port.onmessage = () => {
      this.port.postMessage(this.#block.slice(0, this.#filled)); // the rest
      this.port.postMessage(null);
      this.#stopped = true;
    };
  }

  process([channels]) {
    if (channels.length) this.#keep(channels);
    return !this.#stopped;
  }

  #keep(channels) {
    for (let at = 0; at < channels[0].length; at += 1) {
      let sum = 0;
      for (const channel of channels) sum += channel[at];
      this.#block[this.#filled++] = sum / channels.length;
      if (this.#filled === BLOCK) {
        this.port.postMessage(this.#block);
        this.#block = new Float32Array(BLOCK);
        this.#filled = 0;
      }
    }
  }
}

registerProcessor("recorder", Recorder);
