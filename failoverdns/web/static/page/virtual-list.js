// A list whose visible rows alone are in the document, so that 10,000 rows scroll as 20 do.
//
// The window scrolls.  All rows have the height that the style sheet gives to `--row`.  One row can
// have the focus, which the arrow keys, Home, End and the page keys move; it stays in the document
// while it is out of sight.

import { h, render } from "./dom.js";

const MARGIN = 8; // rows above and below what is visible

export class VirtualList {
  // `container` gets the rows; `row(item, index)` returns the element of one, with a `data-key`.
  constructor(container, row) {
    this.container = container;
    this.row = row;
    this.items = [];
    this.at = 0; // the row that has, or would get, the focus
    this.inner = h("div", { class: "rows", role: "rowgroup" });
    container.append(this.inner);
    this.scrolled = () => this.schedule();
    addEventListener("scroll", this.scrolled, { passive: true });
    addEventListener("resize", this.scrolled);
    this.inner.addEventListener("keydown", (event) => this.key(event));
    this.inner.addEventListener("focusin", (event) => this.focused(event));
  }

  // Forget the listeners of the window.
  end() {
    removeEventListener("scroll", this.scrolled);
    removeEventListener("resize", this.scrolled);
  }

  // Show other items; the focus stays on the item that has it.
  show(items) {
    const key = this.items[this.at]?.name;
    this.items = items;
    const same = items.findIndex(({ name }) => name === key);
    this.at = same >= 0 ? same : Math.min(this.at, Math.max(0, items.length - 1));
    this.draw();
  }

  schedule() {
    if (this.frame) return;
    this.frame = requestAnimationFrame(() => {
      this.frame = null;
      this.draw();
    });
  }

  height() {
    return parseFloat(getComputedStyle(this.container).getPropertyValue("--row")) || 48;
  }

  draw() {
    if (!this.container.isConnected) return;
    const height = this.height();
    const top = -this.inner.getBoundingClientRect().top;
    const first = Math.max(0, Math.floor(top / height) - MARGIN);
    const last = Math.min(
      this.items.length,
      Math.ceil((top + innerHeight) / height) + MARGIN,
    );
    const indexes = new Set();
    for (let index = first; index < last; index += 1) indexes.add(index);
    if (this.items.length) indexes.add(Math.min(this.at, this.items.length - 1));
    const sorted = [...indexes].sort((a, b) => a - b);
    render(
      this.inner,
      sorted.map((index) => {
        const element = this.row(this.items[index], index);
        element.tabIndex = index === this.at ? 0 : -1;
        element.setAttribute("aria-rowindex", String(index + 2));
        element.dataset.index = String(index);
        return element;
      }),
    );
    for (const element of this.inner.children) {
      element.style.transform = `translateY(${Number(element.dataset.index) * height}px)`;
    }
    this.inner.style.height = `${this.items.length * height}px`;
  }

  focused(event) {
    const row = event.target.closest("[data-index]");
    if (row === null) return;
    const index = Number(row.dataset.index);
    if (index === this.at) return;
    this.at = index;
    for (const element of this.inner.children) element.tabIndex = element === row ? 0 : -1;
  }

  // Move the focus to a row.
  focus(index = this.at) {
    if (!this.items.length) return;
    this.at = Math.max(0, Math.min(index, this.items.length - 1));
    this.draw();
    const row = this.inner.querySelector(`[data-index="${this.at}"]`);
    row.focus({ preventScroll: true });
    row.scrollIntoView({ block: "nearest" });
    this.draw();
  }

  key(event) {
    if (event.altKey || event.ctrlKey || event.metaKey) return;
    const page = Math.max(1, Math.floor(innerHeight / this.height()) - 3);
    const moves = {
      ArrowDown: this.at + 1,
      ArrowUp: this.at - 1,
      PageDown: this.at + page,
      PageUp: this.at - page,
      Home: 0,
      End: this.items.length - 1,
    };
    if (!(event.key in moves)) return;
    event.preventDefault();
    if (event.key === "ArrowUp" && this.at === 0) {
      document.getElementById("search")?.focus();
      return;
    }
    this.focus(moves[event.key]);
  }
}
