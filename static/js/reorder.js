/**
 * Rows of a list that are dragged by a handle, or moved by the arrow keys once it was pressed. Where a row was put
 * down is sent by its own form, as the row it stands in front of; the arrows in the row do the same without this.
 */

import { attach } from "./attach.js";

attach("[data-reorder-handle]", (handle) => {
  const row = /** @type {HTMLElement} */ (handle.closest("[data-reorder-row]"));
  const list = /** @type {HTMLElement} */ (handle.closest("[data-reorder]"));
  /** @type {Element | null} What it stood in front of when it was picked up. */
  let home = null;
  let isMoving = false;

  /** @param {string} words */
  function say(words) {
    const place = list.parentElement?.querySelector("[data-reorder-said]");
    if (place) {
      place.textContent = words;
    }
  }

  function pickUp() {
    home = row.nextElementSibling;
    isMoving = true;
    row.classList.add("plan-moving");
    handle.setAttribute("aria-pressed", "true");
  }

  function letGo() {
    isMoving = false;
    row.classList.remove("plan-moving");
    handle.removeAttribute("aria-pressed");
  }

  function putBack() {
    list.insertBefore(row, home);
    letGo();
    say(list.dataset.wordsBack ?? "");
  }

  function putDown() {
    const form = row.querySelector("[data-reorder-form]");
    const next = row.nextElementSibling;
    letGo();
    if (next === home || !(form instanceof HTMLFormElement)) {
      return;
    }
    const before = form.elements.namedItem("before");
    if (before instanceof HTMLInputElement) {
      before.value = next instanceof HTMLElement ? (next.dataset.reorderRow ?? "") : "";
      form.requestSubmit();
    }
  }

  /** @param {number} y */
  function follow(y) {
    for (const other of list.children) {
      if (other === row) {
        continue;
      }
      const { top, height } = other.getBoundingClientRect();
      if (y < top + height / 2) {
        if (row.nextElementSibling !== other) {
          list.insertBefore(row, other);
        }
        return;
      }
    }
    list.append(row);
  }

  /** @param {Element | null | undefined} before */
  function step(before) {
    if (before !== undefined) {
      list.insertBefore(row, before);
      handle.focus();
      const number = [...list.children].indexOf(row) + 1;
      say(`${list.dataset.wordsPlace ?? ""} ${number}`);
    }
  }

  handle.hidden = false;

  handle.addEventListener("pointerdown", (event) => {
    if (event.button !== 0 || isMoving) {
      return;
    }
    event.preventDefault();
    handle.focus();
    pickUp();
    // At the window: an element that is moved in the page loses the pointer.
    const end = new AbortController();
    /** @param {() => void} finish */
    const finishBy = (finish) => () => {
      end.abort();
      if (isMoving) {
        finish();
      }
    };
    window.addEventListener("pointermove", (moved) => follow(moved.clientY), { signal: end.signal });
    window.addEventListener("pointerup", finishBy(putDown), { signal: end.signal });
    window.addEventListener("pointercancel", finishBy(putBack), { signal: end.signal });
  });

  handle.addEventListener("keydown", (event) => {
    if (event.key === "Enter" || event.key === " ") {
      event.preventDefault();
      if (isMoving) {
        putDown();
      } else {
        pickUp();
        say(list.dataset.wordsPicked ?? "");
      }
    } else if (isMoving && event.key === "Escape") {
      putBack();
    } else if (isMoving && event.key === "ArrowUp") {
      event.preventDefault();
      step(row.previousElementSibling ?? undefined);
    } else if (isMoving && event.key === "ArrowDown") {
      event.preventDefault();
      step(row.nextElementSibling ? row.nextElementSibling.nextElementSibling : undefined);
    }
  });
});
