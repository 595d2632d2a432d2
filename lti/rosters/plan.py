"""What the list of a course's people would do to its class. Pure: who is listed, and how everybody stands here.

It lets people in, has those come back whom it took out, and gives more to those to whom the platform gave less. It
takes out only whom the platform let in and lists no more; never those who teach or grade merely because they are not
listed, since some platforms leave such people out. What a teacher decided here stays.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import models
from django.utils.translation import gettext_lazy as _

from classes.models import Role
from lti.rosters.pages import Listed

MOST_GONE = 0.3
"""What part of those who are in the class from the platform may go without anybody being asked."""
_RANK = {Role.STUDENT: 0, Role.GRADER: 1, Role.TEACHER: 2}


class Outcome(models.TextChoices):
    """What the list does to somebody."""

    COMES = "comes", _("Comes into the class")
    RETURNS = "returns", _("Comes back")
    RISES = "rises", _("Gets another role")
    GOES = "goes", _("Leaves the class")
    KEPT = "kept", _("Stays, although not on the list")
    APART = "apart", _("Stays out, although on the list")
    STAYS = "stays", _("Stays as it is")


DOING = (Outcome.COMES, Outcome.RETURNS, Outcome.RISES, Outcome.GOES)

WHY = {
    "put_out": _("A teacher has taken them out of the class."),
    "left": _("They left by themselves. They come back when they open the class from the course."),
    "closed": _("Their account here is closed."),
    "administrator": _("They run this Carrel, and are in classes by their own doing."),
    "no_role": _("The learning platform does not say what they are in the course."),
    "staff": _("Whoever teaches or grades is taken out by a teacher only."),
    "last_teacher": _("The class would be left without a teacher."),
    "just_came": _("They came from the course after the list was read."),
    "elsewhere": _("They are in another course that is this class too."),
    "role_given_here": _("They were given their role here."),
}


@dataclass(frozen=True, slots=True)
class Known:
    """Somebody of the platform who has an account here, and how they stand in the class."""

    sub: str
    person: str
    name: str = ""
    seen_at: datetime | None = None
    """When they last came from the platform."""
    is_closed: bool = False
    is_administrator: bool = False
    given: Role | None = None
    """What the platform last gave them in this course."""
    is_missing: bool = False
    """Whether the platform lists them in this course no more."""
    was_taken_out: bool = False
    """Whether that, here or for another course that is the class, is why they are not in it."""
    is_elsewhere: bool = False
    """Whether they are listed in another course that is the same class."""
    role: Role | None = None
    """What they are, or were, in the class; None if they never were in it."""
    is_present: bool = False
    was_removed: bool = False
    is_by_platform: bool = False
    """Whether the platform let them into the class."""

    @property
    def counts(self) -> bool:
        """Whether they are in the class, and this course of the platform is why."""
        return self.is_present and self.is_by_platform and self.given is not None and not self.is_missing


@dataclass(frozen=True, slots=True)
class Line:
    """What the list does to one person. `person` is the ID of their account; empty for whom one is made."""

    outcome: Outcome
    sub: str
    name: str
    person: str = ""
    role: str = ""
    was_role: str = ""
    why: str = ""
    given: str = ""
    """What is noted that the platform gives them; empty where that stays as it is noted."""

    @property
    def is_missing(self) -> bool:
        """Whether it is noted that the platform lists them no more."""
        return self.outcome == Outcome.GOES or self.why == "elsewhere"

    @property
    def why_words(self) -> str:
        """Why they stay, or stay out."""
        return str(WHY[self.why]) if self.why else ""

    @property
    def role_words(self) -> str:
        """What they are then."""
        return str(Role(self.role).label) if self.role else ""

    @property
    def was_role_words(self) -> str:
        """What they were before, where that is something else."""
        return str(Role(self.was_role).label) if self.was_role and self.was_role != self.role else ""

    @property
    def is_change(self) -> bool:
        """Whether anything happens."""
        return self.outcome in DOING


@dataclass(frozen=True, slots=True)
class Plan:
    """What a list does, person by person; of so many who are in the class from the platform."""

    lines: Sequence[Line]
    listed: int
    present: int

    @property
    def counts(self) -> Counter[Outcome]:
        """How many of each outcome."""
        return Counter(line.outcome for line in self.lines)

    @property
    def goes(self) -> int:
        """How many would be in the class no more."""
        return self.counts[Outcome.GOES]

    @property
    def is_held(self) -> bool:
        """Whether somebody has to say that it is right: a broken list looks like a course that everybody has left."""
        return self.present > 0 and (self.listed == 0 or self.goes > MOST_GONE * self.present)

    @property
    def changes(self) -> list[Line]:
        """Those to whom something happens."""
        return [line for line in self.lines if line.is_change]

    @property
    def fingerprint(self) -> str:
        """The same for two plans that do the same."""
        done = sorted((line.sub, line.outcome.value, line.role, line.person) for line in self.changes)
        return hashlib.sha256(json.dumps(done).encode()).hexdigest()


def plan_roster(listed: Sequence[Listed], known: Iterable[Known], *, teachers: int, read_at: datetime) -> Plan:
    """What a list that was read then does. `teachers` are in the class, by whatever way."""
    by_sub = {one.sub: one for one in known}
    there = {one.sub: one for one in listed if one.is_there}
    told_gone = {one.sub for one in listed if not one.is_there}
    accounts = {by_sub[sub].person for sub in there if sub in by_sub}
    lines = [_for_listed(one, by_sub.get(one.sub)) for one in there.values()]
    for one in by_sub.values():
        if one.counts and one.sub not in there and one.person not in accounts:
            line = _for_missing(one, is_told=one.sub in told_gone, teachers=teachers, read_at=read_at)
            teachers -= line.outcome == Outcome.GOES and one.role == Role.TEACHER
            lines.append(line)
    present = sum(one.counts for one in by_sub.values())
    order = list(Outcome)
    lines.sort(key=lambda line: (order.index(line.outcome), line.name.casefold(), line.sub))
    return Plan(lines, len(there), present)


def _for_listed(listed: Listed, known: Known | None) -> Line:
    role = listed.role
    if known is None:
        return _line(Outcome.COMES, listed, role, given=role) if role else _apart(listed, None, "no_role")
    if known.is_present:
        return _for_present(listed, known)
    why = _stays_out(known, role)
    if why:
        return _apart(listed, known, why)
    if known.role is None:
        return _line(Outcome.COMES, listed, role, known, given=role)
    if _is_more(role, than=known.role):
        return _line(Outcome.RETURNS, listed, role, known, given=role)
    return _line(Outcome.RETURNS, listed, known.role, known, given=known.given or role)


def _for_present(listed: Listed, known: Known) -> Line:
    """Of somebody who is there, and in the class. Nobody becomes less: some lists know fewer roles than launches."""
    role = listed.role
    may_rise = known.is_by_platform and known.given == known.role and not known.is_administrator
    if may_rise and _is_more(role, than=known.role):
        return _line(Outcome.RISES, listed, role, known, given=role)
    is_news = known.is_by_platform and role is not None and (known.given is None or known.is_missing)
    return _line(Outcome.STAYS, listed, known.role, known, given=(known.given or role) if is_news else None)


def _apart(listed: Listed, known: Known | None, why: str) -> Line:
    return _line(Outcome.APART, listed, listed.role, known, why=why)


def _stays_out(known: Known, role: Role | None) -> str:
    """Why somebody who is listed does not come; empty if they do."""
    why = {
        "closed": known.is_closed,
        "administrator": known.is_administrator,
        "put_out": known.was_removed,
        "left": known.role is not None and not known.was_taken_out,
        "no_role": role is None,
    }
    return next((code for code, holds in why.items() if holds), "")


def _for_missing(known: Known, *, is_told: bool, teachers: int, read_at: datetime) -> Line:
    """Of somebody who is not there; the platform says so where `is_told`, else it says nothing."""
    is_staff = known.role != Role.STUDENT
    why = {
        "administrator": known.is_administrator,
        "just_came": known.seen_at is not None and known.seen_at > read_at,
        "elsewhere": known.is_elsewhere,
        "role_given_here": known.given != known.role,
        "staff": is_staff and not is_told,
        "last_teacher": known.role == Role.TEACHER and teachers < 2,
    }
    code = next((code for code, holds in why.items() if holds), "")
    role, outcome = str(known.role or ""), Outcome.KEPT if code else Outcome.GOES
    return Line(outcome, known.sub, known.name, known.person, role, role, code, given=str(known.given or ""))


def _line(
    outcome: Outcome,
    listed: Listed,
    role: Role | None,
    known: Known | None = None,
    *,
    given: Role | None = None,
    why: str = "",
) -> Line:
    name, person = (known.name or listed.name, known.person) if known else (listed.name, "")
    was_role = known.role if known and known.is_present else None
    return Line(
        outcome, listed.sub, name, person, str(role or ""), str(was_role or ""), why=why, given=str(given or "")
    )


def _is_more(role: Role | None, *, than: Role | None) -> bool:
    return role is not None and (than is None or _RANK[role] > _RANK[than])
