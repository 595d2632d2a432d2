"""The pretend LMS within the site: there only where it may be, closed without its key, and apart from other pages."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from urllib.parse import urlencode

import pytest
from channels.testing import HttpCommunicator
from django.conf import settings as real_settings
from django.utils import timezone
from pytest_django import Settings

from accounts.models import Role, User
from classes.models import Course, Membership
from config import asgi, demo, demo_class, demo_lms
from config.demo_lms_site import DemoLmsSite
from config.env import BASE_DIR
from lti.models import Context, LtiPerson, Platform
from lti.targets import Kind, Target

SITE = "localhost:8000"
BELOW = "http://localhost:8000/demo-lms"
PATHS = ("/demo-lms", "/demo-lms/", "/demo-lms/enter", "/demo-lms/login/index.php", "/demo-lms/mod/lti/certs.php")
FROM_ELSEWHERE = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
FROM_A_NOTEBOOK = FROM_ELSEWHERE | {"sec-fetch-site": "same-site"}

Answer = tuple[int, dict[str, str], str]


@pytest.fixture(autouse=True)
def offered(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An installation of its own for each test, in which it is offered."""
    settings.CARREL_DATA = tmp_path
    settings.DEMO_LMS, settings.DEMO_LMS_URL = True, BELOW
    monkeypatch.setattr(asgi, "demo_lms", DemoLmsSite())


def load() -> None:
    """The people of the demo, its class, and it."""
    for username, name, role in demo.PEOPLE:
        if not User.objects.filter(username=username).exists():
            User.objects.create(username=username, display_name=name, role=role, email=f"{username}@example.org")
    demo_class.load_class(demo.EXAMPLES / demo_class.REPOSITORY, now=timezone.now())
    demo_lms.make(now=timezone.now())


@pytest.fixture
def made(db: None) -> Platform:
    """It is made beside the demo."""
    load()
    return Platform.objects.get()


async def ask(path: str, *, host: str = SITE, method: str = "GET", form: str = "", **headers: str) -> Answer:
    """What the whole application answers: status, headers, body."""
    sent = {"host": host, "content-type": "application/x-www-form-urlencoded"} | headers
    encoded = [(name.replace("_", "-").encode(), value.encode()) for name, value in sent.items()]
    request = HttpCommunicator(asgi.application, method, path, body=form.encode(), headers=encoded)
    request.scope["raw_path"] = path.encode()
    answer = await request.get_response(timeout=20)
    named = {name.decode().lower(): value.decode() for name, value in answer["headers"]}
    return answer["status"], named, answer["body"].decode()


async def enter() -> str:
    """The cookie of a browser that has brought the key."""
    _status, headers, _body = await ask(demo_lms.address().removeprefix("http://localhost:8000"))
    return headers["set-cookie"].partition(";")[0]


async def sign_in(username: str) -> str:
    """The cookies of a browser in which somebody is signed in."""
    key = await enter()
    people = demo_lms.read().school.people.values()
    number = next(one.id for one in people if one.username == username)
    _status, headers, _body = await ask("/demo-lms/login/index.php", method="POST", form=f"person={number}", cookie=key)
    return f"{key}; {headers['set-cookie'].partition(';')[0]}"


@pytest.mark.django_db(transaction=True)
class TestBeingThere:
    """Where it is, and where nothing is."""

    @pytest.mark.parametrize("path", PATHS)
    async def test_nothing_is_there_when_it_is_off(self, made: Platform, settings: Settings, path: str) -> None:
        settings.DEMO_LMS_URL = ""

        assert (await ask(path))[0] == 404

    @pytest.mark.parametrize("path", PATHS)
    async def test_nothing_is_there_before_it_is_made(self, path: str) -> None:
        assert (await ask(path))[0] == 404

    @pytest.mark.parametrize("host", ["evil.example", "localhost:8001", "somebody-abcdefghij.localhost:8000"])
    async def test_is_at_no_other_host(self, made: Platform, host: str) -> None:
        assert (await ask("/demo-lms/mod/lti/certs.php", host=host))[0] in (400, 401, 404)

    async def test_is_below_its_address_and_nowhere_else(self, made: Platform) -> None:
        first = await ask("/demo-lms")
        beside = await ask("/demo-lms-too/")

        assert (first[0], first[1]["location"]) == (302, f"{BELOW}/")
        assert beside[0] == 404


@pytest.mark.parametrize(
    ("variables", "ends"),
    [
        ({"DEMO_LMS": "true"}, "for an embedded installation only"),
        ({}, "''"),
        ({"EMBEDDED": "true"}, "'http://localhost:8000/demo-lms'"),
        ({"EMBEDDED": "true", "DEMO_LMS": "false"}, "''"),
        ({"EMBEDDED": "true", "PUBLIC_URL": "https://carrel.example.org"}, "''"),
    ],
)
def test_settings_offer_it_on_ones_own_machine_alone(tmp_path: Path, variables: dict[str, str], ends: str) -> None:
    environment = {"PATH": os.environ["PATH"], "CARREL_DATA": str(tmp_path), "SECRET_KEY": "x" * 60, **variables}
    program = "import config.settings; print(repr(config.settings.DEMO_LMS_URL))"

    done = subprocess.run(
        [sys.executable, "-c", program],
        env=environment, cwd=BASE_DIR, capture_output=True, text=True, timeout=60,
    )  # fmt: skip

    assert ends in (done.stderr or done.stdout)


@pytest.mark.django_db(transaction=True)
class TestKey:
    """Who can be somebody there: else whoever reaches the machine could run programs on it as the demo's teacher."""

    async def test_opens_the_door(self, made: Platform) -> None:
        key = await enter()

        status, _headers, body = await ask("/demo-lms/login/index.php", cookie=key)

        assert status == 200
        assert "Who do you want to be?" in body

    @pytest.mark.parametrize("cookie", ["", "DemoLmsKey=", "DemoLmsKey=wrong", "DemoLmsKey=cl\u00e9"])
    async def test_keeps_everybody_else_out(self, made: Platform, cookie: str) -> None:
        shown = await ask("/demo-lms/login/index.php", cookie=cookie)
        posted = await ask("/demo-lms/login/index.php", method="POST", form="person=2", cookie=cookie)

        assert [(status, headers["location"]) for status, headers, _ in (shown, posted)] == [
            (302, f"{BELOW}/enter")
        ] * 2
        assert "set-cookie" not in posted[1]

    async def test_is_asked_for_where_it_is_missing(self, made: Platform) -> None:
        answers = [await ask(f"/demo-lms/enter?{urlencode({'key': key})}") for key in ("", "wrong")]

        assert [status for status, _, _ in answers] == [403, 403]
        assert ["That is not the key" in body for _, _, body in answers] == [False, True]
        assert not any("set-cookie" in headers for _, headers, _ in answers)

    def test_is_of_this_installation(self, settings: Settings) -> None:
        first = demo_lms.entry_key()
        settings.SECRET_KEY = "another" * 10

        assert len(first) == 32
        assert demo_lms.entry_key() != first


@pytest.mark.django_db(transaction=True)
class TestOtherPages:
    """It is of the origin of the site: no other page may do there what it may not do in Carrel."""

    @pytest.mark.parametrize("headers", [FROM_ELSEWHERE, FROM_A_NOTEBOOK])
    async def test_other_pages_lead_to_its_first_and_no_further(self, made: Platform, headers: dict[str, str]) -> None:
        cookie = await sign_in("teacher")

        first = await ask("/demo-lms/my/", cookie=cookie, **headers)
        launch = await ask("/demo-lms/mod/lti/launch.php?id=2", cookie=cookie, **headers)

        assert (first[0], launch[0]) == (200, 403)

    @pytest.mark.parametrize(
        "headers",
        [
            FROM_ELSEWHERE,
            {"origin": "http://somebody-abcdefghij.localhost:8000"},
            {"origin": "null"},
            {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "iframe"},
        ],
    )
    async def test_other_pages_post_and_frame_nothing(self, made: Platform, headers: dict[str, str]) -> None:
        answers = [await ask("/demo-lms/login/index.php", method="POST", form="person=2", **headers)]
        if "sec-fetch-dest" in headers and headers["sec-fetch-dest"] == "iframe":
            answers.append(await ask("/demo-lms/", **headers))

        assert {status for status, _, _ in answers} == {403}

    async def test_cookies_are_its_own(self, made: Platform) -> None:
        cookie = await enter()
        _, entered, _ = await ask(demo_lms.address().removeprefix("http://localhost:8000"))
        _, signed_in, _ = await ask("/demo-lms/login/index.php", method="POST", form="person=2", cookie=cookie)

        sent = [headers["set-cookie"].split("; ") for headers in (entered, signed_in)]
        names = {parts[0].partition("=")[0] for parts in sent}
        carrels = {getattr(real_settings, name) for name in dir(real_settings) if name.endswith("_COOKIE_NAME")}
        assert names == {"DemoLmsKey", "DemoLmsSession"}
        assert not names & carrels
        assert all({"Path=/demo-lms/", "HttpOnly", "SameSite=Strict"} == set(parts[1:]) for parts in sent)

    async def test_pages_run_their_own_script_and_lead_to_this_site_alone(self, made: Platform) -> None:
        status, headers, body = await ask("/demo-lms/my/", cookie=await sign_in("teacher"))

        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert status == 200
        assert policy["script-src"] == f"{BELOW}/static/lms.js"
        assert policy["form-action"] == policy["frame-src"] == "'self' http://localhost:8000"
        assert (policy["default-src"], policy["frame-ancestors"]) == ("'none'", "'self'")
        assert (headers["x-content-type-options"], headers["referrer-policy"]) == ("nosniff", "same-origin")
        assert body.count("<script") == 1

    async def test_no_tool_but_carrel_is_registered(self, made: Platform) -> None:
        cookie = await sign_in("admin")

        pasted = await ask("/demo-lms/mod/lti/startltiadvregistration.php?url=https%3A//evil.example/r", cookie=cookie)
        own = f"http%3A//{SITE}/lti/register/"
        ours = await ask(f"/demo-lms/mod/lti/startltiadvregistration.php?url={own}&type=0", cookie=cookie)

        assert (pasted[0], ours[0]) == (403, 302)


@pytest.mark.django_db
class TestMaking:
    """What it begins with, on both sides."""

    def test_course_is_the_class_of_the_demo(self, made: Platform) -> None:
        context, school = Context.objects.get(), demo_lms.read().school

        named = [Target.read(one.custom) for one in school.activities.values()]
        assert (context.course, context.context_id) == (Course.objects.get(), str(min(school.courses)))
        assert [(target.kind, target.name) for target in named if target] == [
            (Kind.COURSE, ""),
            (Kind.ASSIGNMENT, "playing-with-chance"),
            (Kind.ASSIGNMENT, "describing-data"),
        ]
        assert [column.maximum for column in school.columns.values()] == [8, 14]

    def test_activities_say_what_they_are_so_that_nobody_is_asked_whether_they_choose(self, made: Platform) -> None:
        addresses = [one.url.partition("?") for one in demo_lms.read().school.activities.values()]

        assert {address for address, _mark, _said in addresses} == {f"{real_settings.PUBLIC_URL}/lti/launch/"}
        assert [said for _address, _mark, said in addresses] == ["to=class", "to=assignment", "to=assignment"]

    def test_people_of_the_demo_are_themselves_and_others_have_no_account(self, made: Platform) -> None:
        people = {one.user.username: one for one in LtiPerson.objects.select_related("user")}

        assert set(people) == {"teacher", "grader", "student"}
        assert not any(one.has_made_account for one in people.values())
        subs = {one.username: str(one.id) for one in demo_lms.read().school.people.values()}
        assert {name: one.sub for name, one in people.items()} == {name: subs[name] for name in people}

    def test_nobody_there_is_who_runs_this_site(self, made: Platform) -> None:
        assert not LtiPerson.objects.filter(user__role=Role.ADMINISTRATOR).exists()

    def test_somebody_else_of_a_name_of_the_demo_is_left_alone(self, db: None) -> None:
        User.objects.create_user("student", password="their own", role=Role.ADMINISTRATOR)

        load()

        assert not LtiPerson.objects.filter(user__username="student").exists()

    def test_making_it_again_changes_nothing(self, made: Platform) -> None:
        before = demo_lms.state_file().read_text()

        load()

        assert demo_lms.state_file().read_text() == before
        assert (Platform.objects.count(), Context.objects.count(), LtiPerson.objects.count()) == (1, 1, 3)

    def test_what_was_deleted_here_does_not_come_back(self, made: Platform) -> None:
        made.delete()

        load()

        assert not Platform.objects.exists()

    def test_nothing_is_made_where_it_is_off(self, db: None, settings: Settings) -> None:
        settings.DEMO_LMS, settings.DEMO_LMS_URL = False, ""

        load()

        assert not Platform.objects.exists()
        assert not demo_lms.state_file().exists()

    def test_keys_are_kept_from_other_users(self, made: Platform) -> None:
        assert demo_lms.state_file().stat().st_mode & 0o077 == 0

    def test_class_that_is_gone_leaves_a_course_without_one(self, db: None) -> None:
        demo_lms.make(now=timezone.now())

        assert not Context.objects.exists()
        assert not demo_lms.read().school.activities

    def test_both_sides_follow_when_the_site_has_another_address(self, made: Platform, settings: Settings) -> None:
        settings.PUBLIC_URL, settings.DEMO_LMS_URL = "http://localhost:9000", "http://localhost:9000/demo-lms"

        demo_lms.follow_address()

        made.refresh_from_db()
        kept = demo_lms.state_file().read_text()
        assert (made.issuer, made.jwks_url) == (settings.DEMO_LMS_URL, f"{settings.DEMO_LMS_URL}/mod/lti/certs.php")
        assert "localhost:9000/lti/launch/" in kept
        assert "localhost:9000/lti/pick/" in kept
        assert "localhost:8000" not in kept
        assert Membership.objects.filter(person__username="teacher").exists()
