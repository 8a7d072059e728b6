// The live stream of changes: server-sent events, read with `fetch`, because EventSource cannot
// send a token.
//
// After an interruption it resumes behind the last event that was seen, at once the first time and
// then after pauses that grow up to half a minute, each shortened by chance, so that many browsers
// do not come back at the same moment.

import { now } from "../page/clock.js";
import { address } from "./api.js";
import { renewed, token } from "./session.js";

const SILENCE = 45000; // milliseconds; the server sends a comment every 15 seconds
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30000;

// Follow the events for ever.  `take(kind, data)` gets each of them; `report(state)` gets
// `{live: true, resumed}` or `{live: false, since, retryAt}`.  Return a function that tries now.
export function followEvents(revision, take, report) {
  const stream = { last: String(revision), heard: now(), failures: 0, wake: () => {} };
  run(stream, take, report);
  return () => stream.wake();
}

async function run(stream, take, report) {
  for (;;) {
    try {
      await listen(stream, take, report);
    } catch {
      // what went wrong does not matter: it is tried again
    }
    stream.failures += 1;
    const longest = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** Math.min(stream.failures, 10));
    const pause = longest * (0.5 + Math.random() / 2);
    if (stream.failures > 1) {
      report({ live: false, since: stream.heard, retryAt: now() + pause });
    }
    await new Promise((resolve) => {
      const timer = setTimeout(resolve, pause);
      stream.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    stream.wake = () => {};
  }
}

async function listen(stream, take, report) {
  const used = token();
  const abort = new AbortController();
  let watchdog = setTimeout(() => abort.abort(), SILENCE);
  try {
    const headers = { Accept: "text/event-stream", "Last-Event-ID": stream.last };
    if (used !== null) headers.Authorization = `Bearer ${used}`;
    const request = { headers, signal: abort.signal, cache: "no-store", redirect: "error" };
    const response = await fetch(address("events"), request);
    if (response.status === 401) {
      await renewed(used);
      return;
    }
    if (!response.ok) throw new Error(`status ${response.status}`);
    report({ live: true, resumed: stream.failures > 0 });
    stream.failures = 0;
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    const parse = parser((event) => {
      if (event.id !== null) stream.last = event.id;
      take(event.kind, event.data);
    });
    for (;;) {
      const { value, done } = await reader.read();
      if (done) return;
      stream.heard = now();
      clearTimeout(watchdog);
      watchdog = setTimeout(() => abort.abort(), SILENCE);
      parse(value);
    }
  } finally {
    clearTimeout(watchdog);
    abort.abort();
  }
}

// Return a function that takes pieces of a stream and calls `emit` with each whole event.
export function parser(emit) {
  let rest = "";
  let event = { id: null, kind: "message", data: [] };
  return (piece) => {
    const lines = (rest + piece).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop();
    for (const line of lines) {
      if (line === "") {
        if (event.data.length) emit({ ...event, data: event.data.join("\n") });
        event = { id: null, kind: "message", data: [] };
        continue;
      }
      const [, name, value] = /^([^:]*):? ?(.*)$/.exec(line);
      if (name === "id") event.id = value;
      else if (name === "event") event.kind = value;
      else if (name === "data") event.data.push(value);
    }
  };
}
