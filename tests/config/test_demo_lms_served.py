"""The pretend LMS of a running installation, walked through as by a browser: who somebody there is here."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator

import httpx
import pytest

from tests.fakes.lms.client import Sent, sent
from tests.stack import Stack, wait_until

pytestmark = pytest.mark.stack

LISTED = ("Ben Castillo", "Chloé 🎓 Brun")
"""Students of the course who do not come by themselves; the list of its people, read after a teacher, has them."""
LIST_SECONDS = 120
WHO = """
from lti.models import LtiPerson
people = LtiPerson.objects.filter(platform__client_id="carrel-demo").select_related("user")
roles = lambda user: user.memberships.filter(course__title="Statistics by doing").values_list("role", flat=True)
print({one.name: (one.user.username[:4], one.user.role, *roles(one.user)) for one in people})
"""


TIDY = """
from accounts.models import User
from classes.models import Membership
new = User.objects.filter(lti_people__platform__client_id="carrel-demo", lti_people__has_made_account=True)
Membership.objects.filter(person__in=new).delete()
new.delete()
"""


@pytest.fixture
def leaving_nobody_new(stack: Stack) -> Iterator[None]:
    """Others count who is in the class of the demo."""
    yield
    stack.manage("shell", "-c", TIDY)


def who_is_known(stack: Stack) -> dict[str, tuple[str, ...]]:
    """Everybody of the platform: how their username begins, what they are on the site, and in the class."""
    found: dict[str, tuple[str, ...]] = ast.literal_eval(stack.manage("shell", "-c", WHO).strip().splitlines()[-1])
    return found


def come_in(stack: Stack, name: str) -> httpx.Response:
    """The page of Carrel that somebody who clicks the first activity of their course gets to see."""
    address = re.search(r"http://\S+/demo-lms/enter\?key=\S+", stack.output.read_text())
    assert address, "the address was printed"
    with httpx.Client(timeout=60, trust_env=False, follow_redirects=True) as browser:
        people = browser.get(address[0]).text
        person = re.search(r'name="person" value="(\d+)">(?:(?!</form>).)*Sign in as ' + name, people)
        assert person, people
        browser.post(f"{stack.base_url}/demo-lms/login/index.php", data={"person": person[1]})
        login = sent(browser.get(f"{stack.base_url}/demo-lms/mod/lti/launch.php?id=2&window=1"))
        return _launch(browser, login)


def _launch(browser: httpx.Client, login: Sent) -> httpx.Response:
    """Go on from there, with the cookie that browsers keep on a machine of one's own and this client does not."""
    begun = browser.post(login.url, data=login.fields, follow_redirects=False)
    cookie = begun.headers["set-cookie"].partition(";")[0]
    launch = sent(browser.get(begun.headers["location"]))
    done = browser.post(launch.url, data=launch.fields, headers={"Cookie": cookie}, follow_redirects=False)
    assert done.status_code == 302, done.text
    browser.cookies.update(done.cookies)
    return browser.get(f"{launch.url[: launch.url.index('/lti/')]}{done.headers['location']}")


@pytest.mark.usefixtures("leaving_nobody_new")
def test_people_of_the_pretend_platform_are_who_they_should_be_and_nobody_runs_the_site(stack: Stack) -> None:
    names = ("Andrea Admin", "Tom Teacher", "Greta Grader", "Sam Student", "Ada Lindqvist")

    pages = {name: come_in(stack, name) for name in names}

    assert all("Statistics by doing" in page.text and "/classes/stat-101" in str(page.url) for page in pages.values())
    wait_until(
        lambda: set(LISTED) <= who_is_known(stack).keys(), seconds=LIST_SECONDS, why="the list of people is read"
    )
    assert who_is_known(stack) == {
        "Andrea Admin": ("lti-", "member", "teacher"),
        "Tom Teacher": ("teac", "teacher", "teacher"),
        "Greta Grader": ("grad", "member", "grader"),
        "Sam Student": ("stud", "member", "student"),
        "Ada Lindqvist": ("lti-", "member", "student"),
        **dict.fromkeys(LISTED, ("lti-", "member", "student")),
    }


def test_pretend_platform_prints_where_it_is(stack: Stack) -> None:
    assert f"{stack.base_url}/demo-lms/enter?key=" in stack.output.read_text()
    assert (
        httpx.get(f"{stack.base_url}/demo-lms/login/index.php", trust_env=False).headers["location"].endswith("/enter")
    )
