// What was typed into a dialog and not sent yet, kept in this tab until it is sent.

const PREFIX = "failoverdns-draft ";

// Return the values that were typed into the dialog called `name`.
export function draft(name) {
  try {
    return JSON.parse(sessionStorage.getItem(PREFIX + name)) ?? {};
  } catch {
    return {};
  }
}

// Keep values; sessionStorage may be full, and then they last as long as the page.
export function keepDraft(name, values) {
  try {
    sessionStorage.setItem(PREFIX + name, JSON.stringify(values));
  } catch {
    // nothing can be done about it
  }
}

// Forget the values, because they were sent.
export function dropDraft(name) {
  sessionStorage.removeItem(PREFIX + name);
}
