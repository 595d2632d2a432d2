"""What putting two accounts together would do, in words, before anything is done."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from accounts.models import ApiToken, User
from accounts.ways import has_password
from assignments.models import Assignment, Submission
from classes.members import united_role
from classes.models import Membership
from environments.models import GitCredential
from lti.merging.accounts import has_two_homes, renamed
from lti.merging.classes import pairs
from lti.models import LtiPerson

SHOWN = 20
"""Of one kind; the others are counted."""

Twice = list[tuple[Membership, Membership]]


@dataclass(frozen=True, slots=True)
class Preview:
    """Sentences: what comes along, what both have and how that is settled, and what does not come along."""

    comes: list[str]
    settled: list[str]
    stays: list[str]


def preview(former: User, kept: User) -> Preview:
    """What `merge` would do now; in as many queries for much as for little."""
    found = list(pairs(former, kept))
    twice = [(one, other) for one, other in found if other is not None]
    settled = [*_classes_twice(twice), *_assignments_twice(twice), *_servers_twice(former, kept)]
    if has_two_homes(former, kept):
        words = _(
            "The personal files of “{former}” become shared files that only “{kept}” has. "
            "Assignments in them have to be fetched again."
        )
        settled.append(words.format(former=former.username, kept=kept.username))
    return Preview(list(_comes(former, len(found) - len(twice))), settled, list(_stays(former)))


def _comes(former: User, classes: int) -> Iterator[str]:
    platforms = LtiPerson.objects.filter(user=former).select_related("platform")
    for person in platforms:
        yield _("The way in from {platform}").format(platform=person.platform.name)
    submissions = Submission.objects.filter(membership__person=former).count()
    servers, shared = former.servers.present().count(), former.shared_volumes.present().count()
    environments, owned = former.environments.count(), former.owned_courses.count()
    counted = [
        (
            classes,
            ngettext(
                "{count} class, with all that was done in it",
                "{count} classes, with all that was done in them",
                classes,
            ),
        ),
        (
            submissions,
            ngettext("{count} submission, with its points", "{count} submissions, with their points", submissions),
        ),
        (servers, ngettext("{count} server, with its files", "{count} servers, with their files", servers)),
        (shared, ngettext("{count} folder of shared files", "{count} folders of shared files", shared)),
        (environments, ngettext("{count} environment", "{count} environments", environments)),
        (owned, ngettext("answering for {count} class", "answering for {count} classes", owned)),
    ]
    yield from (words.format(count=count) for count, words in counted if count)


def _classes_twice(twice: Twice) -> Iterator[str]:
    for one, other in twice[:SHOWN]:
        if other.was_removed and one.role != "teacher":
            words = _("Both are in “{course}”, and a teacher has put the one that is kept out of it. That stays so.")
        else:
            words = _("Both are in “{course}”. There it is one person from then on, in the role: {role}.")
        yield words.format(course=one.course.title, role=united_role(other, one).label)
    yield from _more(len(twice), ngettext("… and {count} more class", "… and {count} more classes", len(twice) - SHOWN))


def _assignments_twice(twice: Twice) -> Iterator[str]:
    both = Assignment.objects.filter(submissions__membership__in=[other for _one, other in twice])
    both = both.filter(
        pk__in=Submission.objects.filter(membership__in=[one for one, _other in twice]).values("assignment")
    )
    titles = list(both.distinct().order_by("title").values_list("title", flat=True))
    for title in titles[:SHOWN]:
        words = _(
            "Both submitted “{assignment}”. All submissions are kept: those that come along are numbered after the "
            "others, and which counts is worked out anew."
        )
        yield words.format(assignment=title)
    yield from _more(
        len(titles), ngettext("… and {count} more assignment", "… and {count} more assignments", len(titles) - SHOWN)
    )


def _servers_twice(former: User, kept: User) -> Iterator[str]:
    changed = renamed(former, kept)
    for server, name in list(changed.items())[:SHOWN]:
        yield _("Both have a server “{name}”. The one that comes along is called “{new}”.").format(
            name=server.name, new=name
        )
    yield from _more(
        len(changed), ngettext("… and {count} more server", "… and {count} more servers", len(changed) - SHOWN)
    )


def _stays(former: User) -> Iterator[str]:
    if has_password(former):
        yield _("Its password opens nothing any more.")
    if ApiToken.objects.filter(user=former).exists():
        yield _("Its API tokens no longer work. Make new ones.")
    if GitCredential.objects.filter(owner=former).exists():
        yield _("Its tokens for private repositories have to be entered again.")
    if former.uses.exists():
        yield _("What it has used stays in the accounts under its name.")


def _more(count: int, words: str) -> Iterator[str]:
    if count > SHOWN:
        yield words.format(count=count - SHOWN)
