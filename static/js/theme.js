/** Changes light and dark in place; without it the same form does so by loading the page again. */

import { attach } from "./attach.js";

attach("[data-theme-choice]", (form) => {
  form.addEventListener("submit", async (event) => {
    const button = event.submitter;
    if (!(form instanceof HTMLFormElement) || !(button instanceof HTMLButtonElement)) {
      return;
    }
    event.preventDefault();
    const choice = new FormData(form);
    choice.set(button.name, button.value);
    document.documentElement.dataset.bsTheme = button.value;
    for (const other of form.querySelectorAll("button")) {
      other.setAttribute("aria-pressed", String(other === button));
    }
    await fetch(form.action, { method: "POST", body: choice, redirect: "manual" });
  });
});
