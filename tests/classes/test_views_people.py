"""The pages about who is in a class, as teachers, students and guests meet them."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache
from django.core.files.uploadedfile import SimpleUploadedFile
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import Settings

from accounts.models import User
from classes.invitations import make_invitation, readable
from classes.members import Place, remove, settle
from classes.models import Course, ExpectedMember, Invitation, Joined, Membership, Role, RosterDraft, Section
from classes.roster_files import MAX_BYTES
from tests.factories import PASSWORD, CourseFactory, UserFactory, member

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def nobody_has_guessed() -> None:
    cache.clear()


@pytest.fixture
def course(teacher: User) -> Course:
    course = CourseFactory.create(owner=teacher, title="Statistics", slug="stats")
    member(course, "teacher", Role.TEACHER)
    return course


@pytest.fixture
def as_teacher(client: Client, course: Course) -> Client:
    client.force_login(User.objects.get(username="teacher"))
    return client


@pytest.fixture
def as_student(client: Client, student: User) -> Client:
    client.force_login(student)
    return client


def open_invitation(course: Course, **wish: object) -> Invitation:
    now = timezone.now()
    return make_invitation(course, by=course.owner, lifetime=timedelta(days=1), now=now, **wish)  # type: ignore[arg-type]


def text_of(response: object) -> str:
    return response.content.decode()  # type: ignore[attr-defined,no-any-return]


# --- Joining -----------------------------------------------------------------------------------------------


def test_join_says_which_class_it_is_and_lets_in_by_the_button(as_student: Client, course: Course) -> None:
    address = f"/classes/join/{readable(open_invitation(course).code)}/"

    page = text_of(as_student.get(address))
    response = as_student.post(address)

    assert "Statistics" in page
    assert "Teacher" in page
    assert "Student" in page
    assert response["Location"] == "/classes/stats/"
    assert as_student.get("/classes/stats/").status_code == 200


def test_join_lets_nobody_in_who_only_looks(as_student: Client, course: Course) -> None:
    as_student.get(f"/classes/join/{open_invitation(course).code}/")

    assert not course.memberships.filter(person__username="student").exists()


def test_join_signs_in_first_and_comes_back(client: Client, student: User, course: Course) -> None:
    address = f"/classes/join/{open_invitation(course).code}/"
    sign_in = client.get(address)["Location"]

    response = client.post(sign_in, {"login": "student", "password": PASSWORD})

    assert response["Location"] == address


def test_join_signs_up_first_and_comes_back(client: Client, course: Course, settings: Settings) -> None:
    settings.SIGNUP_OPEN = True
    address = f"/classes/join/{open_invitation(course).code}/"
    sign_in = client.get(client.get(address)["Location"])
    sign_up = re.findall(r'href="(/accounts/signup/[^"]*)"', text_of(sign_in))[0]

    response = client.post(
        sign_up, {"username": "newcomer", "email": "new@example.org", "password1": PASSWORD, "password2": PASSWORD}
    )

    assert response["Location"] == address


def test_join_sends_a_member_to_the_class_even_by_a_link_that_was_withdrawn(as_student: Client, course: Course) -> None:
    invitation = open_invitation(course)
    member(course, "student")
    Invitation.objects.update(revoked_at=timezone.now())

    assert as_student.get(f"/classes/join/{invitation.code}/")["Location"] == "/classes/stats/"


def test_join_says_why_not_and_what_to_do(as_student: Client, course: Course) -> None:
    invitation = open_invitation(course)
    Invitation.objects.update(expires_at=timezone.now())

    response = as_student.post(f"/classes/join/{invitation.code}/")

    assert response.status_code == 410
    assert "has expired" in text_of(response)
    assert "Ask your teacher for a new one" in text_of(response)


def test_join_finds_a_code_that_is_typed(as_student: Client, course: Course) -> None:
    code = open_invitation(course).code

    response = as_student.post("/classes/join/", {"code": f" {code.lower()} "})

    assert response["Location"] == f"/classes/join/{readable(code)}/"


@pytest.mark.parametrize("code", ["CDFG-HJKM", "x", "<script>", "a\x00b", "é" * 40, "../../admin"])
def test_join_says_at_the_field_that_no_class_has_the_code(as_student: Client, code: str) -> None:
    response = as_student.post("/classes/join/", {"code": code})

    assert response.status_code == 422
    assert "<script>" not in text_of(response).partition("<main")[2]


# --- The list ----------------------------------------------------------------------------------------------


def fill(course: Course, count: int) -> None:
    people = [User(username=f"p{n:04}", display_name=f"Person {n:04}", email=f"p{n}@example.org") for n in range(count)]
    User.objects.bulk_create(people)
    sections = [Section.objects.create(course=course, name=f"Section {n}") for n in range(3)]
    places = [Place(person, section=sections[n % 3]) for n, person in enumerate(people)]
    settle(course, places, joined_by=Joined.ROSTER, now=timezone.now())


def test_people_asks_as_often_for_a_thousand_as_for_ten(as_teacher: Client, course: Course) -> None:
    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            as_teacher.get("/classes/stats/people/")
        return len(asked)

    fill(course, 60)
    queries()  # The first notes that the teacher is here.
    few = queries()
    User.objects.bulk_create(User(username=f"more{n}") for n in range(940))
    more = [Place(person) for person in User.objects.filter(username__startswith="more")]
    settle(course, more, joined_by=Joined.ROSTER, now=timezone.now())

    assert queries() == few
    assert few <= 12


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("", {"Ada", "Bob", "Teacher"}),
        ("?q=ad", {"Ada"}),
        ("?q=bob@example", {"Bob"}),
        ("?q=ada+bob", set()),
        ("?role=teacher", {"Teacher"}),
        ("?section={section}", {"Ada"}),
        ("?section=none", {"Bob", "Teacher"}),
        ("?show=left", {"Gone"}),
        ("?show=expected", {"Eve"}),
        ("?show=expected&role=grader", set()),
        ("?role=king&section=x&sort=y&show=z&page=999", {"Ada", "Bob", "Teacher"}),
        ("?q=%00", {"Ada", "Bob", "Teacher"}),
        ("?sort=section", {"Ada", "Bob", "Teacher"}),
        ("?sort=seen", {"Ada", "Bob", "Teacher"}),
    ],
)
def test_people_shows_whom_one_asks_for(as_teacher: Client, course: Course, query: str, found: set[str]) -> None:
    section = Section.objects.create(course=course, name="Monday")
    Membership.objects.filter(pk=member(course, "ada").pk).update(section=section)
    member(course, "bob")
    remove(member(course, "gone"), now=timezone.now())
    ExpectedMember.objects.create(course=course, who="eve@example.org", name="Eve")

    response = as_teacher.get(f"/classes/stats/people/{query.format(section=section.pk)}")

    rows = text_of(response).partition("<tbody>")[2].partition("</tbody>")[0]
    assert {name for name in ("Ada", "Bob", "Teacher", "Gone", "Eve") if f'person-name">{name}<' in rows} == found


# --- One member --------------------------------------------------------------------------------------------


def change(client: Client, who: Membership, **wish: str) -> object:
    return client.post(f"/classes/stats/people/{who.pk}/", {"role": "student", "seen": "student::1"} | wish)


def test_person_is_given_another_role_and_section(as_teacher: Client, course: Course) -> None:
    section = Section.objects.create(course=course, name="Monday")
    ada = member(course, "ada")

    change(as_teacher, ada, role="grader", section=str(section.pk))

    ada.refresh_from_db()
    assert (ada.role, ada.section) == (Role.GRADER, section)


def test_person_keeps_what_somebody_else_changed_meanwhile(as_teacher: Client, course: Course) -> None:
    ada = member(course, "ada")
    Membership.objects.filter(pk=ada.pk).update(role=Role.GRADER)

    response = change(as_teacher, ada, role="teacher")

    ada.refresh_from_db()
    assert (response.status_code, ada.role) == (409, Role.GRADER)  # type: ignore[attr-defined]
    assert "they are now grader in no section" in text_of(response)
    assert 'value="grader::1"' in text_of(response)


def test_person_takes_no_section_of_another_class(as_teacher: Client, course: Course) -> None:
    Section.objects.create(course=course, name="Monday")
    other = Section.objects.create(course=CourseFactory.create(), name="Theirs")
    ada = member(course, "ada")

    assert change(as_teacher, ada, section=str(other.pk)).status_code == 422  # type: ignore[attr-defined]


def test_person_of_another_class_is_not_found(as_teacher: Client, course: Course) -> None:
    other = member(CourseFactory.create(), "other")

    assert change(as_teacher, other).status_code == 404  # type: ignore[attr-defined]


def test_remove_asks_first_and_keeps_the_row(as_teacher: Client, course: Course) -> None:
    ada = member(course, "ada")
    address = f"/classes/stats/people/{ada.pk}/remove/"

    page = text_of(as_teacher.get(address))
    as_teacher.post(address, {"seen": "student::1"})

    ada.refresh_from_db()
    assert "and their grades" in page
    assert (ada.is_present, ada.was_removed) == (False, True)


def test_remove_is_refused_for_somebody_who_was_promoted_meanwhile(as_teacher: Client, course: Course) -> None:
    ada = member(course, "ada", Role.GRADER)

    response = as_teacher.post(f"/classes/stats/people/{ada.pk}/remove/", {"seen": "student::1"})

    ada.refresh_from_db()
    assert (response.status_code, ada.is_present) == (409, True)


def test_return_brings_somebody_back(as_teacher: Client, course: Course, teacher: User) -> None:
    ada = member(course, "ada", Role.GRADER)
    remove(ada, by=teacher, now=timezone.now())

    as_teacher.post(f"/classes/stats/people/{ada.pk}/return/")

    ada.refresh_from_db()
    assert (ada.is_present, ada.was_removed, ada.role) == (True, False, Role.GRADER)


def test_add_lets_somebody_in(as_teacher: Client, course: Course) -> None:
    UserFactory.create(username="ada")

    as_teacher.post("/classes/stats/people/add/", {"who": "ADA", "role": "grader"})

    assert course.memberships.get(person__username="ada").role == Role.GRADER


def test_add_tells_of_the_link_where_nobody_has_the_name(as_teacher: Client, course: Course) -> None:
    invitation = open_invitation(course)

    response = as_teacher.post("/classes/stats/people/add/", {"who": "nobody@example.org", "role": "student"})

    assert response.status_code == 422
    assert "nobody@example.org" in text_of(response)
    assert f"/classes/join/{readable(invitation.code)}/" in text_of(response)


def test_add_offers_no_link_that_makes_teachers(as_teacher: Client, course: Course) -> None:
    invitation = open_invitation(course, role=Role.TEACHER, uses=1)

    assert readable(invitation.code) not in text_of(as_teacher.get("/classes/stats/people/add/"))


@pytest.mark.parametrize("name", ["Monday", "MONDAY", " monday ", "=1+1", "x" * 61, "\u200b"])
def test_sections_differ_and_are_no_formulas(as_teacher: Client, course: Course, name: str) -> None:
    Section.objects.create(course=course, name="Monday")

    response = as_teacher.post("/classes/stats/people/sections/", {"name": name})

    assert response.status_code == 422
    assert course.sections.count() == 1


def test_section_that_is_deleted_leaves_its_members_in_the_class(as_teacher: Client, course: Course) -> None:
    section = Section.objects.create(course=course, name="Monday")
    ada = member(course, "ada")
    Membership.objects.filter(pk=ada.pk).update(section=section)

    as_teacher.post(f"/classes/stats/people/sections/{section.pk}/delete/")

    ada.refresh_from_db()
    assert (ada.is_present, ada.section) == (True, None)


@pytest.mark.parametrize(
    ("wish", "status"),
    [
        ({"role": "student", "days": "120", "uses": ""}, 302),
        ({"role": "teacher", "days": "7", "uses": "5"}, 302),
        ({"role": "teacher", "days": "7", "uses": ""}, 422),
        ({"role": "grader", "days": "7", "uses": "6"}, 422),
        ({"role": "teacher", "days": "30", "uses": "1"}, 422),
        ({"role": "student", "days": "9999", "uses": ""}, 422),
        ({"role": "student", "days": "7", "uses": "-1"}, 422),
        ({"role": "king", "days": "7", "uses": "1"}, 422),
    ],
)
def test_invitation_is_made_as_far_as_it_may_be(
    as_teacher: Client, course: Course, wish: dict[str, str], status: int
) -> None:
    response = as_teacher.post("/classes/stats/people/invitations/", wish)

    assert response.status_code == status
    assert course.invitations.count() == (1 if status == 302 else 0)


# --- Oneself -----------------------------------------------------------------------------------------------


def test_leave_asks_first_and_says_what_stays(as_student: Client, course: Course) -> None:
    mine = member(course, "student")

    page = text_of(as_student.get("/classes/stats/leave/"))
    as_student.post("/classes/stats/leave/")

    mine.refresh_from_db()
    assert "and your grades" in page
    assert (mine.is_present, mine.was_removed) == (False, False)
    assert as_student.get("/classes/stats/").status_code == 404


def test_leave_is_refused_to_the_last_teacher(as_teacher: Client, course: Course) -> None:
    response = as_teacher.post("/classes/stats/leave/")

    assert response.status_code == 409
    assert "without a teacher" in text_of(response)


def test_as_student_shows_the_class_as_a_student_sees_it_until_it_is_left(as_teacher: Client, course: Course) -> None:
    banner, address = "You see the class as a student sees it.", "/classes/stats/as-student/"

    as_teacher.post(address, {"on": "1"})
    as_teacher.post(address, {"on": "1"})
    there = (banner in text_of(as_teacher.get("/classes/stats/")), as_teacher.get("/classes/stats/people/").status_code)
    as_teacher.post(address)
    back = (banner in text_of(as_teacher.get("/classes/stats/")), as_teacher.get("/classes/stats/people/").status_code)

    assert (there, back) == ((True, 403), (False, 200))


def test_as_student_is_nothing_to_a_student(as_student: Client, course: Course) -> None:
    member(course, "student")

    as_student.post("/classes/stats/as-student/", {"on": "1"})

    assert "as a student sees it" not in text_of(as_student.get("/classes/stats/"))


# --- Lists -------------------------------------------------------------------------------------------------


def bring(client: Client, data: bytes) -> object:
    return client.post("/classes/stats/people/list/", {"file": SimpleUploadedFile("people.csv", data)})


def test_import_shows_first_and_does_it_on_the_second_word(as_teacher: Client, course: Course) -> None:
    UserFactory.create(username="ada")
    preview = bring(as_teacher, "username;email\nada;\n;eve@example.org\n;nonsense\n".encode("utf-16"))["Location"]  # type: ignore[index]
    page = as_teacher.get(preview)
    before = course.memberships.count()

    as_teacher.post(preview, {"seen": page.context["seen"]})
    again = as_teacher.post(preview, {"seen": page.context["seen"]}, follow=True)

    assert "“nonsense” is not an e-mail address." in text_of(page)
    assert (before, course.memberships.count(), course.expected.count()) == (1, 2, 1)
    assert "imported already" in text_of(again)


def test_import_shows_again_what_has_changed_meanwhile(as_teacher: Client, course: Course) -> None:
    ada = member(course, "ada")
    preview = bring(as_teacher, b"username,role\nada,grader\n")["Location"]  # type: ignore[index]
    seen = as_teacher.get(preview).context["seen"]
    Membership.objects.filter(pk=ada.pk).update(role=Role.TEACHER)

    response = as_teacher.post(preview, {"seen": seen})

    ada.refresh_from_db()
    assert (response.status_code, ada.role) == (409, Role.TEACHER)
    assert response.context["seen"] != seen


def test_import_belongs_to_whoever_brought_the_list(as_teacher: Client, course: Course) -> None:
    preview = bring(as_teacher, b"username\nteacher\n")["Location"]  # type: ignore[index]
    other = member(course, "other", Role.TEACHER)
    as_teacher.force_login(other.person)

    assert as_teacher.get(preview).status_code == 404


def test_import_belongs_to_the_class_it_was_brought_to(as_teacher: Client, course: Course, teacher: User) -> None:
    bring(as_teacher, b"username\nteacher\n")
    settle(
        CourseFactory.create(slug="other"), [Place(teacher, Role.TEACHER)], joined_by=Joined.HAND, now=timezone.now()
    )

    assert as_teacher.get(f"/classes/other/people/list/{RosterDraft.objects.get().pk}/").status_code == 404


def test_import_forgets_a_list_after_a_while(as_teacher: Client, course: Course) -> None:
    preview = bring(as_teacher, b"username\nteacher\n")["Location"]  # type: ignore[index]
    RosterDraft.objects.update(expires_at=timezone.now())

    response = as_teacher.get(preview)

    assert response.status_code == 410
    assert "Choose the file again" in text_of(response)


@pytest.mark.parametrize("data", [b"", b"PK\x03\x04", b"x" * (MAX_BYTES + 1), b"a,b\n1,2", b"username\n\x00"])
def test_import_refuses_what_is_no_list_at_the_field(as_teacher: Client, course: Course, data: bytes) -> None:
    response = bring(as_teacher, data)

    assert response.status_code == 422  # type: ignore[attr-defined]
    assert not RosterDraft.objects.exists()


def test_import_shows_what_is_hostile_as_text(as_teacher: Client, course: Course) -> None:
    preview = bring(as_teacher, b"email,name\neve@example.org,<script>alert(1)</script>\n")["Location"]  # type: ignore[index]

    assert "<script>alert" not in text_of(as_teacher.get(preview))


def test_list_of_classes_lets_in_who_was_signed_in_when_they_were_expected(
    as_student: Client, student: User, course: Course
) -> None:
    EmailAddress.objects.create(user=student, email="student@example.org", verified=True)
    ExpectedMember.objects.create(course=course, who="student@example.org")

    assert "Statistics" in text_of(as_student.get("/classes/"))


def test_sign_in_lets_in_who_is_expected(client: Client, student: User, course: Course) -> None:
    EmailAddress.objects.create(user=student, email="student@example.org", verified=True)
    ExpectedMember.objects.create(course=course, who="student@example.org")

    client.post("/accounts/login/", {"login": "student", "password": PASSWORD})

    assert course.memberships.filter(person=student).exists()
