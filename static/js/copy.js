/** A button that copies the text of the element its `data-copy` selects. Hidden until it can work. */

import { attach } from "./attach.js";

attach("[data-copy]", (button) => {
  const label = button.querySelector("span") ?? button;
  const words = label.textContent;

  button.hidden = !navigator.clipboard;
  button.addEventListener("click", async () => {
    const source = document.querySelector(button.dataset.copy ?? "");
    await navigator.clipboard.writeText(source?.textContent?.trim() ?? "");
    label.textContent = button.dataset.copied ?? words;
    setTimeout(() => {
      label.textContent = words;
    }, 2000);
  });
});
