"""The pages by which teachers and students see and help each other."""

from __future__ import annotations

import base64
from datetime import timedelta
from html import unescape
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from accounts.models import User
from classes.context import AS_STUDENT
from classes.hands import raise_hand
from classes.knocking import agree, knock
from classes.models import Course, Knock, Look, Membership, Role
from environments.collaborating import is_in
from environments.models import NotebookServer
from tests.classes.notebook_files import code, notebook, save
from tests.classes.test_live import fill
from tests.factories import CourseFactory, in_class, member, running_server

pytestmark = pytest.mark.django_db

MANY = 120


@pytest.fixture
def course(fake_backends: None) -> Course:
    course = CourseFactory.create(slug="statistics")
    member(course, "other teacher", Role.TEACHER)
    return course


@pytest.fixture
def student(course: Course) -> Membership:
    return member(course, "student")


@pytest.fixture
def tom(course: Course) -> Membership:
    """A teacher of the class."""
    return member(course, "tom", Role.TEACHER)


@pytest.fixture
def server(student: Membership) -> NotebookServer:
    server = running_server(**in_class(student))
    save(server, "week 1/first.ipynb", notebook(code("1 + 1", count=1)))
    return server


def signed_in(person: User) -> Client:
    """A browser of this person."""
    client = Client()
    client.force_login(person)
    return client


@pytest.fixture
def desk(tom: Membership) -> Client:
    """The teacher's browser."""
    return signed_in(tom.person)


@pytest.fixture
def seat(student: Membership) -> Client:
    """The student's browser."""
    return signed_in(student.person)


def text_of(response: Any) -> str:
    """A page as it is read."""
    return unescape(response.content.decode())


class TestLive:
    """The teacher's page."""

    def test_shows_who_is_there_and_who_asks_for_help(
        self, desk: Client, server: NotebookServer, student: Membership
    ) -> None:
        raise_hand(student, now=timezone.now())

        text = text_of(desk.get("/classes/statistics/live/"))

        assert text.count("Student") >= 2
        assert "At work" in text
        assert f"/members/{student.pk}/helped/" in text
        assert 'data-follow="/ws/classes/statistics/live/"' in text

    def test_answers_htmx_with_the_part_that_changes(self, desk: Client, student: Membership) -> None:
        text = text_of(desk.get("/classes/statistics/live/", headers={"HX-Request": "true"}))

        assert text.lstrip().startswith('<div class="live"')
        assert "<html" not in text

    @pytest.mark.parametrize("query", ["?show=x&sort=y&section=z&page=-3", "?page=9999", "?show=&sort=&section="])
    def test_takes_nonsense_for_no_choice(self, desk: Client, student: Membership, query: str) -> None:
        response = desk.get(f"/classes/statistics/live/{query}")

        assert response.status_code == 200
        assert f'id="seat-{student.pk}"' in text_of(response)

    def test_leaves_out_whom_it_was_not_asked_for(self, desk: Client, student: Membership) -> None:
        assert f'id="seat-{student.pk}"' not in text_of(desk.get("/classes/statistics/live/?show=here"))

    def test_asks_as_many_questions_for_many_as_for_one(
        self, desk: Client, course: Course, student: Membership
    ) -> None:
        desk.get("/classes/statistics/live/")
        with CaptureQueriesContext(connection) as for_one:
            desk.get("/classes/statistics/live/")
        fill(course, MANY, now=timezone.now())

        with CaptureQueriesContext(connection) as for_many:
            text = text_of(desk.get("/classes/statistics/live/"))

        assert len(for_many) == len(for_one)
        assert text.count('id="seat-') == 100
        assert "Page 1 of 2" in text

    def test_is_not_for_a_teacher_who_looks_as_a_student(self, desk: Client, course: Course) -> None:
        session = desk.session
        session[AS_STUDENT] = [str(course.pk)]
        session.save()

        assert desk.get("/classes/statistics/live/").status_code == 403


class TestHand:
    """The student's button."""

    def test_goes_up_and_back_to_the_page(self, seat: Client, student: Membership) -> None:
        response = seat.post("/classes/statistics/hand/", {"up": "1", "back": "/classes/"})

        student.refresh_from_db()
        assert student.hand_raised_at is not None
        assert response["Location"] == "/classes/"

    @pytest.mark.parametrize("place", ["https://evil.example/", "//evil.example/", "javascript:alert(1)", ""])
    def test_goes_nowhere_else(self, seat: Client, place: str) -> None:
        response = seat.post("/classes/statistics/hand/", {"up": "1", "back": place})

        assert response["Location"] == "/classes/statistics/"

    def test_is_drawn_again_for_htmx(self, seat: Client) -> None:
        text = text_of(seat.post("/classes/statistics/hand/", {"up": "1"}, headers={"HX-Request": "true"}))

        assert text.lstrip().startswith('<form class="raise-hand"')
        assert 'name="up" value="0"' in text

    def test_comes_down(self, seat: Client, student: Membership) -> None:
        raise_hand(student, now=timezone.now())

        seat.post("/classes/statistics/hand/", {"up": "0"})

        student.refresh_from_db()
        assert student.hand_raised_at is None

    def test_is_taken_down_by_the_teacher_who_helped(self, desk: Client, student: Membership) -> None:
        raise_hand(student, now=timezone.now())

        response = desk.post(f"/classes/statistics/members/{student.pk}/helped/")

        student.refresh_from_db()
        assert student.hand_raised_at is None
        assert response["Location"] == "/classes/statistics/live/"

    def test_of_another_class_is_not_there(self, desk: Client) -> None:
        other = member(CourseFactory.create(), "elsewhere")

        assert desk.post(f"/classes/statistics/members/{other.pk}/helped/").status_code == 404

    def test_button_is_on_the_page_of_a_student_and_not_of_a_teacher(self, seat: Client, desk: Client) -> None:
        assert 'id="raise-hand"' in text_of(seat.get("/classes/statistics/"))
        assert 'id="raise-hand"' not in text_of(desk.get("/classes/statistics/"))


class TestFiles:
    """A student's files on a teacher's screen."""

    def address(self, student: Membership, path: str = "", what: str = "files/") -> str:
        return f"/classes/statistics/members/{student.pk}/{what}?path={path}"

    def test_lists_a_folder(self, desk: Client, server: NotebookServer, student: Membership) -> None:
        text = text_of(desk.get(self.address(student)))

        assert "?path=week%201" in text
        assert Look.objects.get().path == ""

    def test_shows_a_notebook(self, desk: Client, server: NotebookServer, student: Membership) -> None:
        text = text_of(desk.get(self.address(student, "week 1/first.ipynb")))

        assert "1 + 1" in text
        assert "1 of 1 cells run" in text

    def test_shows_hostile_outputs_as_words_or_not_at_all(
        self, desk: Client, server: NotebookServer, student: Membership
    ) -> None:
        hostile = "<script>alert(document.cookie)</script>"
        svg = base64.b64encode(b"<svg onload=alert(1)>").decode()
        outputs = [
            {"output_type": "stream", "text": hostile},
            {"output_type": "display_data", "data": {"text/html": "<b>never shown</b>", "image/svg+xml": hostile}},
            {"output_type": "display_data", "data": {"image/png": svg}},
            {"output_type": "display_data", "data": {"image/png": '" onerror="alert(1)'}},
            {"output_type": "error", "traceback": [hostile]},
        ]
        markdown = {"cell_type": "markdown", "source": "<img src=x onerror=alert(1)> [x](javascript:alert(1))"}
        save(server, "<b>.ipynb", notebook(code(hostile, count=1, outputs=outputs), markdown))

        page = desk.get(self.address(student, "<b>.ipynb")).content.decode()
        main = page[page.index('<ol class="cells">') :]
        main = main[: main.index("</ol>")]

        assert main.count("&lt;script&gt;alert(document.cookie)&lt;/script&gt;") == 3
        for markup in ("<script", "<img", "<svg", "<b>", 'href="javascript'):
            assert markup not in main
        assert "never shown" not in main

    @pytest.mark.parametrize(
        ("name", "content", "words"),
        [
            ("spoilt.ipynb", b"[" * 300_000, "no notebook"),
            ("data.bin", b"\0\xff", "This is no text"),
            ("zero.txt", b"a\0b", "This is no text"),
            ("page.html", b"<h1>mine</h1>", "<h1>mine</h1>"),
            ("long.txt", b"x" * 900_000, "The rest is left out"),
        ],
    )
    def test_shows_other_files_as_far_as_it_can(
        self, desk: Client, server: NotebookServer, student: Membership, name: str, content: bytes, words: str
    ) -> None:
        save(server, name, content)

        response = desk.get(self.address(student, name))

        assert response.status_code == 200
        assert words in text_of(response)
        assert b"<h1>mine" not in response.content

    @pytest.mark.parametrize(
        "path", ["../x", "/etc/passwd", ".bash_history", "nowhere", "a" * 3000, "%00", "x/../../y"]
    )
    def test_says_that_there_is_nothing(
        self, desk: Client, server: NotebookServer, student: Membership, path: str
    ) -> None:
        for what in ("files/", "files/download/"):
            response = desk.get(self.address(student, path, what))

            assert response.status_code == 404
            assert "Files of Student" in text_of(response)

    def test_download_is_nothing_a_browser_shows(
        self, desk: Client, server: NotebookServer, student: Membership
    ) -> None:
        save(server, 'a"\r\nb.html', b"<script>alert(1)</script>")

        response = desk.get(self.address(student, "a%22%0D%0Ab.html", "files/download/"))

        assert response.content == b"<script>alert(1)</script>"
        assert response["Content-Type"] == "application/octet-stream"
        assert response["Content-Disposition"].startswith("attachment")
        assert response["X-Content-Type-Options"] == "nosniff"
        assert response["Content-Security-Policy"] == "default-src 'none'; sandbox"

    def test_are_of_students_alone(self, desk: Client, course: Course) -> None:
        other = course.memberships.get(person__username="other teacher")

        assert desk.get(self.address(other)).status_code == 404

    def test_student_sees_who_has_looked(
        self, desk: Client, seat: Client, server: NotebookServer, student: Membership
    ) -> None:
        desk.get(self.address(student, "week 1/first.ipynb"))

        text = text_of(seat.get("/classes/statistics/looks/"))

        assert "Tom" in text
        assert "week 1/first.ipynb" in text


class TestKnock:
    """The way into a student's server."""

    def test_is_asked_on_every_page_of_the_student(
        self, desk: Client, seat: Client, server: NotebookServer, student: Membership
    ) -> None:
        desk.post(f"/classes/statistics/members/{student.pk}/knock/")

        for page in ("/classes/statistics/", f"/servers/{server.pk}/", "/"):
            assert "Tom asks to come into your server" in text_of(seat.get(page))
        assert "asks to come into" not in text_of(desk.get("/"))

    def test_is_agreed_to(
        self, desk: Client, seat: Client, server: NotebookServer, student: Membership, tom: Membership
    ) -> None:
        asked = knock(student, by=tom.person, now=timezone.now())

        seat.post(f"/classes/statistics/knocks/{asked.pk}/agree/", {"back": f"/servers/{server.pk}/"})

        assert is_in(server, tom.person)
        assert f"/servers/{server.pk}/" in text_of(desk.get("/classes/statistics/live/"))
        assert desk.get(f"/servers/{server.pk}/").status_code == 200

    def test_is_not_agreed_to_by_anybody_else(
        self, desk: Client, course: Course, server: NotebookServer, student: Membership, tom: Membership
    ) -> None:
        asked = knock(student, by=tom.person, now=timezone.now())
        other = signed_in(member(course, "other student").person)

        for client in (desk, other):
            assert client.post(f"/classes/statistics/knocks/{asked.pk}/agree/").status_code == 404
        assert other.post(f"/classes/statistics/knocks/{asked.pk}/end/").status_code == 404
        assert not is_in(server, tom.person)

    @pytest.mark.parametrize("who", ["desk", "seat"])
    def test_is_ended_by_either(
        self,
        who: str,
        server: NotebookServer,
        student: Membership,
        tom: Membership,
        request: pytest.FixtureRequest,
    ) -> None:
        asked = knock(student, by=tom.person, now=timezone.now())
        agree(asked, now=timezone.now())
        client: Client = request.getfixturevalue(who)

        client.post(f"/classes/statistics/knocks/{asked.pk}/end/")

        assert not is_in(server, tom.person)

    def test_says_why_it_cannot_be(self, desk: Client, student: Membership) -> None:
        response = desk.post(f"/classes/statistics/members/{student.pk}/knock/", follow=True)

        assert "has not opened a server of this class yet" in text_of(response)
        assert not Knock.objects.exists()

    def test_that_came_too_late_says_so(
        self, seat: Client, server: NotebookServer, student: Membership, tom: Membership
    ) -> None:
        asked = knock(student, by=tom.person, now=timezone.now() - timedelta(hours=1))

        response = seat.post(f"/classes/statistics/knocks/{asked.pk}/agree/", follow=True)

        assert "no longer open" in text_of(response)
        assert not is_in(server, tom.person)


def test_pages_of_a_class_note_that_somebody_is_there(seat: Client, student: Membership) -> None:
    seat.get("/classes/statistics/")

    student.refresh_from_db()
    assert student.last_seen_at is not None


def test_pages_of_a_class_note_it_once_a_minute(seat: Client, student: Membership) -> None:
    seat.get("/classes/statistics/")
    with CaptureQueriesContext(connection) as queries:
        seat.get("/classes/statistics/")

    assert not [query for query in queries.captured_queries if query["sql"].startswith("UPDATE")]
