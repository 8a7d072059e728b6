// Signing in: the page without a token, and the dialog when the server refuses the one there is.
//
// The dialog lies over what is open, so nothing that was typed there is lost; what was asked for
// goes on with the new token.

import { h } from "../page/dom.js";
import { icon } from "../page/icons.js";
import { say } from "../page/announce.js";
import { signIn, token } from "../server/session.js";

// Show the dialog, unless it is open.
export function askForToken() {
  if (document.getElementById("sign-in")) return;
  const wasSignedIn = token() !== null;
  const opener = document.activeElement;
  const form = signInForm(wasSignedIn);
  const dialog = h("dialog", { id: "sign-in", class: "dialog sign-in", "aria-labelledby": "sign-in-title" }, form);
  document.body.append(dialog);
  dialog.addEventListener("cancel", (event) => event.preventDefault());
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const field = form.querySelector("input");
    if (!field.value.trim()) {
      field.focus();
      return;
    }
    const text = field.value;
    dialog.close();
    dialog.remove();
    if (opener?.isConnected) opener.focus();
    signIn(text);
  });
  dialog.showModal();
  form.querySelector("input").focus();
  say(wasSignedIn ? "The server does not accept the token any more" : "Sign in with a token");
}

function signInForm(wasSignedIn) {
  return h(
    "form",
    { method: "dialog", class: "action", autocomplete: "off" },
    h("header", {}, h("h1", { id: "sign-in-title" }, "Sign in")),
    h(
      "div",
      { class: "body" },
      wasSignedIn
        ? h("div", { class: "outcome bad" }, icon("warning"),
            h("p", {}, "The server does not accept this token: it is wrong, removed or expired."))
        : null,
      h(
        "label",
        { class: "field" },
        h("span", {}, "Token"),
        h("input", {
          type: "password",
          name: "token",
          autocomplete: "off",
          spellcheck: "false",
          placeholder: "fdns_…",
          "aria-describedby": "sign-in-help",
        }),
      ),
      h(
        "div",
        { id: "sign-in-help", class: "help" },
        h("p", {}, "Make a token on the machine of the server:"),
        h("pre", {}, "failoverdns token add alice --role operator"),
        h("p", {}, "With the role ", h("code", {}, "viewer"), ", it only reads. The token stays in this tab and is gone with it."),
      ),
    ),
    h("footer", {}, h("button", { type: "submit", class: "button strong" }, "Sign in")),
  );
}
