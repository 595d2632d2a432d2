"""The pretend LMS from a test's side: started as a process, ordered about, and walked through as by a browser.

with running_lms() as lms:
    tool = lms.do("register", name="carrel", initiate_login_uri=…, redirect_uris=[…], jwks_uri=…)
    activity = lms.do("activity", course=2, tool=tool["id"], title="Loops", maximum=10)
    login = lms.browser("ada").open(activity["id"])        # to be sent to the tool's login
    launch = lms.browser("ada").answer(where_the_tool_redirects_to)  # to be sent to the tool's launch
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx

from tests.stack import free_port, wait_until

STARTING_SECONDS = 30.0


@dataclass
class Sent:
    """What the browser sends to the tool next: a form that sent itself, or a redirect's parameters."""

    url: str
    fields: dict[str, str] = field(default_factory=dict)
    method: str = "POST"


class LmsProcess:
    """One running LMS."""

    def __init__(self, url: str, address: str = "") -> None:
        self.url = url
        self.address = address or url
        """What browsers call it, where that is another name of the same."""
        self.client = httpx.Client(base_url=url, timeout=30, trust_env=False)
        self._browsers: dict[str, Browser] = {}

    def do(self, command: str, **arguments: Any) -> Any:
        """Order something; see `tests.fakes.lms.commands`."""
        answer = self.client.post("/control", json={"do": command, **arguments})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def reset(self) -> None:
        """Be as on the first day, with all browsers signed out."""
        self.do("reset")
        self._browsers = {}

    def log(self, path: str = "", method: str = "") -> list[dict[str, Any]]:
        """The requests that came, for paths that contain this."""
        found = self.client.get("/log").json()
        return [one for one in found if path in one["path"] and method in ("", one["method"])]

    def browser(self, username: str) -> Browser:
        """The browser in which somebody is signed in; always the same for one name."""
        if username not in self._browsers:
            self._browsers[username] = Browser(self, self.do("person", username=username)["id"])
        return self._browsers[username]


class Browser:
    """Somebody's browser at the LMS, which stops before each step to the tool."""

    def __init__(self, lms: LmsProcess, person: int) -> None:
        self.client = httpx.Client(base_url=lms.url, timeout=30, trust_env=False)
        signed_in = self.client.post("/login/index.php", data={"person": str(person)})
        assert signed_in.status_code == 302, signed_in.text

    def open(self, activity: int, *, new_window: bool = False) -> Sent:
        """Click an activity: what starts the tool's login."""
        asked = {"id": str(activity)} | ({"window": "1"} if new_window else {})
        return sent(self.client.get("/mod/lti/launch.php", params=asked))

    def pick(self, course: int, tool: int) -> Sent:
        """Click "Add an activity": what starts the tool's login for its picker."""
        return sent(self.client.get("/mod/lti/contentitem.php", params={"course": course, "id": tool}))

    def answer(self, url: str) -> Sent:
        """Follow the tool's redirect to the LMS: the form with the launch."""
        return sent(self.client.get(url))

    def page(self, path: str, **asked: Any) -> str:
        """A page of the LMS."""
        return self.client.get(path, params=asked).text

    def send_form(self, path: str, form_action: str, **fields: Any) -> httpx.Response:
        """Send the form of a page whose action contains this, with these fields filled in."""
        forms = forms_of(self.client.get(path).text)
        form = next(one for one in forms if form_action in one.url and _fits(one, fields))
        return self.client.post(form.url, data=form.fields | {name: str(value) for name, value in fields.items()})


def sent(answer: httpx.Response) -> Sent:
    """Where an answer of the LMS sends the browser."""
    if answer.status_code == 302:
        parts = urlsplit(answer.headers["location"])
        return Sent(parts._replace(query="").geturl(), dict(parse_qsl(parts.query)), "GET")
    forms = forms_of(answer.text)
    assert answer.status_code == 200, answer.text
    assert forms, answer.text
    return forms[0]


def forms_of(text: str) -> list[Sent]:
    """The forms of a page, with what they would send."""
    reader = _Forms()
    reader.feed(text)
    return reader.found


@contextmanager
def running_lms(url: str = "") -> Iterator[LmsProcess]:
    """An LMS on a free port, ended afterwards. With a `url` such as `http://localhost`, known by that name."""
    port = free_port()
    address = f"{url or 'http://127.0.0.1'}:{port}"
    command = [sys.executable, "-m", "tests.fakes.lms", "--port", str(port), "--url", address]
    with subprocess.Popen(command, stdin=subprocess.DEVNULL) as process:
        try:
            lms = LmsProcess(f"http://127.0.0.1:{port}", address)
            wait_until(lambda: _answers(lms) or process.poll() is not None, seconds=STARTING_SECONDS, why="the LMS")
            assert process.poll() is None, f"the LMS ended with {process.returncode}"
            yield lms
        finally:
            process.terminate()
            process.wait(10)


def _answers(lms: LmsProcess) -> bool:
    try:
        return lms.client.get("/log").status_code == 200
    except httpx.TransportError:
        return False


def _fits(form: Sent, fields: dict[str, Any]) -> bool:
    """Whether what is hidden in the form is not against what is to be filled in."""
    return all(form.fields.get(name, "") in ("", str(value)) for name, value in fields.items())


class _Forms(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[Sent] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attributes}
        if tag == "form":
            self.found.append(Sent(given.get("action", ""), {}, given.get("method", "get").upper()))
        elif tag == "input" and self.found and "name" in given:
            self.found[-1].fields[given["name"]] = given.get("value", "")
