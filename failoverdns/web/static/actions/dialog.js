// The dialog of an action: its fields, its dry run, and then the button.
//
// An action is an object:
//   name      of its draft, so that nothing that was typed is lost
//   title     of the dialog
//   values    what the fields begin with
//   fields    (values, preview) -> elements of the form
//   preview   async (values) -> {nodes, rules, blocked}: the dry run; `rules` refuse the action,
//             and `blocked` says why it cannot be done at all
//   verb      (values, preview) -> the text of the button
//   request   (values, preview) -> [command, fields]
//   done      (result, values) -> elements that say what was done
//   isDanger  whether the button is red
//
// The browser's own modal dialog keeps the focus inside, closes at Escape, and gives the focus
// back.

import { h, render } from "../page/dom.js";
import { icon } from "../page/icons.js";
import { say } from "../page/announce.js";
import { Problem, Unreachable } from "../server/api.js";
import { draft, dropDraft, keepDraft } from "../state/drafts.js";
import { attempt, newKey, StillUnknown } from "./attempt.js";

const TYPING = 250; // milliseconds without a key before the dry run is made again

// Open the dialog of an action.
export function openAction(action) {
  new ActionDialog(action).open();
}

class ActionDialog {
  constructor(action) {
    this.action = action;
    this.values = { reason: "", override: [], ...action.values, ...draft(action.name) };
    this.preview = null; // the last dry run
    this.isLooking = true;
    this.number = 0; // of the dry run that counts
    this.phase = "form"; // form, running, unknown, done
    this.fault = null; // an element about what went wrong
    this.key = newKey();
    this.sent = null; // what was sent with this key
  }

  open() {
    const { title } = this.action;
    this.form = h("form", { method: "dialog", class: "action" });
    this.dialog = h("dialog", { class: "dialog", "aria-labelledby": "dialog-title" }, this.form);
    this.opener = document.activeElement;
    document.body.append(this.dialog);
    this.form.addEventListener("submit", (event) => this.submit(event));
    this.form.addEventListener("input", (event) => this.input(event));
    this.form.addEventListener("click", (event) => this.click(event));
    this.form.addEventListener("keydown", (event) => {
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) this.form.requestSubmit();
    });
    this.dialog.addEventListener("close", () => this.close());
    this.draw();
    this.dialog.showModal();
    (this.form.querySelector("input:checked") ?? this.form.querySelector("input, textarea"))?.focus();
    say(title);
    this.look();
  }

  close() {
    this.number += 1;
    this.dialog.remove();
    const target = this.opener?.isConnected ? this.opener : document.getElementById("title");
    target?.focus();
  }

  // Make the dry run for what is in the form now.
  async look() {
    const number = (this.number += 1);
    this.isLooking = true;
    this.draw();
    try {
      const found = await this.action.preview(this.values);
      if (number !== this.number) return;
      this.preview = { rules: [], blocked: null, nodes: [], ...found };
      this.fault = null;
    } catch (error) {
      if (number !== this.number) return;
      this.preview = null;
      this.fault = faultOf(error, "The dry run failed");
    }
    this.isLooking = false;
    this.draw();
    const rules = this.preview?.rules.length;
    if (rules) say(`${rules} ${rules === 1 ? "rule refuses" : "rules refuse"} this`);
  }

  input(event) {
    const { name, type, value, checked } = event.target;
    if (name === "override") {
      const others = this.values.override.filter((rule) => rule !== value);
      this.values.override = checked ? [...others, value] : others;
    } else {
      this.values[name] = type === "checkbox" ? checked : value;
    }
    keepDraft(this.action.name, this.values);
    if (name === "reason") {
      this.draw();
      return;
    }
    clearTimeout(this.typing);
    this.isLooking = true;
    this.draw();
    this.typing = setTimeout(() => this.look(), TYPING);
  }

  click(event) {
    const what = event.target.closest("[data-dialog]")?.dataset.dialog;
    if (what === "close") this.dialog.close();
    else if (what === "again") {
      this.phase = "form";
      this.fault = null;
      this.look();
    } else if (what === "ask") this.send();
  }

  // Return why the button cannot be pressed, or null.
  obstacle() {
    if (this.isLooking) return "The dry run is being made.";
    if (this.preview === null) return "Without a dry run nothing is changed.";
    if (this.preview.blocked) return this.preview.blocked;
    const overridden = new Set(this.values.override);
    const left = this.preview.rules.filter(({ rule }) => !overridden.has(rule));
    if (left.length) return "Rules refuse it.";
    const needsReason = this.values.override.length > 0 || this.action.needsReason;
    if (needsReason && !this.values.reason.trim()) return "To override a rule, give a reason.";
    return null;
  }

  submit(event) {
    event.preventDefault();
    if (this.phase !== "form") return;
    if (this.obstacle() !== null) {
      this.form.querySelector("[name=reason]")?.focus();
      return;
    }
    const [command, fields] = this.action.request(this.values, this.preview);
    const reason = this.values.reason.trim();
    if (reason && !this.action.withoutReason) fields.reason = reason;
    const sent = JSON.stringify([command, fields]);
    if (this.sent !== null && this.sent !== sent) this.key = newKey();
    this.sent = sent;
    this.send();
  }

  async send() {
    const [command, fields] = JSON.parse(this.sent);
    this.phase = "running";
    this.fault = null;
    this.draw();
    const unknown = (why) => {
      this.phase = "unknown";
      this.fault = unknownOutcome(why, true);
      say("The outcome is unknown; asking again.", true);
      this.draw();
    };
    try {
      const { result } = await attempt(command, fields, this.key, unknown);
      dropDraft(this.action.name);
      this.phase = "done";
      this.fault = null;
      this.result = result;
      this.draw();
      this.form.querySelector("#dialog-done")?.focus();
    } catch (error) {
      if (error instanceof StillUnknown) {
        this.phase = "unknown";
        this.fault = unknownOutcome(error.message, false);
      } else {
        this.key = newKey();
        this.sent = null;
        this.phase = "form";
        this.fault = faultOf(error, "Nothing was changed");
        if (error.code === "refused") this.preview = { ...this.preview, rules: error.rules };
        say(this.fault.textContent, true);
      }
      this.draw();
    }
  }

  draw() {
    const { action, values, preview, phase } = this;
    const isDone = phase === "done";
    this.form.dataset.phase = phase;
    render(
      this.form,
      h(
        "header",
        {},
        h("h2", { id: "dialog-title" }, action.title),
        h(
          "button",
          { type: "button", class: "plain", "data-dialog": "close", "aria-label": "Close" },
          icon("close"),
        ),
      ),
      h(
        "div",
        { class: "body" },
        isDone
          ? h(
              "div",
              { id: "dialog-done", class: "outcome good", tabindex: "-1", role: "status" },
              icon("up"),
              h("div", {}, action.done(this.result, values)),
            )
          : [
              h(
                "fieldset",
                { class: "inputs", disabled: phase !== "form" },
                h("legend", { class: "unseen" }, action.title),
                action.fields?.(values, preview),
                action.withoutReason ? null : reasonField(values, action.needsReason),
              ),
              this.dryRun(),
            ],
        this.fault,
      ),
      h("footer", {}, this.buttons()),
    );
  }

  dryRun() {
    const { preview, isLooking, values } = this;
    return h(
      "section",
      { class: "preview", "aria-label": "Dry run", "aria-busy": String(isLooking) },
      h("h3", {}, "Dry run", isLooking ? h("span", { class: "dim" }, " …") : null),
      preview === null
        ? h("p", { class: "dim" }, isLooking ? "Asking the server what would change." : "No result.")
        : [
            preview.rules.length ? refusals(preview.rules, values, this.action) : null,
            preview.blocked ? h("p", { class: "blocked" }, icon("info"), preview.blocked) : null,
            h("div", { class: "changes" }, preview.nodes),
          ],
    );
  }

  buttons() {
    if (this.phase === "done") {
      return h(
        "button",
        { type: "button", class: "button strong", "data-dialog": "close" },
        "Close",
      );
    }
    const obstacle = this.obstacle();
    const { action, values, preview, phase } = this;
    const verb = preview ? action.verb(values, preview) : action.title;
    return [
      h("p", { id: "obstacle", class: "dim" }, phase === "form" ? obstacle : null),
      phase === "unknown"
        ? h("button", { type: "button", class: "button", "data-dialog": "ask" }, "Ask again")
        : null,
      this.isConflict()
        ? h("button", { type: "button", class: "button", "data-dialog": "again" }, "Look again")
        : null,
      h("button", { type: "button", class: "button", "data-dialog": "close" }, "Cancel"),
      h(
        "button",
        {
          type: "submit",
          class: `button strong${action.isDanger || values.override.length ? " danger" : ""}`,
          "aria-disabled": String(obstacle !== null || phase !== "form"),
          "aria-describedby": "obstacle",
        },
        phase === "running" ? "Working …" : verb,
      ),
    ];
  }

  isConflict() {
    return this.phase === "form" && this.fault?.dataset?.code === "conflict";
  }
}

function reasonField(values, isNeeded) {
  const must = isNeeded || values.override.length > 0;
  return h(
    "label",
    { class: "field" },
    h("span", {}, "Reason", h("span", { class: "dim" }, must ? " (needed)" : " (for the history)")),
    h("textarea", {
      name: "reason",
      rows: "2",
      maxlength: "1000",
      "aria-required": String(Boolean(must)),
      placeholder: "why, in a sentence that a colleague understands",
    }, values.reason),
  );
}

function refusals(rules, values, action) {
  const canOverride = action.canOverride !== false;
  const left = rules.filter(({ rule }) => !values.override.includes(rule));
  return h(
    "div",
    { class: left.length ? "refusals" : "refusals overridden" },
    left.length
      ? h("p", { class: "verdict" }, icon("down"), `Refused by ${count(left.length, "rule")}`)
      : h("p", { class: "verdict" }, icon("warning"), "You override what refuses it"),
    h(
      "ul",
      {},
      rules.map(({ rule, message }, index) =>
        h(
          "li",
          { "data-key": `${rule}-${index}` },
          h("p", {}, h("strong", {}, rule), ": ", message),
          canOverride && rules.findIndex((each) => each.rule === rule) === index
            ? h(
                "label",
                { class: "check" },
                h("input", {
                  type: "checkbox",
                  name: "override",
                  value: rule,
                  checked: values.override.includes(rule),
                }),
                `Override ${rule}, with a reason`,
              )
            : null,
        ),
      ),
    ),
  );
}

// Return "1 group", "3 groups"; a word with another plural is given with it.
export function count(number, word, plural = `${word}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? word : plural}`;
}

function faultOf(error, what) {
  if (error instanceof Unreachable) {
    return fault("unreachable", "The server cannot be reached", "Nothing that you typed is lost.");
  }
  if (error.code === "conflict" || error.status === 412) {
    return fault(
      "conflict",
      "Something changed since you looked",
      `${error.message}. Nothing was changed. Look again, and decide again.`,
    );
  }
  const wait = error.retryAfter ? ` Try again in ${error.retryAfter} s.` : "";
  return fault(error.code ?? "", what, `${error.message}${wait}`);
}

function unknownOutcome(why, isAsking) {
  const next = isAsking
    ? "Asking again with the same key: it is not carried out twice."
    : "It may have been carried out. Ask again with the same key, or look into the history.";
  return fault("unknown-outcome", "The outcome is unknown", `${why}. ${next}`);
}

function fault(code, title, text) {
  return h(
    "div",
    { class: "outcome bad", "data-code": code, "data-key": "fault" },
    icon("warning"),
    h("div", {}, h("strong", {}, title), h("p", {}, text)),
  );
}
