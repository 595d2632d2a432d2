"""What `POST /control` can order. Each command is a function of the application; its name is what `do` says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, TypeVar

from lti.demo_lms import claims, registration, scopes
from lti.demo_lms.keys import KeyRing
from lti.demo_lms.quirks import MOODLE
from lti.demo_lms.school import STUDENT, Column, Course, Enrolment, Person, Result, Tool, demo_school
from tests.fakes.lms.misbehaviour import FalseAnswer, FalseLaunch, MisbehavingApp
from tests.fakes.lms.profiles import PROFILES

Command = Callable[..., Any]
COMMANDS: dict[str, Command] = {}
C = TypeVar("C", bound=Command)


def command(function: C) -> C:
    """Make a function something that can be ordered."""
    COMMANDS[function.__name__] = function
    return function


def obey(app: MisbehavingApp, said: dict[str, Any]) -> Any:
    """Do what a command says. Raises KeyError, TypeError or ValueError for one that makes no sense."""
    return COMMANDS[said["do"]](app, **{name: value for name, value in said.items() if name != "do"})


# How it behaves


@command
def reset(app: MisbehavingApp, keys: bool = False) -> None:
    """Be as on the first day; the keys stay unless said."""
    lms = app.misbehaving
    lms.school, lms.quirks = demo_school(), MOODLE
    lms.sessions, lms.tokens, lms.spent_assertions = {}, {}, set()
    lms.skew, lms.frozen, lms.launch, lms.last_token = 0.0, None, FalseLaunch(times=0), ""
    app.answers, app.log, app.next_link, app.pages_given = [], [], "", 0
    if keys:
        lms.keys = KeyRing()


@command
def profile(app: MisbehavingApp, name: str) -> None:
    """Be another LMS: `moodle`, `canvas`, `blackboard`, `d2l` or `openedx`. Before tools are registered."""
    app.lms.quirks = PROFILES[name]


@command
def quirk(app: MisbehavingApp, **changed: Any) -> None:
    """Differ in these single quirks, such as `issuer` or `page_size`."""
    app.lms.quirks = replace(app.lms.quirks, **changed)


@command
def clock(app: MisbehavingApp, skew: float = 0.0, now: float | None = None) -> None:
    """Go wrong by so many seconds, or stand still at a moment."""
    app.misbehaving.skew, app.misbehaving.frozen = skew, now


@command
def rotate_keys(app: MisbehavingApp, keep_old: bool = False) -> str:
    """Sign with a new key from now on. Returns its id."""
    app.lms.keys.rotate(keep_old=keep_old)
    return app.lms.keys.key_id


@command
def launch(app: MisbehavingApp, **facts: Any) -> None:
    """Make the next launches false: the members of `FalseLaunch`."""
    app.misbehaving.launch = FalseLaunch(**facts)


@command
def answer(app: MisbehavingApp, **facts: Any) -> None:
    """Answer a path falsely: the members of `FalseAnswer`. The first that fits is taken."""
    app.answers.append(FalseAnswer(**facts))


@command
def truth(app: MisbehavingApp) -> None:
    """Be honest again, everywhere."""
    app.answers, app.next_link, app.misbehaving.launch = [], "", FalseLaunch(times=0)


@command
def next_link(app: MisbehavingApp, url: str) -> None:
    """Say that the roster goes on there, on every page; `{n}` counts them."""
    app.next_link, app.pages_given = url, 0


@command
def forget_tokens(app: MisbehavingApp) -> None:
    """Take back every access token."""
    app.lms.tokens = {}


@command
def clear_log(app: MisbehavingApp) -> None:
    """Forget the requests so far."""
    app.log = []


# What it knows


@command
def state(app: MisbehavingApp) -> dict[str, Any]:
    """Everything it knows."""
    return app.lms.school.to_json()


@command
def register(app: MisbehavingApp, name: str, **facts: Any) -> dict[str, Any]:
    """Enter a tool by hand, active, with every scope and claim unless said. Returns it.

    `public_keys` may be given in place of `jwks_uri`, as Moodle allows.
    """
    given: dict[str, Any] = {"scopes": list(scopes.ALL), "claims": list(registration.IDENTITY), "is_active": True}
    given["messages"] = [{"type": "LtiDeepLinkingRequest", "target_link_uri": facts.get("target_link_uri", "")}]
    given |= facts
    return asdict(app.lms.add_tool(given.pop("client_id", name), name, **given))


@command
def tool(app: MisbehavingApp, id: int, **facts: Any) -> dict[str, Any]:
    """Change a tool: `is_active`, `is_unreachable`, `deployment`, `scopes` and so on. Returns it."""
    return _changed(app.lms.school.tools[id], facts)


@command
def delete_tool(app: MisbehavingApp, id: int) -> None:
    """Delete a tool, its activities and its columns."""
    app.lms.school.remove_tool(app.lms.school.tools[id])


@command
def person(app: MisbehavingApp, username: str, **facts: Any) -> dict[str, Any]:
    """Make somebody, or change them. Returns them with their `sub`."""
    known = next((one for one in app.lms.school.people.values() if one.username == username), None)
    found = known or app.lms.school.add_person(username)
    _changed(found, facts)
    return asdict(found) | {"sub": app.lms.sub(found)}


@command
def enrol(app: MisbehavingApp, course: int, username: str, **facts: Any) -> None:
    """Put somebody into a course: `role`, `is_suspended`, `is_gradable`."""
    place = app.lms.school.courses[course].people.setdefault(_person(app, username).id, Enrolment())
    _changed(place, facts)


@command
def unenrol(app: MisbehavingApp, course: int, username: str) -> None:
    """Take somebody out of a course."""
    del app.lms.school.courses[course].people[_person(app, username).id]


@command
def students(app: MisbehavingApp, course: int, count: int) -> list[str]:
    """Enrol so many new students. Returns what tools know them by."""
    made = []
    for _ in range(count):
        number = app.lms.school.next_id("student") - 1
        facts = {"given_name": f"Student {number}", "family_name": "Testperson"}
        new = app.lms.school.add_person(f"student{number}", email=f"student{number}@lms.example", **facts)
        app.lms.school.courses[course].people[new.id] = Enrolment(STUDENT)
        made.append(app.lms.sub(new))
    return made


@command
def course(app: MisbehavingApp, label: str, title: str) -> dict[str, Any]:
    """Make an empty course."""
    return asdict(app.lms.school.add_course(label, title))


@command
def copy_course(app: MisbehavingApp, course: int) -> dict[str, Any]:
    """Copy a course. Returns the copy and its activities."""
    copy = app.lms.school.copy_course(app.lms.school.courses[course])
    return asdict(copy) | {"activities": [asdict(one) for one in app.lms.school.activities_of(copy)]}


@command
def activity(
    app: MisbehavingApp, course: int, tool: int, title: str, maximum: float | None = None, **facts: Any
) -> dict[str, Any]:
    """Put a link into a course without any picking; with a column if there is a `maximum`. Returns it."""
    found, owner = app.lms.school.courses[course], app.lms.school.tools[tool]
    named = {name: facts.pop(name) for name in ("resource_id", "tag") if name in facts}
    made = app.lms.school.add_activity(found, owner, title, **facts)
    url = ""
    if maximum is not None:
        column = app.lms.school.add_column(found, owner, title, maximum, **named, activity=made.id)
        url = scopes.line_item_url(app.lms, column)
    return asdict(made) | {"line_item": url, "link_id": app.lms.quirks.identifier("activity", made.id)}


@command
def delete_activity(app: MisbehavingApp, id: int) -> None:
    """Delete an activity with its column."""
    school = app.lms.school
    del school.activities[id]
    school.columns = {number: one for number, one in school.columns.items() if one.activity != id}


@command
def lock(app: MisbehavingApp, column: int, username: str = "", locked: bool = True) -> None:
    """Lock a column, or one person's grade in it."""
    found = app.lms.school.columns[column]
    if username:
        _result(app, found, username).is_locked = locked
    else:
        found.is_locked = locked


@command
def override(app: MisbehavingApp, column: int, username: str, grade: float | None) -> None:
    """Let the teacher set a grade in the gradebook, or take it back."""
    result = _result(app, app.lms.school.columns[column], username)
    result.override, result.changed_at = grade, app.lms.now()


@command
def grades(app: MisbehavingApp, course: int) -> list[dict[str, Any]]:
    """The gradebook of a course: the columns, and by username what each shows, what the tool sent, and the comment."""
    return [_told(app, one) for one in app.lms.school.columns_of(app.lms.school.courses[course])]


@command
def id_token(app: MisbehavingApp, username: str, activity: int, nonce: str = "n", **changed: Any) -> str:
    """A token as a launch would carry it, without a browser; falsified if launches are."""
    found = app.lms.school.activities[activity]
    owner: Tool = app.lms.school.tools[found.tool]
    said = claims.resource_link(app.lms, owner, found, _person(app, username), "sesskey", new_window=True)
    return app.lms.sign(said | {"nonce": nonce} | changed)


def _told(app: MisbehavingApp, column: Column) -> dict[str, Any]:
    people = app.lms.school.people
    shown = {people[number].username: one.shown for number, one in column.results.items()}
    sent = {people[number].username: one.raw for number, one in column.results.items()}
    comments = {people[number].username: one.comment for number, one in column.results.items()}
    kept = {name: value for name, value in asdict(column).items() if name != "results"}
    return kept | {"url": scopes.line_item_url(app.lms, column), "shown": shown, "sent": sent, "comments": comments}


def _person(app: MisbehavingApp, username: str) -> Person:
    return next(one for one in app.lms.school.people.values() if one.username == username)


def _result(app: MisbehavingApp, column: Column, username: str) -> Result:
    return column.results.setdefault(_person(app, username).id, Result())


def _changed(thing: Tool | Person | Enrolment | Course, facts: dict[str, Any]) -> dict[str, Any]:
    for name, value in facts.items():
        if not hasattr(thing, name):
            raise ValueError(f"{type(thing).__name__} has no {name}")
        setattr(thing, name, value)
    return asdict(thing)
