// Elements and texts of the page.

export const byId = (id) => document.getElementById(id);

/** Return an element; members of `attributes` that begin with "on" are listeners, null leaves one out. */
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else if (value !== null && value !== false) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children);
  return made;
}

/** Say a text to those who hear the page. */
export function announce(text) {
  byId("status").textContent = text;
}

/** Return seconds as minutes and seconds, and hours where there are any. */
export function clock(seconds, digits = 1) {
  const scale = 10 ** digits;
  const rounded = Math.round(seconds * scale) / scale;
  const [hours, minutes] = [Math.floor(rounded / 3600), Math.floor(rounded / 60) % 60];
  const rest = (rounded % 60).toFixed(digits).padStart(digits ? digits + 3 : 2, "0");
  return hours ? `${hours}:${String(minutes).padStart(2, "0")}:${rest}` : `${minutes}:${rest}`;
}

/** Return a duration with its unit. */
export const duration = (seconds) => (seconds < 60 ? `${seconds.toFixed(1)} s` : `${clock(seconds, 0)} ${seconds < 3600 ? "min" : "h"}`);

export function size(bytes) {
  if (bytes < 1e6) return `${Math.max(1, Math.round(bytes / 1e3))} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}

/** Return a probability with three digits; what is not quite 0 or 1 does not read so. */
export function share(value) {
  if (value > 0 && value < 0.0005) return "<0.001";
  if (value < 1 && value >= 0.9995) return ">0.999";
  return value.toFixed(3);
}

/** Return the value of a colour of style.css, as the page has it now. */
export const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

export const dark = matchMedia("(prefers-color-scheme: dark)");
