// The server's time, and ages that tick.
//
// Times are shown as distances from now, by the clock of the server: its replies have a `Date`.
// `tick` brings every age in the document up to date, once a second.

import { h } from "./dom.js";

const MOST_SKEW = 2000; // milliseconds; Date has whole seconds, and a reply takes a while
const UNITS = [
  ["d", 86400],
  ["h", 3600],
  ["min", 60],
  ["s", 1],
];

let offset = 0;

// Return the time of the server, in milliseconds since 1970.
export function now() {
  return Date.now() + offset;
}

// Take the time of the server from the header `Date` of a reply.
export function learn(date) {
  const seen = Date.parse(date ?? "");
  if (Number.isNaN(seen)) return;
  const skew = seen + 500 - Date.now();
  offset = Math.abs(skew) > MOST_SKEW ? skew : 0;
}

// Return a duration in the two largest units that matter: "4 min 10 s", "3 h", "12 d".
export function duration(milliseconds) {
  let left = Math.max(0, Math.round(milliseconds / 1000));
  const parts = [];
  for (const [unit, seconds] of UNITS) {
    const count = Math.floor(left / seconds);
    if (count === 0) continue;
    parts.push(`${count} ${unit}`);
    left -= count * seconds;
    if (parts.length === 2 || count >= 10) break;
  }
  return parts.join(" ") || "0 s";
}

const WORDS = {
  ago: (distance) => (distance < 1500 ? "just now" : `${duration(distance)} ago`),
  for: (distance) => `for ${duration(distance)}`,
  left: (distance) => (distance < 0 ? `in ${duration(-distance)}` : `${duration(distance)} ago`),
  bare: (distance) => duration(Math.abs(distance)),
};

// Return an element with the distance between now and `time` (RFC 3339), which ticks.
// `kind` is `ago`, `for`, `left` (for times to come) or `bare`.
export function age(time, kind = "ago") {
  if (!time) return h("span", {}, "never");
  return h(
    "time",
    { datetime: time, "data-age": kind, title: exact(time) },
    WORDS[kind](now() - Date.parse(time)),
  );
}

// Return a time in the zone of the reader: "29 Nov 2026, 14:03:41".
export function exact(time) {
  const date = new Date(time);
  if (Number.isNaN(date.getTime())) return String(time);
  return date.toLocaleString(undefined, { dateStyle: "medium", timeStyle: "medium", hour12: false });
}

// Return the time of day alone, in the zone of the reader.
export function timeOfDay(time) {
  return new Date(time).toLocaleTimeString(undefined, { hour12: false });
}

// Bring every age below `root` up to date.
export function tick(root = document) {
  const time = now();
  for (const element of root.querySelectorAll("time[data-age]")) {
    const text = WORDS[element.dataset.age](time - Date.parse(element.dateTime));
    if (element.firstChild?.data !== text) element.textContent = text;
  }
}
