"""The pages of the pretend LMS, and what it keeps."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import httpx
import pytest

from lti.demo_lms.app import DemoLms
from lti.demo_lms.lms import Lms
from tests.fakes.lms.client import LmsProcess
from tests.lms.tiny_tool import TinyTool

COURSE = 2
PEOPLE_PAGE = f"/course/view.php?id={COURSE}"
GRADEBOOK = f"/grade/report/grader/index.php?id={COURSE}"
TOOLS = "/mod/lti/toolconfigure.php"


@pytest.fixture
def activity(lms: LmsProcess, tool: TinyTool) -> dict[str, Any]:
    made: dict[str, Any] = lms.do("activity", course=COURSE, tool=tool.id, title="<b>Loops</b>", maximum=10)
    return made


def test_pages_say_that_all_is_pretended(lms: LmsProcess) -> None:
    for page in (lms.client.get("/login/index.php").text, lms.browser("ada").page("/my/")):
        assert "This is a pretend LMS" in page


def test_sign_in_offers_everybody_with_their_roles(lms: LmsProcess) -> None:
    page = lms.client.get("/login/index.php").text

    assert "Teacher in Computing 101, Student in Statistics 2" in page
    assert "Sign in as Chloé 🎓 Brun" in page


def test_sign_in_leads_back_to_what_was_asked_for_and_nowhere_else(lms: LmsProcess) -> None:
    asked = lms.client.get(PEOPLE_PAGE).headers["location"]
    wanted = httpx.URL(asked).params["wantsurl"]

    def target(wantsurl: str) -> str:
        answer = lms.client.post("/login/index.php", data={"person": "2", "wantsurl": wantsurl})
        return answer.headers["location"]

    assert target(wanted) == f"{lms.url}{PEOPLE_PAGE}"
    assert target("//elsewhere.example/") == f"{lms.url}/my/"
    assert target("https://elsewhere.example/") == f"{lms.url}/my/"


def test_sign_out_ends_the_session(lms: LmsProcess) -> None:
    ada = lms.browser("ada")

    ada.send_form("/my/", "logout.php")

    assert ada.client.get("/my/").status_code == 302


def test_course_shows_activities_framed_and_in_a_window(lms: LmsProcess, activity: dict[str, Any]) -> None:
    page = lms.browser("ada").page("/course/view.php", id=COURSE)
    framed = lms.browser("ada").page("/mod/lti/view.php", id=activity["id"])

    assert "&lt;b&gt;Loops&lt;/b&gt;" in page
    assert re.search(rf'href="[^"]*launch.php\?id={activity["id"]}&amp;window=1" target="_blank"', page)
    assert re.search(rf'<iframe [^>]*src="[^"]*launch.php\?id={activity["id"]}"', framed)


def test_course_offers_pickers_and_copies_to_teachers_alone(lms: LmsProcess, tool: TinyTool) -> None:
    teachers, students = (lms.browser(who).page("/course/view.php", id=COURSE) for who in ("tess", "ada"))
    picker = lms.browser("tess").page("/course/modedit.php", course=COURSE, tool=tool.id)

    assert "modedit.php" in teachers
    assert "modedit.php" not in students
    assert "<iframe" in picker
    assert lms.browser("ada").client.get(f"/course/modedit.php?course={COURSE}&tool={tool.id}").status_code == 403


def test_copy_button_copies_the_course(lms: LmsProcess, activity: dict[str, Any]) -> None:
    answer = lms.browser("tess").send_form(PEOPLE_PAGE, "copy.php")

    assert "Loops" in lms.browser("tess").client.get(answer.headers["location"]).text


def test_suspend_button_shuts_somebody_out_and_lets_them_in_again(lms: LmsProcess) -> None:
    ada, tess = lms.browser("ada"), lms.browser("tess")
    number = lms.do("person", username="ada")["id"]

    tess.send_form(PEOPLE_PAGE, "editenrolment.php", person=number)
    during = ada.client.get(PEOPLE_PAGE).status_code
    tess.send_form(PEOPLE_PAGE, "editenrolment.php", person=number)

    assert (during, ada.client.get(PEOPLE_PAGE).status_code) == (403, 200)


def test_gradebook_takes_a_teachers_grade_and_a_lock(lms: LmsProcess, activity: dict[str, Any]) -> None:
    tess, number = lms.browser("tess"), lms.do("person", username="ada")["id"]

    tess.send_form(GRADEBOOK, "grade.php", person=number, grade="4.5")
    tess.send_form(GRADEBOOK, "lock.php")

    column = lms.do("grades", course=COURSE)[0]
    assert (column["shown"], column["is_locked"]) == ({"ada": 4.5}, True)
    assert "set by hand" in tess.page("/grade/report/grader/index.php", id=COURSE)


def test_gradebook_shows_students_themselves_alone(lms: LmsProcess, activity: dict[str, Any]) -> None:
    page = lms.browser("ada").page("/grade/report/grader/index.php", id=COURSE)

    assert "Ada Lindqvist" in page
    assert "Ben Castillo" not in page


def test_forms_without_the_session_key_are_refused(lms: LmsProcess) -> None:
    tess = lms.browser("tess").client

    answers = [tess.post("/backup/copy.php", data={"id": COURSE} | key) for key in ({}, {"sesskey": "clé"})]

    assert [answer.status_code for answer in answers] == [403, 403]


def test_tools_page_registers_by_hand_and_shows_every_value_to_copy(lms: LmsProcess) -> None:
    admin = lms.browser("admin")
    url = "https://tool.example"

    admin.send_form(
        TOOLS, "typessettings.php", name="By hand", target_link_uri=f"{url}/", jwks_uri=f"{url}/keys",
        initiate_login_uri=f"{url}/login", redirect_uri=f"{url}/launch",
    )  # fmt: skip

    made = next(iter(lms.do("state")["tools"].values()))
    page = admin.page(TOOLS)
    assert (made["is_active"], made["redirect_uris"]) == (True, [f"{url}/launch"])
    for value in (made["client_id"], f"{lms.url}/mod/lti/certs.php", f"{lms.url}/mod/lti/token.php"):
        assert value in page


def test_tools_page_is_for_administrators(lms: LmsProcess) -> None:
    assert lms.browser("tess").client.get(TOOLS).status_code == 403


def test_pages_run_nothing_but_their_own_script(lms: LmsProcess) -> None:
    answer = lms.browser("tess").client.get(PEOPLE_PAGE)

    assert f"script-src {lms.url}/static/lms.js;" in answer.headers["content-security-policy"]
    assert "frame-ancestors 'self'" in answer.headers["content-security-policy"]
    assert not re.search(r"<script(?! src)|<style| on\w+=| style=", answer.text)


async def test_lms_below_a_path_keeps_to_it() -> None:
    lms = Lms("http://localhost:8000/demo-lms")
    transport = httpx.ASGITransport(app=DemoLms(lms))  # type: ignore[arg-type]

    async with httpx.AsyncClient(transport=transport, base_url="http://localhost:8000") as client:
        answer = await client.post("/demo-lms/login/index.php", data={"person": "2"})

    assert answer.headers["location"] == "http://localhost:8000/demo-lms/my/"
    assert "Path=/demo-lms/" in answer.headers["set-cookie"]


def test_lms_goes_on_where_it_was_left(tmp_path: Path) -> None:
    kept = tmp_path / "lms.json"
    first = Lms("http://localhost:9000", state_file=kept)
    tool = first.add_tool("client", "Tool")
    course = first.school.courses[COURSE]
    made = first.school.add_activity(course, tool, "Loops")
    first.school.add_column(course, tool, "Loops", 10, activity=made.id)
    first.save()

    second = Lms("http://localhost:9000", state_file=kept)

    assert second.school == first.school
    assert second.keys.key_id == first.keys.key_id
    assert kept.stat().st_mode & 0o077 == 0
