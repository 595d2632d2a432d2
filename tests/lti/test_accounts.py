"""The platforms that lead to an account, on its owner's page, and taking one away."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import User
from classes.models import Course
from lti.accounts import origins_of, unlink
from lti.errors import LtiError
from lti.models import AuditEntry, LtiPerson, Platform
from tests.factories import UserFactory
from tests.lti.platforms import Browser

ACCOUNT = "/account/"


@pytest.fixture
def campus(db: None) -> Platform:
    """A platform in use, that nothing is asked of."""
    return _platform("Campus")


def _platform(name: str, state: str = Platform.State.ACTIVE) -> Platform:
    return Platform.objects.create(name=name, issuer=f"https://{name}.test", client_id="1", state=state)


def came(platform: Platform, user: User, *, made: bool = False) -> LtiPerson:
    return LtiPerson.objects.create(platform=platform, sub="42", user=user, has_made_account=made, name="Ada L.")


def without_password(username: str = "lti-abc") -> User:
    user = UserFactory.create(username=username)
    user.set_unusable_password()
    user.save()
    return user


def address_of(person: LtiPerson) -> str:
    return f"/lti/account/{person.pk}/disconnect/"


# --- On the account page ------------------------------------------------------------------------------------


def test_account_page_lists_the_platforms_one_comes_from(client: Client, campus: Platform, student: User) -> None:
    person = came(campus, student)
    client.force_login(student)

    page = client.get(ACCOUNT).content.decode()

    assert "You are Ada L. there" in page
    assert address_of(person) in page


def test_account_page_says_nothing_to_whoever_comes_from_none(client: Client, student: User) -> None:
    client.force_login(student)

    assert "Learning platforms" not in client.get(ACCOUNT).content.decode()


def test_account_page_offers_another_account_where_it_was_made(client: Client, campus: Platform, student: User) -> None:
    came(campus, student, made=True)
    client.force_login(student)

    assert 'href="/lti/join/"' in client.get(ACCOUNT).content.decode()


def test_account_page_asks_as_much_for_many_platforms(
    client: Client, student: User, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(8):
        came(_platform(f"campus{number}"), student)
    client.force_login(student)

    with django_assert_max_num_queries(10):
        client.get(ACCOUNT)


# --- Taking one away ----------------------------------------------------------------------------------------


def test_unlink_says_what_stays_before_it_does_anything(client: Client, campus: Platform, student: User) -> None:
    person = came(campus, student)
    client.force_login(student)

    page = client.get(address_of(person)).content.decode()

    assert "You stay in your classes here" in page
    assert LtiPerson.objects.exists()


def test_unlink_forgets_the_person_and_notes_it(client: Client, campus: Platform, student: User) -> None:
    person = came(campus, student)
    client.force_login(student)

    response = client.post(address_of(person))

    assert response["Location"] == ACCOUNT
    assert not LtiPerson.objects.exists()
    entry = AuditEntry.objects.get()
    assert (entry.what, entry.platform, entry.actor) == ("account_unlinked", campus, student)


def test_person_of_somebody_else_is_not_unlinked(client: Client, campus: Platform, student: User) -> None:
    person = came(campus, student)
    client.force_login(UserFactory.create(username="other"))

    assert client.post(address_of(person)).status_code == 404
    assert LtiPerson.objects.exists()


def test_only_way_in_is_not_taken_away(client: Client, campus: Platform) -> None:
    user = without_password()
    person = came(campus, user, made=True)
    client.force_login(user)

    page = client.get(address_of(person)).content.decode()
    response = client.post(address_of(person))

    assert "Choose a password first" in page
    assert "lti-abc" in page
    assert response["Location"] == address_of(person)
    assert LtiPerson.objects.exists()


def test_only_way_in_names_no_password_where_there_are_none(
    client: Client, campus: Platform, settings: Settings
) -> None:
    settings.PASSWORD_SIGN_IN = False
    user = without_password()
    person = came(campus, user, made=True)
    client.force_login(user)

    page = client.get(address_of(person)).content.decode()

    assert "Choose a password" not in page
    assert "ask whoever runs this Carrel" in page


def test_account_that_was_made_is_unlinked_once_it_has_a_password(campus: Platform, student: User) -> None:
    person = came(campus, student, made=True)

    unlink(person, now=timezone.now())

    assert not LtiPerson.objects.exists()


def test_of_two_platforms_one_stays(campus: Platform) -> None:
    user = without_password()
    first, second = came(campus, user, made=True), came(_platform("other"), user)
    unlink(first, now=timezone.now())

    with pytest.raises(LtiError) as refused:
        unlink(second, now=timezone.now())

    assert (refused.value.code, refused.value.status) == ("last_way", 409)
    assert list(LtiPerson.objects.all()) == [second]


def test_platform_that_is_switched_off_is_no_other_way(campus: Platform) -> None:
    user = without_password()
    person = came(campus, user)
    came(_platform("off", Platform.State.DISABLED), user)

    assert {origin.person.platform.name: origin.is_last_way for origin in origins_of(user)} == {
        "Campus": True,
        "off": False,
    }
    with pytest.raises(LtiError):
        unlink(person, now=timezone.now())


# --- Coming back --------------------------------------------------------------------------------------------


def test_whoever_was_unlinked_gets_another_account(browser: Browser, course: Course) -> None:
    browser.launch()
    user = LtiPerson.objects.get().user
    user.set_password("something")
    user.save()
    unlink(LtiPerson.objects.get(), now=timezone.now())

    response = Browser(browser.lms).launch()

    assert response.status_code == 302
    assert LtiPerson.objects.get().user != user
    assert course.memberships.filter(person=user, left_at=None).exists()


def test_whoever_was_deleted_here_comes_as_somebody_new(browser: Browser, course: Course) -> None:
    browser.launch()
    former = LtiPerson.objects.get().user
    course.memberships.filter(person=former).delete()
    former.delete()
    assert not LtiPerson.objects.exists()

    Browser(browser.lms).launch()

    assert LtiPerson.objects.get().user_id != former.pk
    assert User.objects.filter(pk=LtiPerson.objects.get().user_id, role="member", is_staff=False).exists()
