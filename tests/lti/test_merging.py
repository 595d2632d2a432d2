"""Putting two accounts of one person together: what becomes of everything, and when it is refused."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from decimal import Decimal

import pytest
from allauth.account.models import EmailAddress
from allauth.socialaccount.models import SocialAccount
from django.contrib.auth.models import Group
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from accounts.models import ApiToken, Scope, User
from accounts.models import Role as SiteRole
from accounts.tokens import create_token, find_token
from assignments.files import Bundle, File
from assignments.models import Assignment, CellComment, Collection, Extension, Fetch, Grade, Submission, Way
from assignments.submitting.submissions import receive
from classes.members import admit, remove
from classes.models import Course, Knock, LessonVisit, Membership, Role
from classes.naming import server_name
from environments.models import (
    Access,
    Collaborator,
    GivenFiles,
    NotebookServer,
    Quota,
    RepositoryTrust,
    SharedVolume,
    Volume,
    VolumeMember,
)
from lti.errors import LtiError
from lti.merging.accounts import merge
from lti.merging.fates import OF_MEMBERSHIPS, OF_PEOPLE, Fate, keys_to
from lti.merging.preview import preview
from lti.models import AuditEntry, LineItem, LtiPerson, Platform, Score
from tests.factories import (
    EMPTY_NOTEBOOK,
    AssignmentFactory,
    CourseFactory,
    EnvironmentFactory,
    LessonFactory,
    NotebookServerFactory,
    SharedVolumeFactory,
    UserFactory,
    VolumeFactory,
    VolumeMemberFactory,
    released,
)

PAGE = "/lti/accounts/merge/"


@pytest.fixture
def former(db: None) -> User:
    """The account that is given up."""
    return UserFactory.create(username="lti-abc", display_name="Ada")


@pytest.fixture
def kept(db: None) -> User:
    """The account that stays."""
    return UserFactory.create(username="ada")


@pytest.fixture
def course(teacher: User) -> Course:
    """A class that neither is in yet."""
    course: Course = CourseFactory.create(title="Statistics", owner=teacher)
    admit(course, teacher, role=Role.TEACHER, now=timezone.now())
    return course


@pytest.fixture
def homework(course: Course) -> Assignment:
    """An assignment of it that has been given out."""
    assignment: Assignment = AssignmentFactory.create(course=course, title="Homework 1")
    released(assignment)
    return assignment


def joins(course: Course, user: User, role: Role = Role.STUDENT) -> Membership:
    return admit(course, user, role=role, now=timezone.now())


def submits(assignment: Assignment, user: User, *, way: Way = Way.PAGE, text: str = "") -> Submission:
    bundle = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK + text.encode()),))
    membership = assignment.course.memberships.get(person=user)
    return receive(assignment, membership, bundle, way=way, by=user, now=timezone.now())


def home_of(user: User) -> Volume:
    home: Volume = VolumeFactory.create(owner=user, purpose=Volume.Purpose.HOME)
    return home


# --- Everything is decided on -------------------------------------------------------------------------------


@pytest.mark.parametrize(("model", "fates"), [(User, OF_PEOPLE), (Membership, OF_MEMBERSHIPS)])
def test_every_key_to_a_person_and_a_membership_is_decided_on(
    model: type[User | Membership], fates: dict[str, Fate]
) -> None:
    """Say in `lti/merging/fates.py` what becomes of a new one when two accounts are put together."""
    assert {name for name, _key in keys_to(model)} == set(fates)


def test_key_that_nobody_decided_on_stops_the_merge(
    former: User, kept: User, monkeypatch: pytest.MonkeyPatch, now: datetime
) -> None:
    decided = {name: fate for name, fate in OF_PEOPLE.items() if name != "environments.Build.requested_by"}
    monkeypatch.setattr("lti.merging.fates.OF_PEOPLE", decided)

    with pytest.raises(KeyError):
        merge(former, into=kept, now=now)

    former.refresh_from_db()
    assert former.is_active


def test_nothing_refers_to_the_former_but_what_stays(
    former: User, kept: User, homework: Assignment, now: datetime
) -> None:
    joins(homework.course, former)
    submits(homework, former)
    home_of(former)
    NotebookServerFactory.create(owner=former)
    SharedVolumeFactory.create(owner=former)
    VolumeMemberFactory.create(person=former)
    EnvironmentFactory.create(owner=former, made_by=former)
    course = CourseFactory.create(owner=former)
    joins(course, former, Role.TEACHER)

    merge(former, into=kept, now=now)

    left = {name for name, key in keys_to(User) if key.model._base_manager.filter(**{key.name: former}).exists()}
    assert left <= {name for name, fate in OF_PEOPLE.items() if fate is Fate.STAYS}


# --- What comes along ---------------------------------------------------------------------------------------


def test_merge_closes_the_former_and_deletes_nothing(former: User, kept: User, now: datetime) -> None:
    merge(former, into=kept, now=now)

    former.refresh_from_db()
    assert (former.is_active, former.email) == (False, "")


def test_classes_come_along_with_their_work(former: User, kept: User, homework: Assignment, now: datetime) -> None:
    course = homework.course
    membership = joins(course, former)
    submission = submits(homework, former)
    comment = CellComment.objects.create(
        submission=submission, notebook="problem1", cell="", text="!", by=former, at=now
    )

    merge(former, into=kept, now=now)

    membership.refresh_from_db()
    submission.refresh_from_db()
    comment.refresh_from_db()
    assert membership.person == kept
    assert (submission.membership, submission.submitted_by, comment.by) == (membership, kept, kept)
    assert list(kept.groups.all()) == [course.everybody]
    assert not former.groups.exists()


def test_class_that_is_over_comes_along(former: User, kept: User, course: Course, now: datetime) -> None:
    joins(course, former)
    Course.objects.update(archived_at=now)

    merge(former, into=kept, now=now)

    assert course.memberships.filter(person=kept).exists()


def test_last_teacher_of_a_class_stays_its_teacher(former: User, kept: User, now: datetime) -> None:
    course = CourseFactory.create(owner=former)
    joins(course, former, Role.TEACHER)
    joins(course, kept)

    merge(former, into=kept, now=now)

    course.refresh_from_db()
    assert course.owner == kept
    assert course.memberships.get().role == Role.TEACHER
    assert set(kept.groups.all()) == {course.everybody, course.teachers}


def test_servers_and_files_come_along_under_their_keys(former: User, kept: User, now: datetime) -> None:
    server = NotebookServerFactory.create(owner=former, name="mine")
    home, key = home_of(former), server.volume.key

    merge(former, into=kept, now=now)

    server.refresh_from_db()
    assert (server.owner, server.volume.owner, server.name, server.volume.key) == (kept, kept, "mine", key)
    assert kept.volumes.get(purpose=Volume.Purpose.HOME) == home


def test_addresses_and_sign_ins_lead_to_the_other(former: User, kept: User, now: datetime) -> None:
    EmailAddress.objects.create(user=former, email="ada@campus.test", verified=True, primary=True)
    EmailAddress.objects.create(user=kept, email="ada@example.org", verified=True, primary=True)
    SocialAccount.objects.create(user=former, provider="campus", uid="7")

    merge(former, into=kept, now=now)

    addresses = EmailAddress.objects.filter(user=kept).order_by("email").values_list("email", "primary")
    assert list(addresses) == [("ada@campus.test", False), ("ada@example.org", True)]
    assert SocialAccount.objects.get().user == kept


def test_tokens_open_nothing_any_more(former: User, kept: User, now: datetime) -> None:
    _token, secret = create_token(former, name="old", scopes=[Scope.SERVERS_READ], days=1, now=now)

    merge(former, into=kept, now=now)

    assert find_token(secret, now=now) is None
    assert ApiToken.objects.get().user == former


def test_groups_and_exceptions_of_the_operator_come_along(former: User, kept: User, now: datetime) -> None:
    group = Group.objects.create(name="more memory")
    former.groups.add(group)
    Quota.objects.create(person=former, servers=7)

    merge(former, into=kept, now=now)

    assert list(kept.groups.all()) == [group]
    assert kept.quota.servers == 7


def test_exception_that_the_other_has_counts(former: User, kept: User, now: datetime) -> None:
    Quota.objects.create(person=former, servers=7)
    Quota.objects.create(person=kept, servers=3)

    merge(former, into=kept, now=now)

    kept.refresh_from_db()
    assert kept.quota.servers == 3


def test_person_of_the_platform_comes_to_the_other(former: User, kept: User, now: datetime) -> None:
    campus = Platform.objects.create(name="Campus", issuer="https://lms.test", client_id="1")
    LtiPerson.objects.create(platform=campus, sub="42", user=former)

    merge(former, into=kept, now=now)

    person = LtiPerson.objects.get()
    assert (person.user, person.has_made_account) == (kept, False)


# --- What both have -----------------------------------------------------------------------------------------


def test_submissions_of_both_are_numbered_one_after_the_other(
    former: User, kept: User, homework: Assignment, now: datetime
) -> None:
    for user in (former, kept):
        joins(homework.course, user)
    theirs, mine = [submits(homework, former), submits(homework, former)], submits(homework, kept)
    receipts = [one.receipt for one in theirs]

    merge(former, into=kept, now=now)

    membership = homework.course.memberships.get(person=kept)
    found = list(membership.submissions.order_by("attempt"))
    assert found == [mine, *theirs]
    assert [one.attempt for one in found] == [1, 2, 3]
    assert [one.receipt for one in found[1:]] == receipts
    assert not homework.course.memberships.filter(person=former).exists()


def test_which_submission_counts_is_worked_out_anew(
    former: User, kept: User, homework: Assignment, now: datetime
) -> None:
    for user in (former, kept):
        joins(homework.course, user)
    for number, user in enumerate((kept, former)):
        submission = submits(homework, user)
        Submission.objects.filter(pk=submission.pk).update(
            submitted_at=now + timedelta(hours=number), points=number + 1, max_points=5, state=Submission.State.GRADED
        )
        submission.refresh_from_db()
        Grade.objects.create(
            assignment=homework,
            membership=submission.membership,
            submission=submission,
            points=number + 1,
            changed_at=now,
        )
    Grade.objects.filter(membership__person=former).update(published_points=2, published_at=now)

    merge(former, into=kept, now=now)

    grade = Grade.objects.get()
    assert grade.membership.person == kept
    assert grade.submission == Submission.objects.get(attempt=2)
    assert (grade.published_points, grade.published_at) == (Decimal(2), now)


def test_what_a_platform_was_sent_stays_known(former: User, kept: User, homework: Assignment, now: datetime) -> None:
    campus = Platform.objects.create(name="Campus", issuer="https://lms.test", client_id="1")
    context = campus.deployments.create(deployment_id="1").contexts.create(context_id="101", course=homework.course)
    person = LtiPerson.objects.create(platform=campus, sub="42", user=former)
    column = LineItem.objects.create(context=context, assignment=homework)
    for user in (former, kept):
        membership = joins(homework.course, user)
        submits(homework, user)
        grade = Grade.objects.create(assignment=homework, membership=membership, points=1, changed_at=now)
        if user == former:
            Score.objects.create(
                line_item=column, person=person, grade=grade, points=1, maximum=5, graded_at=now, sent_at=now, stamp=now
            )

    merge(former, into=kept, now=now)

    score = Score.objects.get()
    assert (score.person, score.grade.membership.person, score.stamp) == (person, kept, now)


def test_two_that_were_handed_in_by_themselves_are_both_kept(
    former: User, kept: User, homework: Assignment, now: datetime
) -> None:
    for user in (former, kept):
        joins(homework.course, user)
        submits(homework, user, way=Way.DEADLINE)

    merge(former, into=kept, now=now)

    assert list(Submission.objects.order_by("attempt").values_list("way", flat=True)) == [Way.DEADLINE, Way.LAB]


def test_of_two_extensions_one_has_the_larger(former: User, kept: User, homework: Assignment, now: datetime) -> None:
    for user, minutes, attempts in ((former, 60, 0), (kept, 10, 3)):
        membership = joins(homework.course, user)
        facts = {"extra_minutes": minutes, "extra_attempts": attempts}
        Extension.objects.create(assignment=homework, membership=membership, **facts)

    merge(former, into=kept, now=now)

    extension = Extension.objects.get()
    assert (extension.membership.person, extension.extra_minutes, extension.extra_attempts) == (kept, 60, 3)


def test_lesson_that_both_began_was_begun_when_first(former: User, kept: User, course: Course, now: datetime) -> None:
    lesson = LessonFactory.create(course=course)
    for user, opened in ((former, now - timedelta(days=1)), (kept, now)):
        membership = joins(course, user)
        LessonVisit.objects.create(membership=membership, lesson=lesson, opened_at=opened, last_opened_at=opened)

    merge(former, into=kept, now=now)

    assert LessonVisit.objects.get().opened_at == now - timedelta(days=1)


@pytest.mark.parametrize(
    ("of_former", "of_kept", "is_removed", "expected"),
    [
        (Role.GRADER, Role.STUDENT, False, (Role.GRADER, True)),
        (Role.STUDENT, Role.GRADER, False, (Role.GRADER, True)),
        (Role.STUDENT, None, False, (Role.STUDENT, True)),
        (Role.STUDENT, None, True, (Role.STUDENT, False)),
    ],
    ids=["larger comes along", "larger is kept", "comes back who left", "stays out who was put out"],
)
def test_role_of_whoever_is_in_a_class_twice(
    former: User,
    kept: User,
    course: Course,
    teacher: User,
    now: datetime,
    of_former: Role,
    of_kept: Role | None,
    is_removed: bool,
    expected: tuple[Role, bool],
) -> None:
    joins(course, former, of_former)
    membership = joins(course, kept, of_kept or Role.STUDENT)
    if of_kept is None:
        remove(membership, by=teacher if is_removed else None, now=now)

    merge(former, into=kept, now=now)

    membership = course.memberships.get(person=kept)
    assert (membership.role, membership.is_present) == expected
    assert (course.everybody in kept.groups.all()) == membership.is_present


def test_server_of_the_same_name_gets_another(former: User, kept: User, course: Course, now: datetime) -> None:
    name = server_name(course.slug)
    mine = NotebookServerFactory.create(owner=kept, name=name, group=course.everybody)
    theirs = NotebookServerFactory.create(owner=former, name=name, group=course.everybody)
    NotebookServerFactory.create(owner=former, name=f"{name}-2")
    GivenFiles.objects.create(
        owner=former, group=course.everybody, name=name, volume_key="work-1", folder="f", max_bytes=1, asked_at=now
    )

    merge(former, into=kept, now=now)

    theirs.refresh_from_db()
    mine.refresh_from_db()
    assert (mine.name, theirs.name) == (name, f"{name}-3")
    assert GivenFiles.objects.get().name == f"{name}-3"


def test_personal_files_of_both_are_kept_and_none_is_moved(former: User, kept: User, now: datetime) -> None:
    theirs, mine = home_of(former), home_of(kept)
    key = theirs.key

    merge(former, into=kept, now=now)

    theirs.refresh_from_db()
    assert kept.volumes.get(purpose=Volume.Purpose.HOME) == mine
    shared = SharedVolume.objects.get()
    assert (shared.owner, shared.volume, theirs.owner) == (kept, theirs, kept)
    assert theirs.key == key


def test_copies_among_personal_files_are_fetched_again_where_those_have_moved(
    former: User, kept: User, homework: Assignment, now: datetime
) -> None:
    home_of(former)
    home_of(kept)
    facts = {"assignment": homework, "release": homework.release, "asked_at": now, "state": Fetch.State.THERE}
    Fetch.objects.create(membership=joins(homework.course, former), **facts)

    merge(former, into=kept, now=now)

    assert not Fetch.objects.exists()


def test_copies_stay_where_personal_files_come_along(
    former: User, kept: User, homework: Assignment, now: datetime
) -> None:
    home_of(former)
    facts = {"assignment": homework, "release": homework.release, "asked_at": now, "state": Fetch.State.THERE}
    Fetch.objects.create(membership=joins(homework.course, former), **facts)
    joins(homework.course, kept)

    merge(former, into=kept, now=now)

    assert Fetch.objects.get().membership.person == kept


def test_of_two_accesses_the_larger_stays(former: User, kept: User, now: datetime) -> None:
    shared = SharedVolumeFactory.create()
    VolumeMemberFactory.create(volume=shared, person=former, access=Access.WRITE)
    VolumeMemberFactory.create(volume=shared, person=kept, access=Access.READ)

    merge(former, into=kept, now=now)

    member = VolumeMember.objects.get()
    assert (member.person, member.access) == (kept, Access.WRITE)


def test_nobody_is_a_guest_of_themselves(former: User, kept: User, now: datetime) -> None:
    mine, theirs = NotebookServerFactory.create(owner=kept), NotebookServerFactory.create(owner=former)
    Collaborator.objects.create(server=mine, person=former)
    Collaborator.objects.create(server=theirs, person=kept)
    VolumeMemberFactory.create(volume=SharedVolumeFactory.create(owner=former), person=kept)

    merge(former, into=kept, now=now)

    assert not Collaborator.objects.exists()
    assert not VolumeMember.objects.exists()


def test_trust_that_both_gave_is_given_once(former: User, kept: User, now: datetime) -> None:
    for user, repository in ((former, "a/a"), (kept, "a/a"), (former, "b/b")):
        RepositoryTrust.objects.create(owner=user, provider="gh", repository=repository)

    merge(former, into=kept, now=now)

    assert sorted(kept.trusted_repositories.values_list("repository", flat=True)) == ["a/a", "b/b"]
    assert RepositoryTrust.objects.count() == 2


def test_teacher_who_is_also_their_own_student_does_not_wait_at_their_own_door(
    former: User, kept: User, course: Course, now: datetime
) -> None:
    joins(course, kept, Role.TEACHER)
    student = joins(course, former)
    Knock.objects.create(membership=student, by=kept, asked_at=now, ends_at=now + timedelta(minutes=5))

    merge(former, into=kept, now=now)

    assert Knock.objects.get().ended_at == now
    assert course.memberships.get(person=kept).role == Role.TEACHER


# --- Refused ------------------------------------------------------------------------------------------------


def _same(former: User, kept: User) -> tuple[User, User]:
    return former, former


def _closed(former: User, kept: User) -> tuple[User, User]:
    User.objects.filter(pk=kept.pk).update(is_active=False)
    return former, kept


def _administrator(former: User, kept: User) -> tuple[User, User]:
    former.role = SiteRole.ADMINISTRATOR
    former.save()
    return former, kept


def _into_administrator(former: User, kept: User) -> tuple[User, User]:
    return _administrator(kept, former)[::-1]


def _teacher(former: User, kept: User) -> tuple[User, User]:
    former.role = SiteRole.TEACHER
    former.save()
    return former, kept


def _one_platform(former: User, kept: User) -> tuple[User, User]:
    campus = Platform.objects.create(name="Campus", issuer="https://lms.test", client_id="1")
    for number, user in enumerate((former, kept)):
        LtiPerson.objects.create(platform=campus, sub=str(number), user=user)
    return former, kept


def _running(former: User, kept: User) -> tuple[User, User]:
    NotebookServerFactory.create(owner=former, state=NotebookServer.State.RUNNING)
    return former, kept


def _submitting(former: User, kept: User) -> tuple[User, User]:
    assignment = AssignmentFactory.create()
    membership = joins(assignment.course, former)
    Collection.objects.create(assignment=assignment, membership=membership, way=Way.LAB, asked_at=timezone.now())
    return former, kept


@pytest.mark.parametrize(
    ("given", "code"),
    [
        (_same, "merge_same"),
        (_closed, "merge_closed"),
        (_administrator, "merge_administrator"),
        (_into_administrator, "merge_administrator"),
        (_teacher, "merge_role"),
        (_one_platform, "join_taken"),
        (_running, "merge_running"),
        (_submitting, "merge_busy"),
    ],
)
def test_merge_is_refused_in_words(
    former: User, kept: User, now: datetime, given: Callable[[User, User], tuple[User, User]], code: str
) -> None:
    one, other = given(former, kept)

    with pytest.raises(LtiError) as refused:
        merge(one, into=other, now=now)

    assert refused.value.code == code
    assert "?" not in refused.value.explain().sentence
    assert User.objects.filter(pk=one.pk, is_active=True).exists()


# --- What is said before ------------------------------------------------------------------------------------


def test_preview_says_what_comes_what_is_settled_and_what_stays(
    former: User, kept: User, homework: Assignment, now: datetime
) -> None:
    for user in (former, kept):
        joins(homework.course, user)
        submits(homework, user)
        home_of(user)
        NotebookServerFactory.create(owner=user, name="stats")
    joins(CourseFactory.create(), former)
    create_token(former, name="old", scopes=[Scope.SERVERS_READ], days=1, now=now)

    said = preview(former, kept)

    assert said.comes == [
        "1 class, with all that was done in it",
        "1 submission, with its points",
        "1 server, with its files",
    ]
    assert [line.split(".")[0] for line in said.settled] == [
        "Both are in “Statistics”",
        "Both submitted “Homework 1”",
        "Both have a server “stats”",
        "The personal files of “lti-abc” become shared files that only “ada” has",
    ]
    assert "Its API tokens no longer work. Make new ones." in said.stays
    assert former.is_active


def test_preview_asks_as_much_for_much(
    former: User, kept: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for _number in range(25):
        course = CourseFactory.create()
        joins(course, former)
        joins(course, kept)

    with django_assert_max_num_queries(25):
        said = preview(former, kept)

    assert said.settled[-1] == "… and 5 more classes"


# --- The page of whoever runs the site ----------------------------------------------------------------------


def test_page_shows_what_would_happen_and_does_nothing(
    client: Client, administrator: User, former: User, kept: User
) -> None:
    client.force_login(administrator)

    page = client.get(PAGE, {"former": "lti-abc", "kept": "ada"}).content.decode()

    assert "Nothing: the account is empty." in page
    assert "Type “lti-abc” to close that account" in page
    former.refresh_from_db()
    assert former.is_active


def test_page_merges_once_the_name_is_typed(client: Client, administrator: User, former: User, kept: User) -> None:
    client.force_login(administrator)

    response = client.post(f"{PAGE}?former=lti-abc&kept=ada", {"typed": "lti-abc"})

    former.refresh_from_db()
    assert (response.status_code, former.is_active) == (302, False)
    entry = AuditEntry.objects.get()
    assert (entry.what, entry.actor, entry.facts) == (
        "account_merged",
        administrator,
        {"former": "lti-abc", "kept": "ada"},
    )


@pytest.mark.parametrize("typed", ["", "ada", "LTI-ABC"])
def test_page_merges_nothing_without_it(
    client: Client, administrator: User, former: User, kept: User, typed: str
) -> None:
    client.force_login(administrator)

    response = client.post(f"{PAGE}?former=lti-abc&kept=ada", {"typed": typed})

    former.refresh_from_db()
    assert (response.status_code, former.is_active) == (422, True)


def test_page_says_that_an_account_is_unknown(client: Client, administrator: User, kept: User) -> None:
    client.force_login(administrator)

    response = client.get(PAGE, {"former": "nobody", "kept": "ada"})

    assert response.status_code == 422
    assert "Nobody here has this username" in response.content.decode()


def test_page_says_why_two_cannot_be_one(client: Client, administrator: User, former: User) -> None:
    client.force_login(administrator)

    response = client.post(f"{PAGE}?former=administrator&kept=lti-abc", {"typed": "administrator"})

    assert response.status_code == 403
    assert "Accounts of administrators are not put together" in response.content.decode()
    assert User.objects.get(username="administrator").is_active
