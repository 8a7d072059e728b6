// Commands over HTTP, as docs/http.md describes them.
//
// `read` and `change` return the result of a command, or throw: `Problem` is a refusal by the
// server, with its code; `Unreachable` means that no answer came, so the outcome is not known.

import { learn } from "../page/clock.js";
import { renewed, token } from "./session.js";

const PATIENCE = 30000; // milliseconds

// The server refused a command: `code` as on the control socket, `rules` that refuse a switch.
export class Problem extends Error {
  constructor(status, code, message, rules = [], retryAfter = null) {
    super(message);
    this.status = status;
    this.code = code;
    this.rules = rules;
    this.retryAfter = retryAfter;
  }
}

// No answer came.
export class Unreachable extends Error {}

// Return the absolute address of a path of the API, such as `events`.
export function address(path) {
  return new URL(`api/v1/${path}`, document.baseURI);
}

// Return the reply to a command that changes nothing: `revision` and `result`.
export function read(command, fields = {}, patience = PATIENCE) {
  const url = address(command.replaceAll(" ", "/"));
  for (const [name, value] of Object.entries(fields)) {
    for (const item of [value].flat()) url.searchParams.append(name, item);
  }
  return send(url, { method: "GET" }, patience);
}

// Return the reply to a command that is sent by POST.  The same `key` makes a retry safe.
export function change(command, fields, key = null, patience = PATIENCE) {
  const headers = { "Content-Type": "application/json" };
  if (key !== null) headers["Idempotency-Key"] = key;
  const url = address(command.replaceAll(" ", "/"));
  return send(url, { method: "POST", headers, body: JSON.stringify(fields) }, patience);
}

async function send(url, request, patience) {
  for (;;) {
    const used = token();
    const response = await attempt(url, request, used, patience);
    learn(response.headers.get("Date"));
    if (response.status === 401) {
      await renewed(used);
      continue;
    }
    return reply(response);
  }
}

async function attempt(url, request, used, patience) {
  const headers = { ...request.headers, Accept: "application/json" };
  if (used !== null) headers.Authorization = `Bearer ${used}`;
  try {
    const signal = AbortSignal.timeout(patience);
    return await fetch(url, { ...request, headers, signal, cache: "no-store", redirect: "error" });
  } catch (error) {
    throw new Unreachable(error.message);
  }
}

async function reply(response) {
  let body;
  try {
    body = await response.json();
  } catch (error) {
    if (response.ok) throw new Unreachable(error.message);
    body = {};
  }
  if (response.ok && body.ok !== false) return body;
  const { code = "", message = body.detail ?? body.title, rules = [] } = body.error ?? {};
  throw new Problem(
    response.status,
    code || (response.status === 504 ? "unknown-outcome" : ""),
    message ?? `the server answered with the status ${response.status}`,
    rules,
    Number(response.headers.get("Retry-After")) || null,
  );
}
