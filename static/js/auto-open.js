/** Opens a server as soon as its page says that it is ready, for somebody who came here by launching it. */

import { attach } from "./attach.js";

const TIME_TO_SAY_NO_MS = 1500;

attach("[data-auto-open]", (note) => {
  const stay = note.querySelector("[data-stay]");
  let timer = setTimeout(open, TIME_TO_SAY_NO_MS);

  function open() {
    // Coming back by the browser's button must not send the reader straight away again.
    history.replaceState(null, "", location.pathname);
    location.assign(note.dataset.autoOpen ?? "");
  }

  /** @param {KeyboardEvent} event */
  function wait(event) {
    clearTimeout(timer);
    if (event.key === "Escape" && stay instanceof HTMLElement) {
      stay.click();
    } else if (document.activeElement !== stay) {
      // Whoever presses keys is on the way to something, and not there as fast as by the mouse.
      timer = setTimeout(open, TIME_TO_SAY_NO_MS);
    }
  }

  stay?.addEventListener("click", () => clearTimeout(timer));
  stay?.addEventListener("focus", () => clearTimeout(timer));
  document.addEventListener("keydown", wait);
});
