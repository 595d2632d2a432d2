/** Opens a server as soon as its page says that it is ready, for somebody who came here by launching it. */

import { attach } from "./attach.js";

const TIME_TO_SAY_NO_MS = 1500;

attach("[data-auto-open]", (note) => {
  const timer = setTimeout(() => {
    // Coming back by the browser's button must not send the reader straight away again.
    history.replaceState(null, "", location.pathname);
    location.assign(note.dataset.autoOpen ?? "");
  }, TIME_TO_SAY_NO_MS);

  note.querySelector("[data-stay]")?.addEventListener("click", () => clearTimeout(timer));
});
