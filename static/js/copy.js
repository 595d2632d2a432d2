/**
 * A button that copies the text of the element its `data-copy` selects. Hidden until it can work. Where the browser
 * refuses, the text is selected, so that it can be copied by hand.
 */

import { attach } from "./attach.js";

/** What a screen reader is told: it does not read a button again whose words change. */
const told = document.createElement("p");
told.className = "visually-hidden";
told.setAttribute("role", "status");
document.body.append(told);

attach("[data-copy]", (button) => {
  const label = button.querySelector("span") ?? button;
  const words = label.textContent;
  const copied = button.dataset.copied ?? words;

  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const source = document.querySelector(button.dataset.copy ?? "");
    try {
      await navigator.clipboard.writeText(source?.textContent?.trim() ?? "");
    } catch {
      getSelection()?.selectAllChildren(source ?? button);
      return;
    }
    label.textContent = told.textContent = copied;
    setTimeout(() => {
      label.textContent = words;
      told.textContent = "";
    }, 2000);
  });
});
