"""The people of a class brought together with its platform's list of them, over real HTTP."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks

from accounts.models import Role as SiteRole
from accounts.models import User
from classes.errors import CourseError
from classes.members import admit, change_role, remove
from classes.models import Course, Joined, Membership, Role
from lti import contexts
from lti.errors import LtiError
from lti.models import Context, Enrolment, LtiPerson, Platform, Roster
from lti.rosters import syncing
from lti.rosters.plan import Outcome
from tests.factories import CourseFactory, UserFactory
from tests.lti.campus import COURSE, Campus
from tests.lti.platforms import Browser, SmallPlatform, connected

EVERYBODY = {"tess", "toby", "ada", "ben", "chloe"}


@pytest.fixture
def now() -> datetime:
    return timezone.now()


@pytest.fixture
def course(teacher: User) -> Course:
    """A class whose teacher is no person of the platform."""
    course = CourseFactory.create(title="Computing 101", owner=teacher)
    admit(course, teacher, role=Role.TEACHER, now=timezone.now())
    return course


@pytest.fixture
def context(campus: Campus, course: Course) -> Context:
    """The course of the platform that it is."""
    return campus.context(course=course)


def synced(context: Context, *, later: timedelta = timedelta()) -> Roster:
    """Without anybody looking; how it went."""
    syncing.sync(context, now=timezone.now() + later)
    return Roster.objects.get(context=context)


def take_over(context: Context, seen: str, *, now: datetime, is_confirmed: bool = False) -> None:
    """By the teacher of the class."""
    assert context.course is not None
    syncing.take_over(context, seen=seen, is_confirmed=is_confirmed, by=context.course.owner, now=now)


def place_of(campus: Campus, course: Course, username: str) -> Membership:
    return course.memberships.get(person__lti_people__sub=campus.sub(username))


def present(campus: Campus, course: Course) -> set[str]:
    """Whom of the platform the class has, by their names over there."""
    subs = {campus.sub(name): name for name in EVERYBODY}
    people = LtiPerson.objects.filter(user__memberships__in=course.memberships.present())
    return {subs[person.sub] for person in people}


def launched(campus: Campus, context: Context, username: str, role: Role = Role.STUDENT) -> Membership:
    """In the class by a launch of their own, an hour ago."""
    at = timezone.now() - timedelta(hours=1)
    user = UserFactory.create(username=username, last_login=at)
    person = LtiPerson.objects.create(
        platform=campus.platform, sub=campus.sub(username), user=user, first_seen_at=at, last_seen_at=at
    )
    membership = contexts.enrol(context, person, role, now=at)
    assert membership is not None
    return membership


# --- Coming --------------------------------------------------------------------------------------------------


def test_everybody_on_the_list_comes(campus: Campus, context: Context, course: Course) -> None:
    roster = synced(context)

    assert present(campus, course) == EVERYBODY
    assert place_of(campus, course, "tess").role == Role.TEACHER
    ada = place_of(campus, course, "ada")
    assert (ada.role, ada.joined_by, ada.person.display_name) == (Role.STUDENT, Joined.LTI, "Ada Lindqvist")
    assert (roster.counts["comes"], roster.failure, roster.completed_at is not None) == (5, None, True)


def test_groups_of_the_class_follow(campus: Campus, context: Context, course: Course, teacher: User) -> None:
    synced(context)

    tess = place_of(campus, course, "tess").person
    assert set(course.teachers.user_set.all()) == {teacher, tess}
    assert course.everybody.user_set.count() == 6


def test_account_made_ahead_of_time_has_no_rights(campus: Campus, context: Context, course: Course) -> None:
    synced(context)

    user = place_of(campus, course, "tess").person
    assert (user.role, user.is_staff, user.is_superuser, user.email) == (SiteRole.MEMBER, False, False, "")
    assert not user.has_usable_password()


def test_list_without_names_is_enough(campus: Campus, context: Context, course: Course) -> None:
    campus.lms.do("tool", id=campus.tool, claims=[])

    synced(context)

    assert len(present(campus, course)) == 5


def test_second_time_nothing_happens(campus: Campus, context: Context, course: Course) -> None:
    synced(context)
    before = list(course.memberships.order_by("pk").values())

    roster = synced(context)

    assert (roster.counts["stays"], roster.counts["comes"]) == (5, 0)
    assert list(course.memberships.order_by("pk").values()) == before


def test_same_address_is_not_the_same_person(campus: Campus, context: Context, course: Course) -> None:
    mine = UserFactory.create(username="mine", email="ada.lindqvist@lms.example")

    synced(context)

    assert not course.memberships.filter(person=mine).exists()


def test_person_of_the_platform_comes_with_their_account(campus: Campus, context: Context, course: Course) -> None:
    user = UserFactory.create(username="ada")
    LtiPerson.objects.create(platform=campus.platform, sub=campus.sub("ada"), user=user)

    synced(context)

    assert course.memberships.present().filter(person=user).exists()


def test_name_that_comes_later_is_given_to_an_unused_account(campus: Campus, context: Context, course: Course) -> None:
    campus.lms.do("tool", id=campus.tool, claims=[])
    synced(context)
    campus.lms.do("tool", id=campus.tool, claims=["name", "given_name", "family_name", "email"])

    synced(context)

    assert place_of(campus, course, "chloe").person.display_name == "Chloé 🎓 Brun"


def test_role_of_a_launch_is_more_than_that_of_the_list(campus: Campus, context: Context, course: Course) -> None:
    launched(campus, context, "toby", Role.TEACHER)  # An assistant: Moodle launches them so, and lists a learner.

    synced(context)

    assert place_of(campus, course, "toby").role == Role.TEACHER


def test_more_is_given_by_the_list(campus: Campus, context: Context, course: Course) -> None:
    synced(context)
    campus.lms.do("enrol", course=COURSE, username="ada", role="editingteacher")

    synced(context)

    assert place_of(campus, course, "ada").role == Role.TEACHER
    assert Enrolment.objects.get(person__sub=campus.sub("ada")).role == Role.TEACHER


# --- Going, and coming back ----------------------------------------------------------------------------------


@pytest.mark.parametrize("profile", ["moodle", "canvas"])
def test_student_whom_the_platform_suspends_goes_and_comes_back(
    campus: Campus, context: Context, course: Course, profile: str
) -> None:
    campus.lms.do("quirk", lists_suspended=profile == "canvas")
    synced(context)
    campus.lms.do("enrol", course=COURSE, username="ada", is_suspended=True)

    gone = synced(context, later=timedelta(minutes=1))

    ada = place_of(campus, course, "ada")
    assert (gone.counts["goes"], ada.is_present, ada.was_removed) == (1, False, False)
    assert not ada.person.groups.exists()

    campus.lms.do("enrol", course=COURSE, username="ada", is_suspended=False)
    back = synced(context, later=timedelta(minutes=2))

    assert back.counts["returns"] == 1
    assert place_of(campus, course, "ada").pk == ada.pk
    assert present(campus, course) == EVERYBODY


def test_whoever_went_comes_back_by_a_launch(campus: Campus, context: Context, course: Course) -> None:
    synced(context)
    campus.lms.do("unenrol", course=COURSE, username="ada")
    synced(context, later=timedelta(minutes=1))
    ada = LtiPerson.objects.get(sub=campus.sub("ada"))

    contexts.enrol(context, ada, Role.STUDENT, now=timezone.now())

    assert "ada" in present(campus, course)
    assert Enrolment.objects.get(person=ada).missing_since is None


def test_whoever_left_by_themselves_is_not_brought_back(campus: Campus, context: Context, course: Course) -> None:
    synced(context)
    remove(place_of(campus, course, "ada"), now=timezone.now())

    roster = synced(context)

    assert (roster.counts["apart"], present(campus, course)) == (1, EVERYBODY - {"ada"})


def test_whom_a_teacher_removed_is_not_brought_back(
    campus: Campus, context: Context, course: Course, teacher: User
) -> None:
    synced(context)
    remove(place_of(campus, course, "ada"), by=teacher, now=timezone.now())

    synced(context)

    assert present(campus, course) == EVERYBODY - {"ada"}


def test_whoever_is_here_by_other_means_stays(campus: Campus, context: Context, course: Course, student: User) -> None:
    admit(course, student, joined_by=Joined.ROSTER, now=timezone.now())
    LtiPerson.objects.create(platform=campus.platform, sub="999", user=student)

    synced(context)

    assert course.memberships.present().filter(person=student, joined_by=Joined.ROSTER).exists()


def test_role_given_here_stays(campus: Campus, context: Context, course: Course) -> None:
    synced(context)
    change_role(place_of(campus, course, "toby"), Role.GRADER, now=timezone.now())
    campus.lms.do("unenrol", course=COURSE, username="toby")

    synced(context, later=timedelta(minutes=1))

    assert place_of(campus, course, "toby").role == Role.GRADER
    assert "toby" in present(campus, course)


def test_teacher_who_is_not_listed_stays(campus: Campus, context: Context, course: Course) -> None:
    campus.lms.do("person", username="root", given_name="Root", is_administrator=True)
    root = launched(campus, context, "root", Role.TEACHER)  # Opens every course, and is on the list of none.

    roster = synced(context)

    root.refresh_from_db()
    assert (roster.counts["kept"], root.is_present) == (1, True)


def test_whoever_is_on_the_list_of_another_course_of_the_class_stays(
    campus: Campus, context: Context, course: Course
) -> None:
    synced(context)
    other = campus.deployment.contexts.create(context_id="3", course=course)
    ada = LtiPerson.objects.get(sub=campus.sub("ada"))
    contexts.enrol(other, ada, Role.STUDENT, now=timezone.now() - timedelta(minutes=1))
    campus.lms.do("unenrol", course=COURSE, username="ada")

    synced(context, later=timedelta(minutes=1))

    assert "ada" in present(campus, course)
    assert Enrolment.objects.get(person=ada, context=context).missing_since is not None


def test_whoever_came_while_the_list_was_read_stays(campus: Campus, context: Context, course: Course) -> None:
    synced(context)
    read_at = timezone.now()
    campus.lms.do("unenrol", course=COURSE, username="ada")
    LtiPerson.objects.filter(sub=campus.sub("ada")).update(last_seen_at=read_at + timedelta(seconds=1))

    syncing.sync(context, now=read_at)

    assert "ada" in present(campus, course)


def test_administrator_is_not_touched(campus: Campus, context: Context, course: Course) -> None:
    ada = launched(campus, context, "ada")
    User.objects.filter(pk=ada.person_id).update(role=SiteRole.ADMINISTRATOR)
    campus.lms.do("unenrol", course=COURSE, username="ada")

    synced(context)

    ada.refresh_from_db()
    assert ada.is_present


# --- The brake -----------------------------------------------------------------------------------------------


def nearly_empty(campus: Campus) -> None:
    for username in ("ada", "ben", "chloe"):
        campus.lms.do("unenrol", course=COURSE, username=username)


def test_sync_stops_where_too_many_would_go(campus: Campus, context: Context, course: Course) -> None:
    synced(context)
    nearly_empty(campus)

    roster = synced(context, later=timedelta(minutes=1))

    assert present(campus, course) == EVERYBODY
    assert roster.failure is not None
    assert "3 of 5" in roster.failure.sentence


def test_sync_stops_at_an_empty_list(campus: Campus, context: Context, course: Course) -> None:
    synced(context)
    campus.lms.do("answer", path=".*/memberships", merge={"members": []})

    assert synced(context).failure_code == "roster_held"
    assert present(campus, course) == EVERYBODY


def test_teacher_can_confirm_that_many_go(campus: Campus, context: Context, course: Course) -> None:
    synced(context)
    nearly_empty(campus)
    later = timezone.now() + timedelta(minutes=1)
    plan = syncing.look(context, now=later)

    with pytest.raises(LtiError, match="roster_held"):
        take_over(context, plan.fingerprint, now=later)
    assert present(campus, course) == EVERYBODY

    take_over(context, plan.fingerprint, is_confirmed=True, now=later)
    assert present(campus, course) == {"tess", "toby"}


# --- A teacher looks -----------------------------------------------------------------------------------------


def test_looking_changes_nothing(campus: Campus, context: Context, course: Course, now: datetime) -> None:
    plan = syncing.look(context, now=now)

    assert plan.counts[Outcome.COMES] == 5
    assert (present(campus, course), LtiPerson.objects.count()) == (set(), 0)


def test_what_was_seen_is_done(campus: Campus, context: Context, course: Course, now: datetime) -> None:
    seen = syncing.look(context, now=now).fingerprint
    campus.lms.do("students", course=COURSE, count=3)

    take_over(context, seen, now=now)

    assert present(campus, course) == EVERYBODY
    assert course.memberships.present().count() == 6


def test_what_was_seen_is_not_done_once_it_is_something_else(
    campus: Campus, context: Context, course: Course, now: datetime
) -> None:
    seen = syncing.look(context, now=now).fingerprint
    launched(campus, context, "ada")

    with pytest.raises(LtiError, match="roster_moved"):
        take_over(context, seen, now=now)
    assert present(campus, course) == {"ada"}
    assert syncing.waiting_plan(context, now=now).counts[Outcome.COMES] == 4


def test_two_teachers_do_it_once(campus: Campus, context: Context, course: Course, now: datetime) -> None:
    seen = syncing.look(context, now=now).fingerprint
    take_over(context, seen, now=now)

    with pytest.raises(LtiError, match="roster_stale"):
        take_over(context, seen, now=now)
    assert course.memberships.count() == 6


def test_list_waits_for_an_hour(campus: Campus, context: Context, course: Course, now: datetime) -> None:
    seen = syncing.look(context, now=now).fingerprint
    later = now + syncing.KEPT

    with pytest.raises(LtiError, match="roster_stale"):
        take_over(context, seen, now=later)

    syncing.forget_lists(now=later)
    assert Roster.objects.get().listed == []


@pytest.mark.parametrize("facts", [{"archived_at": timezone.now()}, {"deleted_at": timezone.now()}])
def test_class_that_ended_meanwhile_stays_as_it_is(
    campus: Campus, context: Context, course: Course, now: datetime, facts: dict[str, Any]
) -> None:
    seen = syncing.look(context, now=now).fingerprint
    Course.objects.filter(pk=course.pk).update(**facts)

    with pytest.raises(CourseError, match=r"course_over|course_deleted"):
        take_over(context, seen, now=now)
    assert (present(campus, course), LtiPerson.objects.count()) == (set(), 0)


def test_course_that_is_no_class_any_more_is_left_alone(
    campus: Campus, context: Context, course: Course, now: datetime
) -> None:
    seen = syncing.look(context, now=now).fingerprint
    Context.objects.update(course=None)

    with pytest.raises(LtiError, match="roster_stale"):
        take_over(context, seen, now=now)


def test_platform_that_was_switched_off_is_not_asked(campus: Campus, context: Context, now: datetime) -> None:
    Platform.objects.update(state=Platform.State.DISABLED)
    context.deployment.platform.refresh_from_db()

    with pytest.raises(LtiError, match="platform_inactive"):
        syncing.look(context, now=now)
    assert campus.lms.log("/memberships") == []


# --- One at a time, and what goes wrong ----------------------------------------------------------------------


def test_only_one_reads_at_a_time(campus: Campus, context: Context, now: datetime) -> None:
    Roster.objects.create(context=context, lease_expires_at=now + timedelta(minutes=1))

    with pytest.raises(LtiError, match="roster_busy"):
        syncing.look(context, now=now)
    assert Roster.objects.get().failure is None


def test_worker_that_was_killed_is_not_waited_for(campus: Campus, context: Context, course: Course) -> None:
    Roster.objects.create(context=context, lease_expires_at=timezone.now() - timedelta(seconds=1))

    synced(context)

    assert present(campus, course) == EVERYBODY


def test_worker_that_is_killed_while_it_writes_leaves_nothing(
    campus: Campus, context: Context, course: Course, monkeypatch: pytest.MonkeyPatch
) -> None:
    def end(*arguments: object, **facts: object) -> None:
        raise SystemExit

    monkeypatch.setattr("lti.rosters.rows.take_out", end)

    with pytest.raises(SystemExit):
        syncing.sync(context, now=timezone.now())
    assert (LtiPerson.objects.count(), course.memberships.count(), User.objects.count()) == (0, 1, 1)


def test_failure_is_kept_until_it_works(campus: Campus, context: Context, course: Course) -> None:
    campus.lms.do("answer", path=".*/memberships", status=500, body="")
    failed = synced(context)
    assert failed.failure is not None
    assert "Pretend University" in failed.failure.sentence
    assert present(campus, course) == set()

    campus.lms.do("truth")
    assert synced(context).failure is None


def test_error_leaves_everybody_in_the_class(campus: Campus, context: Context, course: Course) -> None:
    synced(context)
    campus.lms.do("quirk", page_size=2)
    campus.lms.do("answer", path=".*/memberships", after=1, status=500, body="")

    synced(context)

    assert present(campus, course) == EVERYBODY


# --- When ----------------------------------------------------------------------------------------------------


def test_wish_is_granted_once_in_a_while(
    context: Context, now: datetime, django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks
) -> None:
    def wished(at: datetime) -> int:
        with django_capture_on_commit_callbacks() as asked:
            syncing.wish(context, now=at)
        return len(asked)

    moments = [now, now + timedelta(minutes=14), now + timedelta(minutes=15)]
    assert [wished(at) for at in moments] == [1, 0, 1]


@pytest.mark.parametrize("facts", [{"course": None}, {"memberships_url": ""}])
def test_wish_that_cannot_be_granted_is_none(
    context: Context,
    now: datetime,
    facts: dict[str, Any],
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    for name, value in facts.items():
        setattr(context, name, value)

    with django_capture_on_commit_callbacks() as asked:
        syncing.wish(context, now=now)

    assert asked == []


def test_night_asks_for_running_classes_in_turn(
    lms: SmallPlatform,
    platform: Platform,
    now: datetime,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    for number in range(syncing.MAX_AT_ONCE + 1):
        context = connected(platform, CourseFactory.create(), f"course {number}")
        Context.objects.filter(pk=context.pk).update(memberships_url="https://lms.example/m")
    over = connected(platform, CourseFactory.create(archived_at=now), "over")
    Context.objects.filter(pk=over.pk).update(memberships_url="https://lms.example/m")
    connected(platform, CourseFactory.create(), "without a list")

    asked = []
    for _round in range(3):
        with django_capture_on_commit_callbacks() as callbacks:
            syncing.sync_at_night(now=now)
        asked.append(len(callbacks))

    assert asked == [syncing.MAX_AT_ONCE, 1, 0]


@pytest.mark.parametrize(("roles", "count"), [(["Instructor"], 1), (["Learner"], 0)])
def test_list_is_read_after_a_teacher_came(
    lms: SmallPlatform,
    platform: Platform,
    browser: Browser,
    course: Course,
    roles: list[str],
    count: int,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
) -> None:
    asked: list[str] = []
    monkeypatch.setattr("lti.rosters.syncing.enqueue", lambda task, key: asked.append(task))
    context = connected(platform, course)
    Context.objects.filter(pk=context.pk).update(memberships_url="https://lms.example/m")

    browser.launch(roles=roles)

    assert asked == ["lti.tasks.sync_roster"] * count


# --- Size ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("count", [10, 200])
def test_queries_do_not_grow_with_the_list(
    campus: Campus, context: Context, count: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    campus.lms.do("students", course=COURSE, count=count)

    with django_assert_max_num_queries(60):
        synced(context)
