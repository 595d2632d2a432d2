"""A class made from an archive: brought, looked at, and made if whoever brought it says so.

It is always a new class, of whoever brought the archive. Of the people in it those come in who are known here: by an
address they have shown to be theirs, or by their username where nothing speaks against it. Nobody is made an account;
who is not known is expected. The files of the archive come in by a worker (`unpacking`).
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from allauth.account.models import EmailAddress
from django.conf import settings
from django.db import transaction
from django.db.models.functions import Lower

from accounts.models import User
from classes.archives import read_archive, too_large
from classes.courses import Plan, environment_of_class, make_course
from classes.errors import CourseError
from classes.expected import is_proof
from classes.files import Area
from classes.kept_work import hand_over, receipts_of
from classes.members import admit
from classes.models import (
    Announcement,
    BroughtArchive,
    Colour,
    Course,
    ExpectedMember,
    Joined,
    KeptWork,
    Lesson,
    LessonVisit,
    Membership,
    Role,
    Section,
)
from classes.naming import TEACHER
from classes.portable import Files, HandedIn, Manifest, Member
from classes.unpacking import brought_file, brought_folder, request_files, wanted_archives
from environments.references import parse
from environments.values import Reference, ResolvedRepository

logger = logging.getLogger(__name__)

KEPT = timedelta(days=1)
MAX_BROUGHT = 5
"""How many of one person's lie here at a time."""


@dataclass(frozen=True, slots=True)
class Preview:
    """What would be made of an archive."""

    manifest: Manifest
    reference: Reference
    teacher_reference: Reference | None
    known: list[tuple[Member, User]]
    """Who would come in."""
    expected: list[Member]
    """Who would come in as soon as they sign in."""
    unknown: list[Member]
    """Who is in the archive and not here, and could not be told from somebody else."""

    @property
    def areas(self) -> list[Files]:
        """The shared files that would come with it."""
        return [files for files in self.manifest.files if files.kind in (Area.SHARED, Area.COMMON)]

    @property
    def works(self) -> list[Files]:
        """The work of those who come in: of each from one server, and of teachers from theirs as teachers besides."""
        members = {member.username.casefold(): member for member in self.coming}
        found: dict[tuple[str, bool], Files] = {}
        for files in self.manifest.files:
            member = members.get(files.member.casefold())
            if files.kind == "work" and member is not None:
                found.setdefault((who_is(member), _is_of_teachers(files, member, self)), files)
        return list(found.values())

    @property
    def hand_ins(self) -> list[HandedIn]:
        """What those who come in have handed in."""
        coming = {member.username.casefold() for member in self.coming}
        return [it for it in self.manifest.hand_ins if it.member.casefold() in coming]

    @property
    def coming(self) -> list[Member]:
        """Who comes in, now or later."""
        return [*(member for member, _person in self.known), *self.expected]


def bring(owner: User, pieces: Iterable[bytes], *, now: datetime) -> BroughtArchive:
    """Keep an archive for a day, if a class can be made of it.

    Raises CourseError as `archives.read_archive` does, `class_archives_too_many`, and what reading the archive's
    repository raises.
    """
    if owner.brought_archives.count() >= MAX_BROUGHT:
        raise CourseError("class_archives_too_many", most=MAX_BROUGHT)
    brought = BroughtArchive(owner=owner, brought_at=now)
    path = _file_of(brought)
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        _store(path, pieces)
        preview(brought)
        brought.save()
    except BaseException:
        path.unlink(missing_ok=True)
        raise
    return brought


def preview(brought: BroughtArchive) -> Preview:
    """What would be made of it now. Raises as `bring` does, also where the file is gone."""
    manifest = read_archive(_file_of(brought), max_bytes=_max_bytes())
    teacher_reference = parse(manifest.facts.teacher_repository) if manifest.facts.teacher_repository else None
    members = [member for member in manifest.members if member.left_at is None]
    people = _people_here(members)
    return Preview(
        manifest=manifest,
        reference=parse(manifest.facts.repository),
        teacher_reference=teacher_reference,
        known=[(member, people[member.username]) for member in members if member.username in people],
        expected=[member for member in members if member.username not in people and _can_be_expected(member)],
        unknown=[member for member in members if member.username not in people and not _can_be_expected(member)],
    )


def who_is(member: Member) -> str:
    """By what they are known when they sign in: their address, or else their username."""
    return (member.email if "@" in member.email else member.username).strip().lower()


@transaction.atomic
def make_from(
    brought: BroughtArchive, *, with_people: bool, resolved: ResolvedRepository | None, now: datetime
) -> Course:
    """Make the class, and be done with the archive. `resolved` is as for `make_course`.

    Raises as `preview` does, and what asking for a build raises.
    """
    found, path = preview(brought), _file_of(brought)
    if not BroughtArchive.objects.filter(pk=brought.pk).delete()[0]:
        raise CourseError("class_archive_unreadable")  # A second click was quicker.
    course = make_course(brought.owner, _plan(found), resolved=resolved, now=now)
    _set_facts(course, found)
    sections = {name: Section.objects.create(course=course, name=name) for name in found.manifest.sections}
    lessons = _make_lessons(course, found.manifest)
    _make_announcements(course, found.manifest)
    if with_people:
        members = {
            member.username.casefold(): _admit(course, member, person, sections, now=now)
            for member, person in found.known
        }
        _make_visits(found.manifest, members, lessons)
        _expect(course, found, sections, now=now)
        _keep_work(course, found, members)
    folders = [(files.kind, files.folder) for files in found.manifest.files if _is_brought(files, with_people)]
    if folders or course.kept_work.exists():
        request_files(course, brought.pk, folders, now=now)
    else:
        transaction.on_commit(lambda: path.unlink(missing_ok=True))
    return course


def give_up(brought: BroughtArchive) -> None:
    """Remove an archive that nothing is made of."""
    path = _file_of(brought)
    brought.delete()
    path.unlink(missing_ok=True)


def forget_brought(*, now: datetime) -> None:
    """Remove what was brought long ago, and files that nobody knows any more."""
    BroughtArchive.objects.filter(brought_at__lt=now - KEPT).delete()
    with suppress(FileNotFoundError):
        # Listed first: one that is just being brought has no row yet.
        old = [path for path in brought_folder().iterdir() if path.stat().st_mtime < (now - KEPT).timestamp()]
        keys = {*BroughtArchive.objects.values_list("pk", flat=True), *wanted_archives(now=now)}
        known = {key.hex for key in keys}
        for path in old:
            if path.stem not in known:
                path.unlink(missing_ok=True)


# --- Steps -------------------------------------------------------------------------------------------------


def _file_of(brought: BroughtArchive) -> Path:
    return brought_file(brought.pk)


def _max_bytes() -> int:
    return settings.CLASS_ARCHIVE_MB * 1_000_000


def _store(path: Path, pieces: Iterable[bytes]) -> None:
    room = _max_bytes()
    with path.open("xb") as file:
        for piece in pieces:
            room -= len(piece)
            if room < 0:
                raise too_large(_max_bytes())
            file.write(piece)


def _can_be_expected(member: Member) -> bool:
    return is_proof(who_is(member), Role(member.role))


def _is_of_teachers(files: Files, member: Member, found: Preview) -> bool:
    return found.teacher_reference is not None and member.role == Role.TEACHER and files.server.endswith(TEACHER)


def _is_brought(files: Files, with_people: bool) -> bool:
    """What was handed in is people's, and comes with them."""
    return files.kind in (Area.SHARED, Area.COMMON) or (with_people and files.kind == Area.HAND_IN)


def _people_here(members: list[Member]) -> dict[str, User]:
    """Who of them is who here, by username in the archive. One person here is nobody twice."""
    by_address = _by_address([member.email for member in members if member.email])
    by_name = _by_name([member.username for member in members])
    people: dict[str, User] = {}
    taken: set[User] = set()
    for member in members:
        person = by_address.get(member.email.lower()) if member.email else None
        namesake = by_name.get(member.username.casefold())
        if person is None and namesake is not None:
            # Another person of this name may be here: the addresses would tell.
            is_same = not member.email or namesake.email.casefold() == member.email.casefold()
            person = namesake if is_same else None
        if person is not None and person not in taken:
            people[member.username] = person
            taken.add(person)
    return people


def _by_address(addresses: list[str]) -> dict[str, User]:
    wanted = {address.lower() for address in addresses}
    verified = EmailAddress.objects.filter(verified=True, user__is_active=True).select_related("user")
    found: dict[str, User] = {}
    doubtful: set[str] = set()
    for row in verified.annotate(lower=Lower("email")).filter(lower__in=wanted):
        address = row.email.lower()
        if found.setdefault(address, row.user) != row.user:
            doubtful.add(address)
    return {address: person for address, person in found.items() if address not in doubtful}


def _by_name(usernames: list[str]) -> dict[str, User]:
    people = User.objects.filter(username__in=usernames, is_active=True)
    return {person.username.casefold(): person for person in people}


def _plan(found: Preview) -> Plan:
    facts = found.manifest.facts
    return Plan(
        title=facts.title,
        reference=found.reference,
        code=facts.code,
        term=facts.term,
        starts_on=facts.starts_on,
        ends_on=facts.ends_on,
        colour=Colour(facts.colour),
    )


def _set_facts(course: Course, found: Preview) -> None:
    facts = found.manifest.facts
    for name in ("description", "memory_mb", "cpus", "idle_minutes", "running_servers"):
        setattr(course, name, getattr(facts, name))
    if found.teacher_reference is not None:
        course.teacher_environment = environment_of_class(course.owner, course.title, found.teacher_reference)
    course.save()


def _make_lessons(course: Course, manifest: Manifest) -> list[Lesson]:
    return Lesson.objects.bulk_create(
        Lesson(
            course=course,
            position=place,
            title=it.title,
            summary=it.summary,
            path=it.path,
            starts_at=it.starts_at,
            ends_at=it.ends_at,
            published_at=it.published_at,
            ready_minutes=it.ready_minutes,
        )
        for place, it in enumerate(manifest.lessons)
    )


def _make_announcements(course: Course, manifest: Manifest) -> None:
    Announcement.objects.bulk_create(
        Announcement(
            course=course,
            author=course.owner,
            title=it.title,
            text=it.text,
            published_at=it.published_at or manifest.exported_at,
        )
        for it in manifest.announcements
    )


def _admit(course: Course, member: Member, person: User, sections: dict[str, Section], *, now: datetime) -> Membership:
    section = sections.get(member.section)
    return admit(course, person, role=Role(member.role), section=section, joined_by=Joined.ROSTER, now=now)


def _expect(course: Course, found: Preview, sections: dict[str, Section], *, now: datetime) -> None:
    rows = {
        who_is(member): ExpectedMember(
            course=course,
            who=who_is(member),
            name=member.name,
            role=member.role,
            section=sections.get(member.section),
            added_at=now,
        )
        for member in found.expected
    }
    ExpectedMember.objects.bulk_create(rows.values())


def _keep_work(course: Course, found: Preview, members: dict[str, Membership]) -> None:
    """Note whose work and receipts there are; `unpacking` and `kept_work` see to the rest."""
    people = {member.username.casefold(): member for member in found.coming}
    rows = []
    for files in found.works:
        member = people[files.member.casefold()]
        rows.append(
            KeptWork(
                course=course,
                who=who_is(member),
                membership=members.get(member.username.casefold()),
                of_teachers=_is_of_teachers(files, member, found),
                folder=files.folder,
            )
        )
    handed_in = defaultdict[str, list[HandedIn]](list)
    for it in found.hand_ins:
        handed_in[it.member.casefold()].append(it)
    for name, theirs in handed_in.items():
        who, membership = who_is(people[name]), members.get(name)
        rows.append(KeptWork(course=course, who=who, membership=membership, hand_ins=receipts_of(theirs)))
    for row in KeptWork.objects.bulk_create(rows):
        if not row.folder:
            hand_over(row, now=course.created_at)


def _make_visits(manifest: Manifest, members: dict[str, Membership], lessons: list[Lesson]) -> None:
    LessonVisit.objects.bulk_create(
        LessonVisit(
            membership=members[it.member.casefold()],
            lesson=lessons[it.lesson],
            opened_at=it.opened_at,
            last_opened_at=it.last_opened_at,
            cells=it.cells,
            executed_cells=it.executed_cells,
            validated_cells=it.validated_cells,
            tests=it.tests,
        )
        for it in manifest.visits
        if it.member.casefold() in members
    )
