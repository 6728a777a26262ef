// Power spectra of real frames.

/** Fourier transform of `length` samples, a power of two, under a Hann window. */
export class PowerSpectrum {
  constructor(length) {
    this.length = length;
    this.window = Float32Array.from({ length }, (_, at) => 0.5 - 0.5 * Math.cos((2 * Math.PI * at) / length));
    this.cosines = Float64Array.from({ length: length / 2 }, (_, at) => Math.cos((2 * Math.PI * at) / length));
    this.sines = Float64Array.from({ length: length / 2 }, (_, at) => Math.sin((2 * Math.PI * at) / length));
    const bits = Math.log2(length);
    this.reversed = Uint32Array.from({ length }, (_, at) => {
      let place = 0;
      for (let bit = 0; bit < bits; bit += 1) place |= ((at >> bit) & 1) << (bits - 1 - bit);
      return place;
    });
    [this.real, this.imaginary] = [new Float64Array(length), new Float64Array(length)];
    this.power = new Float64Array(length / 2 + 1);
  }

  /** Return the power in each bin of the frame that begins at `start`; samples beyond the ends are 0. */
  of(samples, start) {
    const { length, real, imaginary } = this;
    for (let at = 0; at < length; at += 1) {
      real[this.reversed[at]] = (samples[start + at] ?? 0) * this.window[at];
    }
    imaginary.fill(0);
    for (let half = 1; half < length; half *= 2) this.#butterflies(half);
    for (let bin = 0; bin <= length / 2; bin += 1) this.power[bin] = real[bin] ** 2 + imaginary[bin] ** 2;
    return this.power;
  }

  #butterflies(half) {
    const { length, real, imaginary } = this;
    const stride = length / 2 / half;
    for (let begin = 0; begin < length; begin += 2 * half) {
      for (let at = 0; at < half; at += 1) {
        const [cosine, sine] = [this.cosines[at * stride], this.sines[at * stride]];
        const [low, high] = [begin + at, begin + at + half];
        const turnedReal = real[high] * cosine + imaginary[high] * sine;
        const turnedImaginary = imaginary[high] * cosine - real[high] * sine;
        real[high] = real[low] - turnedReal;
        imaginary[high] = imaginary[low] - turnedImaginary;
        real[low] += turnedReal;
        imaginary[low] += turnedImaginary;
      }
    }
  }
}
