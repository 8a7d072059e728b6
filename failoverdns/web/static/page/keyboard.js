// Keys that work everywhere: `/` goes to the search, `?` shows this list.
//
// Keys of lists and dialogs are in their own modules.  While a text is being typed, and together
// with a modifier, keys keep their ordinary meaning.

export const KEYS = [
  ["/", "go to the search"],
  ["↓", "from the search into the list"],
  ["↑ ↓ Home End", "move in the list of groups"],
  ["Enter", "open the group"],
  ["Space", "select the group"],
  ["S", "switch the group, or the selected ones"],
  ["Escape", "clear the search; close a dialog"],
  ["?", "show these keys"],
];

// Whether a key belongs to a field that takes text.
export function isTyping(event) {
  const { target } = event;
  return (
    target.isContentEditable ||
    target.matches?.("textarea, select, input:not([type=checkbox]):not([type=radio])")
  );
}

// Call `actions[key]` for keys that are pressed outside of text fields and dialogs.
export function listenToKeys(actions) {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.defaultPrevented) return;
    if (isTyping(event) || document.querySelector("dialog[open]")) return;
    const action = actions[event.key];
    if (action === undefined) return;
    event.preventDefault();
    action();
  });
}
