"""The pretend LMS itself: its address, clock, keys and knowledge, and who is signed in."""

from __future__ import annotations

import json
import os
import secrets
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from lti.demo_lms.keys import KeyRing
from lti.demo_lms.quirks import MOODLE, Quirks
from lti.demo_lms.school import TEACHER, Activity, Course, Enrolment, Person, School, Tool, demo_school
from lti.demo_lms.web import Refused, Request

COOKIE = "DemoLmsSession"
KEY_COOKIE = "DemoLmsKey"
TOKEN_SECONDS = 3600

T = TypeVar("T")


@dataclass
class Launch:
    """One click that the tool has yet to answer by asking who it is."""

    tool: int
    course: int
    activity: int | None = None
    person: int = 0
    new_window: bool = False


@dataclass
class Session:
    """A signed-in browser."""

    person: int
    sesskey: str = field(default_factory=lambda: secrets.token_urlsafe(8))
    launches: dict[str, Launch] = field(default_factory=dict)

    def has_key(self, sesskey: str) -> bool:
        """Whether this is the key of the session."""
        return secrets.compare_digest(self.sesskey.encode(), sesskey.encode())


@dataclass(frozen=True)
class AccessToken:
    """What a tool may do, and until when."""

    tool: int
    scopes: tuple[str, ...]
    ends_at: float


class Lms:
    """One LMS. What it knows changes under `lock`."""

    def __init__(
        self,
        base_url: str,
        *,
        school: School | None = None,
        quirks: Quirks = MOODLE,
        clock: Callable[[], float] = time.time,
        state_file: Path | None = None,
        entry_key: str = "",
        tool_origin: str = "",
    ) -> None:
        """Live at `base_url`, without a slash at its end; with a `state_file`, go on where it was left.

        With an `entry_key`, only browsers that have brought it can be anybody here; with a `tool_origin`, no tool but
        one of that origin is known, asked or led to.
        """
        self.base_url = base_url.rstrip("/")
        self.tool_origin = tool_origin
        self._entry_key = entry_key
        self.quirks = quirks
        self.clock = clock
        self.lock = threading.RLock()
        self.sessions: dict[str, Session] = {}
        self.tokens: dict[str, AccessToken] = {}
        self.spent_assertions: set[str] = set()
        self._state_file = state_file
        self._saved = ""
        kept: dict[str, Any] = {}
        if state_file is not None and state_file.exists():
            self._saved = state_file.read_text()
            kept = json.loads(self._saved)
        self.keys = KeyRing(kept.get("keys"))
        self.school = School.from_json(kept["school"]) if kept else school or demo_school()

    @property
    def issuer(self) -> str:
        """Its name towards tools."""
        return self.quirks.issuer or self.base_url

    @property
    def prefix(self) -> str:
        """The path it lives below."""
        return urlsplit(self.base_url).path

    @property
    def is_within_its_tool(self) -> bool:
        """Whether it is a part of the site that is its only tool; then no other site has any business with it."""
        parts = urlsplit(self.base_url)
        return self.tool_origin == f"{parts.scheme}://{parts.netloc}"

    def now(self) -> int:
        """Its clock, in whole seconds."""
        return int(self.clock())

    def url(self, path: str, **query: object) -> str:
        """The whole address of a path here."""
        asked = urlencode({name: value for name, value in query.items() if value is not None})
        return f"{self.base_url}{path}{'?' if asked else ''}{asked}"

    def save(self) -> None:
        """Keep what changed, when there is a file for it; nobody else may read it, for it holds the keys."""
        if self._state_file is None:
            return
        state = json.dumps({"keys": self.keys.saved(), "school": self.school.to_json()})
        if state == self._saved:
            return
        part = self._state_file.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as stream:
            stream.write(state)
        part.replace(self._state_file)
        self._saved = state

    # What misbehaviour changes

    def sign(self, claims: dict[str, Any]) -> str:
        """The ID token that says this."""
        return self.keys.sign(claims)

    def answer_of_launch(self, fields: dict[str, str], person: Person) -> dict[str, str]:
        """The fields with which the browser goes back to the tool."""
        return fields

    # Who is here

    def has_entry_key(self, given: str) -> bool:
        """Whether this opens the door, if there is one."""
        return not self._entry_key or secrets.compare_digest(self._entry_key.encode(), given.encode())

    def cookie(self, name: str, value: str) -> tuple[str, str]:
        """The header that has a browser keep this, for its pages and for as long as the browser is open."""
        attributes = f"Path={self.prefix}/; HttpOnly"
        attributes += "; Secure" if self.base_url.startswith("https:") else ""
        attributes += "; SameSite=Strict" if self.is_within_its_tool else ""
        return "set-cookie", f"{name}={value}; {attributes}"

    def sign_in(self, person: Person) -> str:
        """Open a session for somebody. Returns its cookie's value."""
        value = secrets.token_urlsafe(24)
        self.sessions[value] = Session(person.id)
        return value

    def session_of(self, request: Request) -> Session | None:
        """The session of the browser that asks, if it has one."""
        session = self.sessions.get(request.cookies.get(COOKIE, ""))
        return session if session is not None and session.person in self.school.people else None

    def session_with_key(self, sesskey: str) -> Session | None:
        """The session that a `sesskey` in an address belongs to: all that a post from another site carries."""
        return next((one for one in list(self.sessions.values()) if one.has_key(sesskey)), None)

    def person_of(self, session: Session) -> Person:
        """Who is signed in there."""
        return self.school.people[session.person]

    def sub(self, person: Person) -> str:
        """What tools know somebody by."""
        return person.sub or self.quirks.identifier("person", person.id)

    def person_with_sub(self, sub: object) -> Person | None:
        """Whom tools know by that, if anybody."""
        return next((one for one in self.school.people.values() if self.sub(one) == sub), None)

    # What there is

    def add_tool(self, client_id: str, name: str, **facts: Any) -> Tool:
        """Enter a tool; the deployment is named as this LMS names them."""
        tool = self.school.add_tool(client_id, name, **facts)
        tool.deployment = tool.deployment or self.quirks.identifier("deployment", tool.id)
        return tool

    def course(self, number: str) -> Course:
        """The course of that number. Raises `Refused`."""
        return _found(self.school.courses, number, "There is no such course.")

    def activity(self, number: str) -> Activity:
        """The activity of that number. Raises `Refused`."""
        return _found(self.school.activities, number, "There is no such activity.")

    def tool(self, number: str) -> Tool:
        """The tool of that number. Raises `Refused`."""
        return _found(self.school.tools, number, "There is no such tool.")

    def tool_of_client(self, client_id: object) -> Tool | None:
        """The tool that a client id means."""
        return next((one for one in self.school.tools.values() if one.client_id == client_id), None)

    def enrolment(self, course: Course, person: Person) -> Enrolment | None:
        """The person's place in the course; a suspended person has none."""
        enrolment = course.people.get(person.id)
        return None if enrolment is None or enrolment.is_suspended else enrolment

    def may_enter(self, course: Course, person: Person) -> bool:
        """Whether the course opens for somebody."""
        return person.is_administrator or self.enrolment(course, person) is not None

    def may_edit(self, course: Course, person: Person) -> bool:
        """Whether somebody may change the course."""
        enrolment = self.enrolment(course, person)
        return person.is_administrator or (enrolment is not None and enrolment.role == TEACHER)


def _found(things: dict[int, T], number: str, sentence: str) -> T:
    thing = things.get(int(number)) if number.isdecimal() else None
    if thing is None:
        raise Refused(404, sentence)
    return thing
