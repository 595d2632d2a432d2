"""Whose account somebody from a platform comes to."""

from __future__ import annotations

import re

from allauth.account.models import EmailAddress
from django.contrib.auth import get_user
from django.http import HttpRequest
from django.utils import timezone

from accounts.models import Role as SiteRole
from accounts.models import User
from assignments.files import Bundle, File
from assignments.models import Way
from assignments.submitting.submissions import receive
from classes.members import admit
from classes.models import Course, Role
from environments.models import NotebookServer
from lti.models import AuditEntry, JoinOffer, LtiPerson, Platform
from lti.people import new_account
from tests.factories import EMPTY_NOTEBOOK, PASSWORD, AssignmentFactory, NotebookServerFactory, UserFactory, released
from tests.lti.platforms import TEACHER, Browser, SmallPlatform, connected


def signed_in(browser: Browser) -> User | None:
    request = HttpRequest()
    request.session = browser.client.session
    user = get_user(request)
    return user if isinstance(user, User) else None


def offer(browser: Browser) -> str:
    """Begin to connect another account; where to go on after signing in to it."""
    response = browser.client.post("/lti/join/")
    assert response.status_code == 302, response.content.decode()
    found = re.fullmatch(r"/accounts/login/\?next=(/lti/join/[\w-]+/)", response["Location"].replace("%2F", "/"))
    assert found is not None
    return found[1]


def sign_in(browser: Browser, user: User) -> None:
    assert browser.client.post("/accounts/login/", {"login": user.username, "password": PASSWORD}).status_code == 302


def test_somebody_new_gets_an_account_without_rights(browser: Browser, course: Course) -> None:
    browser.launch(name="Zoë 👩‍🔬", roles=[TEACHER])

    person = LtiPerson.objects.get()
    user = person.user
    assert (user.display_name, user.role, user.is_staff, user.is_superuser) == ("Zoë 👩‍🔬", "member", False, False)
    assert not user.has_usable_password()
    assert (user.email, person.email) == ("", "ada@example.org")
    assert not EmailAddress.objects.exists()
    assert signed_in(browser) == user


def test_same_person_comes_to_the_same_account(browser: Browser, course: Course) -> None:
    browser.launch()
    User.objects.filter(username__startswith="lti-").update(display_name="As I like it")

    browser.launch(name="Another name", email="other@example.org")

    person = LtiPerson.objects.get()
    assert person.user.display_name == "As I like it"
    assert (person.name, person.email) == ("Another name", "other@example.org")


def test_same_sub_of_another_platform_is_another_person(browser: Browser, course: Course) -> None:
    browser.launch()
    with SmallPlatform() as other:
        connected(other.registered(name="Another"), course)
        Browser(other).launch()

    assert LtiPerson.objects.count() == 2
    assert len({person.user_id for person in LtiPerson.objects.all()}) == 2


def test_email_of_an_account_does_not_lead_to_it(browser: Browser, course: Course) -> None:
    victim = UserFactory.create(username="victim", email="ada@example.org")
    EmailAddress.objects.create(user=victim, email="ada@example.org", verified=True, primary=True)

    browser.launch(email="ada@example.org", name="victim")

    assert signed_in(browser) != victim
    assert LtiPerson.objects.get().user != victim


def test_session_of_before_is_not_gone_on_with(browser: Browser, course: Course) -> None:
    browser.client.force_login(UserFactory.create(username="before"))
    before = browser.client.session.session_key

    browser.launch()

    assert browser.client.session.session_key != before
    assert signed_in(browser) == LtiPerson.objects.get().user


def test_closed_account_is_not_signed_in_to(browser: Browser, course: Course) -> None:
    browser.launch()
    browser.client.logout()
    User.objects.filter(lti_people__isnull=False).update(is_active=False)

    response = Browser(browser.lms).launch()

    assert response.status_code == 403
    assert "Your account here is closed" in response.content.decode()


def test_whoever_runs_the_site_does_not_come_from_a_platform(browser: Browser, course: Course) -> None:
    browser.launch()
    person = LtiPerson.objects.get()
    person.user.role = SiteRole.ADMINISTRATOR
    person.user.save()
    other = Browser(browser.lms)

    response = other.launch()

    assert response.status_code == 403
    assert signed_in(other) is None


def test_made_up_student_is_nobody(browser: Browser, course: Course) -> None:
    roles = ["Learner", "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"]

    response = browser.launch(roles=roles)

    assert response.status_code == 403
    assert LtiPerson.objects.count() == 0


# --- Connecting an account one had --------------------------------------------------------------------------


def test_new_person_is_offered_to_connect_another(browser: Browser, course: Course) -> None:
    response = browser.launch()

    page = browser.client.get(response["Location"]).content.decode()
    assert '<a href="/lti/join/">Connect it</a>' in page


def test_account_is_joined_by_signing_in_to_it_and_confirming(browser: Browser, course: Course) -> None:
    owner = UserFactory.create(username="owner")
    browser.launch()
    made = LtiPerson.objects.get().user
    confirm = offer(browser)
    sign_in(browser, owner)
    page = browser.client.get(confirm).content.decode()
    assert "Ada Lovelace" in page
    assert LtiPerson.objects.get().user == made

    browser.client.post(confirm)

    made.refresh_from_db()
    person = LtiPerson.objects.get()
    assert (person.user, person.has_made_account, made.is_active) == (owner, False, False)
    assert course.memberships.get(person=owner).role == Role.STUDENT
    other = Browser(browser.lms)
    other.launch()
    assert signed_in(other) == owner


def test_joined_account_keeps_the_role_it_has(browser: Browser, course: Course) -> None:
    owner = UserFactory.create(username="owner")
    admit(course, owner, role=Role.GRADER, now=timezone.now())
    browser.launch()
    confirm = offer(browser)
    sign_in(browser, owner)

    browser.client.post(confirm)
    browser.launch()

    assert course.memberships.get(person=owner).role == Role.GRADER


def test_link_of_somebody_else_joins_nothing(browser: Browser, course: Course) -> None:
    """Else whoever sends it would come to the account of whoever follows it."""
    victim = Browser(browser.lms)
    browser.launch()
    confirm = offer(browser)
    victim.begin()
    victim.client.force_login(UserFactory.create(username="victim"))

    answers = [victim.client.get(confirm), victim.client.post(confirm)]

    assert [answer.status_code for answer in answers] == [401, 401]
    assert LtiPerson.objects.get().user.username.startswith("lti-")


def test_joining_works_once(browser: Browser, course: Course) -> None:
    browser.launch()
    confirm = offer(browser)
    sign_in(browser, UserFactory.create(username="owner"))
    browser.client.post(confirm)

    assert browser.client.post(confirm).status_code == 401
    assert not JoinOffer.objects.exists()


def test_account_of_whoever_runs_the_site_is_not_joined(browser: Browser, course: Course) -> None:
    browser.launch()
    confirm = offer(browser)
    sign_in(browser, UserFactory.create(username="root", role=SiteRole.ADMINISTRATOR))

    response = browser.client.post(confirm)

    assert response.status_code == 403
    assert LtiPerson.objects.get().user.username.startswith("lti-")


def test_account_of_another_person_of_the_platform_is_not_joined(browser: Browser, course: Course) -> None:
    owner = UserFactory.create(username="owner")
    LtiPerson.objects.create(platform=Platform.objects.get(), sub="1", user=owner, has_made_account=False)
    browser.launch()
    confirm = offer(browser)
    sign_in(browser, owner)

    assert browser.client.post(confirm).status_code == 409
    assert LtiPerson.objects.get(sub="42").user != owner


def test_what_is_in_the_account_comes_along(browser: Browser, course: Course) -> None:
    owner = UserFactory.create(username="owner")
    browser.launch()
    user = LtiPerson.objects.get().user
    server = NotebookServerFactory.create(owner=user)
    assignment = AssignmentFactory.create(course=course)
    released(assignment)
    bundle = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),))
    submission = receive(
        assignment, course.memberships.get(person=user), bundle, way=Way.LAB, by=user, now=timezone.now()
    )
    confirm = offer(browser)
    sign_in(browser, owner)
    page = browser.client.get(confirm).content.decode()
    assert "1 class, with all that was done in it" in page
    assert "1 submission, with its points" in page

    browser.client.post(confirm)

    server.refresh_from_db()
    submission.refresh_from_db()
    assert (server.owner, submission.membership.person) == (owner, owner)
    entry = AuditEntry.objects.get()
    assert (entry.what, entry.actor, entry.facts["former"]) == ("account_joined", owner, user.username)


def test_account_with_a_running_server_is_not_left(browser: Browser, course: Course) -> None:
    browser.launch()
    user = LtiPerson.objects.get().user
    NotebookServerFactory.create(owner=user, name="busy", state=NotebookServer.State.RUNNING)

    response = browser.client.post("/lti/join/")

    assert response.status_code == 409
    assert "The server “busy”" in response.content.decode()
    assert signed_in(browser) == user


def test_page_before_joining_says_why_it_cannot_be(browser: Browser, course: Course) -> None:
    owner = UserFactory.create(username="owner")
    LtiPerson.objects.create(platform=Platform.objects.get(), sub="1", user=owner, has_made_account=False)
    browser.launch()
    confirm = offer(browser)
    sign_in(browser, owner)

    response = browser.client.get(confirm)

    assert response.status_code == 409
    assert "belongs to somebody else of the same learning platform" in response.content.decode()
    assert "Connect the two" not in response.content.decode()


def test_account_that_no_platform_made_has_nothing_to_connect(browser: Browser, stranger: User) -> None:
    browser.client.force_login(stranger)

    assert browser.client.post("/lti/join/").status_code == 409
    assert "nothing to connect" in browser.client.get("/lti/join/").content.decode()


def test_account_made_ahead_of_time_is_theirs_at_the_first_launch(
    browser: Browser, course: Course, platform: Platform
) -> None:
    account = new_account("")
    account.save()
    LtiPerson.objects.create(platform=platform, sub="42", user=account)

    response = browser.launch(name="Ada")

    assert signed_in(browser) == account
    assert User.objects.get(pk=account.pk).display_name == "Ada"
    assert "Did you have one already?" in browser.client.get(response["Location"]).content.decode()
    assert "Did you have one already?" not in browser.client.get(browser.launch()["Location"]).content.decode()
