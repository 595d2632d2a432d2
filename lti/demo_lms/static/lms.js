// The few things that happen by themselves on the pages of the pretend LMS.

for (const form of document.querySelectorAll("form[data-send-at-once]")) form.submit();

// The last page of a picker lies in a frame or a window of its own: show the course where the person was.
for (const done of document.querySelectorAll("[data-show]")) {
  const address = done.getAttribute("href");
  if (window.opener) {
    window.opener.location.href = address;
    window.close();
  } else {
    window.top.location.href = address;
  }
}

// The frame of a registration is there once there is something to see in it.
for (const form of document.querySelectorAll("form[target=registration]")) {
  form.addEventListener("submit", () => {
    document.querySelector("iframe[name=registration]").hidden = false;
  });
}

// A tool that has registered itself says so, in a frame or in a window, and is listed then.
window.addEventListener("message", (event) => {
  const said = event.data;
  if (said?.subject === "org.imsglobal.lti.close" && document.querySelector("[data-registering]")) {
    window.location.href = document.querySelector("[data-registering]").dataset.registering;
  }
});
