/** Sends a form as soon as its page is there: what a page elsewhere waits for. It has a button for where nothing runs. */

import { attach } from "./attach.js";

attach("form[data-send-at-once]", (form) => {
  if (form instanceof HTMLFormElement) {
    form.submit();
  }
});
