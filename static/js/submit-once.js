/** Keeps an impatient second click from sending a form twice, and says that the first one is being worked on. */

import { attach } from "./attach.js";

attach("form[data-submit-once]", (form) => {
  const button = form.querySelector("button[type=submit]");
  const label = button?.querySelector("[data-busy]");
  const words = label?.textContent ?? "";

  form.addEventListener("submit", (event) => {
    if (button?.getAttribute("aria-busy") === "true") {
      event.preventDefault();
      return;
    }
    button?.setAttribute("aria-busy", "true");
    if (label instanceof HTMLElement) {
      label.textContent = label.dataset.busy ?? words;
    }
  });

  // A page that comes back from the browser's memory has not been sent.
  window.addEventListener("pageshow", () => {
    button?.removeAttribute("aria-busy");
    if (label) {
      label.textContent = words;
    }
  });
});
