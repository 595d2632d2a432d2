"""Who may do what on the pages: each of these gives what it looked for, or raises."""

from __future__ import annotations

from lti.demo_lms.lms import Lms, Session
from lti.demo_lms.school import Course, Enrolment
from lti.demo_lms.web import Refused, Request


class SignInFirst(Exception):
    """Nobody is signed in in this browser; the argument is where they can."""


def signed_in(lms: Lms, request: Request) -> Session:
    """The session of the browser that asks. Raises `SignInFirst`."""
    session = lms.session_of(request)
    if session is None:
        here = f"{request.path}{'?' if request.query_string else ''}{request.query_string}"
        raise SignInFirst(lms.url("/login/index.php", wantsurl=here if request.method == "GET" else ""))
    return session


def posting(lms: Lms, request: Request) -> Session:
    """The session of a form that comes from one of our own pages."""
    session = signed_in(lms, request)
    if not session.has_key(request.form.get("sesskey", "")):
        raise Refused(403, "Your session has most likely timed out. Please try again.")
    return session


def administrator(lms: Lms, request: Request) -> Session:
    """The session of an administrator."""
    session = signed_in(lms, request)
    if not lms.person_of(session).is_administrator:
        raise Refused(403, "Only an administrator may do that.")
    return session


def posting_administrator(lms: Lms, request: Request) -> Session:
    """The session of an administrator who sends a form."""
    posting(lms, request)
    return administrator(lms, request)


def in_course(lms: Lms, request: Request, name: str = "id") -> tuple[Session, Course]:
    """The session, and the course that is asked for, of somebody who may enter it."""
    session = signed_in(lms, request)
    found = lms.course(request.given.get(name, ""))
    require_member(lms, session, found)
    return session, found


def posted_by_editor(lms: Lms, request: Request) -> tuple[Session, Course]:
    """The session and the course of somebody who sends a form to change it."""
    posting(lms, request)
    session, found = in_course(lms, request)
    require_editor(lms, session, found)
    return session, found


def placed(request: Request, course: Course) -> tuple[int, Enrolment]:
    """The person of the course that a form is about."""
    number = request.form.get("person", "")
    enrolment = course.people.get(int(number)) if number.isdecimal() else None
    if enrolment is None:
        raise Refused(404, "Nobody of that number is in this course.")
    return int(number), enrolment


def require_member(lms: Lms, session: Session, course: Course) -> None:
    """Raise `Refused` for whoever may not enter the course."""
    if not lms.may_enter(course, lms.person_of(session)):
        raise Refused(403, "You are not in this course.")


def require_editor(lms: Lms, session: Session, course: Course) -> None:
    """Raise `Refused` for whoever may not change the course."""
    if not lms.may_edit(course, lms.person_of(session)):
        raise Refused(403, "Only a teacher may do that.")
