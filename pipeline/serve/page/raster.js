// Colours of levels, and images of them.

import { FLOOR_DB, ROWS } from "./spectrogram.js";

// matplotlib's magma, of which the reports are as well, at equal steps.
const MAGMA = [
  [0, 0, 3], [15, 11, 44], [43, 17, 94], [80, 18, 123], [113, 31, 129], [146, 43, 128], [182, 54, 121], [215, 69, 107],
  [240, 96, 93], [251, 136, 97], [254, 175, 120], [253, 214, 152], [251, 252, 191],
];

/** Return red, green and blue of a level from 0 to 1. */
export function magma(level) {
  const place = level * (MAGMA.length - 1);
  const below = Math.min(Math.floor(place), MAGMA.length - 2);
  return MAGMA[below].map((value, channel) => value + (MAGMA[below + 1][channel] - value) * (place - below));
}

/** Return a canvas of levels in dB, `ROWS` × `columns`, whose last row is at the top. */
export function painted(levels_db, columns, colourOf) {
  const palette = Array.from({ length: 256 }, (_, at) => colourOf(at / 255));
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [columns, ROWS];
  const context = canvas.getContext("2d");
  const image = context.createImageData(columns, ROWS);
  for (let row = 0; row < ROWS; row += 1) {
    for (let column = 0; column < columns; column += 1) {
      const colour = palette[Math.round(255 * (1 - levels_db[row * columns + column] / FLOOR_DB))];
      image.data.set([...colour, 255], 4 * ((ROWS - 1 - row) * columns + column));
    }
  }
  context.putImageData(image, 0, 0);
  return canvas;
}
