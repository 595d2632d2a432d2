"""The operator's pages about learning platforms."""

from __future__ import annotations

from datetime import datetime

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries, Settings

from accounts.models import Role, User
from lti.models import Deployment, KeyPair, LtiPerson, Platform
from lti.platforms import add_platform
from tests.factories import UserFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def operator(client: Client) -> User:
    """Whoever runs this Carrel, signed in."""
    user: User = UserFactory.create(username="root", role=Role.ADMINISTRATOR)
    client.force_login(user)
    return user


@pytest.fixture
def platform(now: datetime) -> Platform:
    """One in use."""
    described = {name: f"https://lms.test/{name}" for name in ("auth_login_url", "token_url", "jwks_url")}
    platform = Platform(
        name="Campus", issuer="https://lms.test", client_id="abc", state=Platform.State.ACTIVE, **described
    )
    return add_platform(platform, deployment_id="1", now=now)


def page_of(client: Client, path: str = "") -> str:
    response = client.get(f"/lti/platforms/{path}")
    assert response.status_code == 200
    return response.content.decode()


def of_moodle(**changes: str) -> dict[str, str]:
    """What somebody fills in."""
    return {"name": "Moodle", "site": "https://moodle.test/", "client_id": "xyz", "deployment_id": "3"} | changes


def test_without_platforms_the_page_says_what_to_do(client: Client, operator: User) -> None:
    page = page_of(client)

    assert "None yet" in page
    assert "http://localhost:8000/lti/register/" in page
    assert 'data-copy="#register-url"' in page


def test_operators_page_leads_there_and_says_that_somebody_waits(client: Client, operator: User) -> None:
    Platform.objects.create(name="New", issuer="https://new.test", client_id="1")

    page = client.get("/status/").content.decode()

    assert 'href="/lti/platforms/"' in page
    assert "1 waits" in page


def test_number_of_queries_does_not_grow_with_platforms(
    client: Client, operator: User, platform: Platform, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    with django_assert_max_num_queries(5) as first:
        page_of(client)
    for number in range(5):
        other = Platform.objects.create(name="P", issuer=f"https://p{number}.test", client_id="1")
        LtiPerson.objects.create(platform=other, sub="1", user=UserFactory.create())

    with django_assert_max_num_queries(len(first)):
        page_of(client)


def test_number_of_queries_of_one_does_not_grow(
    client: Client, operator: User, platform: Platform, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for number in range(10):
        platform.deployments.create(deployment_id=f"more {number}")

    with django_assert_max_num_queries(11):
        page_of(client, f"{platform.pk}/")


def test_page_of_one_has_what_to_copy_both_ways(client: Client, operator: User, platform: Platform) -> None:
    page = page_of(client, f"{platform.pk}/")

    for value in (
        "https://lms.test",
        "abc",
        "https://lms.test/auth_login_url",
        "https://lms.test/token_url",
        "https://lms.test/jwks_url",
        "http://localhost:8000/lti/launch/",
        "http://localhost:8000/lti/login/",
        "http://localhost:8000/lti/keys.json",
    ):
        assert f">{value}</code>" in page


def test_one_that_waits_is_approved_by_one_click(client: Client, operator: User) -> None:
    platform = Platform.objects.create(
        name="New", issuer="https://new.test", client_id="1", has_registered_itself=True, created_at=timezone.now()
    )
    assert "Is this the platform you mean?" in page_of(client, f"{platform.pk}/")

    response = client.post(f"/lti/platforms/{platform.pk}/switch/", {"to": "active"}, follow=True)

    assert "New is in use." in response.content.decode()
    assert KeyPair.objects.filter(platform=platform).exists()


def test_one_in_use_is_switched_off_and_on(client: Client, operator: User, platform: Platform) -> None:
    states = []
    for to in ("disabled", "active"):
        client.post(f"/lti/platforms/{platform.pk}/switch/", {"to": to})
        platform.refresh_from_db()
        states.append(platform.state)

    assert states == ["disabled", "active"]


@pytest.mark.parametrize("to", ["", "pending", "deleted"])
def test_it_is_not_switched_to_what_is_no_choice(client: Client, operator: User, platform: Platform, to: str) -> None:
    assert client.post(f"/lti/platforms/{platform.pk}/switch/", {"to": to}).status_code == 404


def test_one_that_nobody_came_from_says_what_to_do(
    client: Client, operator: User, platform: Platform, now: datetime
) -> None:
    before = page_of(client, f"{platform.pk}/")
    LtiPerson.objects.create(platform=platform, sub="1", user=UserFactory.create(), last_seen_at=now)

    after = page_of(client, f"{platform.pk}/")

    assert "Nobody has come from it yet." in before
    assert "Nobody has come from it yet." not in after


def test_second_click_is_told_that_it_was_done(client: Client, operator: User, platform: Platform) -> None:
    response = client.post(f"/lti/platforms/{platform.pk}/switch/", {"to": "active"}, follow=True)

    assert "has been changed meanwhile" in response.content.decode()


@pytest.mark.parametrize(
    ("typed", "issuer"),
    [
        ("https://moodle.test", "https://moodle.test"),
        ("https://moodle.test/", "https://moodle.test"),
        ("https://moodle.test/my/", "https://moodle.test"),
        ("https://school.test/moodle/", "https://school.test/moodle"),
        ("https://school.test/moodle/login/index.php?x=1", "https://school.test/moodle"),
        ("https://school.test/courses", "https://school.test/courses"),
    ],
)
def test_address_of_a_moodle_says_where_everything_is(client: Client, operator: User, typed: str, issuer: str) -> None:
    response = client.post("/lti/platforms/new/?kind=moodle", of_moodle(site=typed))

    assert response.status_code == 302, response.content.decode()
    platform = Platform.objects.get()
    assert (platform.issuer, platform.state) == (issuer, "active")
    assert platform.auth_login_url == f"{issuer}/mod/lti/auth.php"
    assert platform.token_url == f"{issuer}/mod/lti/token.php"
    assert platform.jwks_url == f"{issuer}/mod/lti/certs.php"
    assert Deployment.objects.get().deployment_id == "3"
    assert platform.key_pairs.exists()


def test_school_of_canvas_needs_its_client_id_alone(client: Client, operator: User) -> None:
    response = client.post("/lti/platforms/new/?kind=canvas", {"name": "School", "client_id": "1000"})

    assert response.status_code == 302, response.content.decode()
    platform = Platform.objects.get()
    assert (platform.issuer, platform.client_id) == ("https://canvas.instructure.com", "1000")
    assert not platform.deployments.exists()


@pytest.mark.parametrize("site", ["", "moodle.test", "http://moodle.test", "javascript:alert(1)", "https://a:b@m.test"])
def test_address_that_cannot_be_one_is_not_taken(client: Client, operator: User, site: str) -> None:
    response = client.post("/lti/platforms/new/?kind=moodle", of_moodle(site=site))

    assert response.status_code == 422
    assert not Platform.objects.exists()


def test_host_that_the_operator_lists_may_be_without_https(client: Client, operator: User, settings: Settings) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = ["moodle.test"]

    assert client.post("/lti/platforms/new/?kind=moodle", of_moodle(site="http://moodle.test")).status_code == 302


def test_platform_is_not_added_twice(client: Client, operator: User) -> None:
    client.post("/lti/platforms/new/?kind=moodle", of_moodle())

    response = client.post("/lti/platforms/new/?kind=moodle", of_moodle(name="Again"))

    assert response.status_code == 422
    assert "is here already" in response.content.decode()


def test_kind_that_is_none_is_not_found(client: Client, operator: User) -> None:
    assert client.get("/lti/platforms/new/?kind=made-up").status_code == 404


@pytest.mark.parametrize("kind", ["moodle", "canvas", "other"])
def test_form_has_what_to_give_the_platform(client: Client, operator: User, kind: str) -> None:
    assert "http://localhost:8000/lti/keys.json" in page_of(client, f"new/?kind={kind}")


def test_what_is_changed_is_kept(client: Client, operator: User, platform: Platform) -> None:
    said = {
        name: getattr(platform, name) for name in ("issuer", "client_id", "auth_login_url", "token_url", "jwks_url")
    }

    response = client.post(f"/lti/platforms/{platform.pk}/change/", said | {"name": "Renamed", "audience": "them"})

    assert response.status_code == 302, response.content.decode()
    platform.refresh_from_db()
    assert (platform.name, platform.audience, platform.are_classes_made) == ("Renamed", "them", False)


def test_one_cannot_become_another_that_is_here(client: Client, operator: User, platform: Platform) -> None:
    Platform.objects.create(name="Other", issuer="https://lms.test", client_id="other")
    said = {name: getattr(platform, name) for name in ("issuer", "auth_login_url", "token_url", "jwks_url")}

    response = client.post(f"/lti/platforms/{platform.pk}/change/", said | {"name": "X", "client_id": "other"})

    assert response.status_code == 422
    platform.refresh_from_db()
    assert platform.client_id == "abc"


def test_unknown_deployment_is_approved_by_one_click(client: Client, operator: User, platform: Platform) -> None:
    platform.unknown_deployments.create(deployment_id="new <place>")
    assert "new &lt;place&gt;" in page_of(client, f"{platform.pk}/")

    client.post(f"/lti/platforms/{platform.pk}/deployments/", {"deployment_id": "new <place>"})

    assert platform.deployments.filter(deployment_id="new <place>").exists()
    assert "Not approved." not in page_of(client, f"{platform.pk}/")


def test_deployment_of_another_platform_is_not_withdrawn(client: Client, operator: User, platform: Platform) -> None:
    other = Platform.objects.create(name="Other", issuer="https://o.test", client_id="1")
    deployment = other.deployments.create(deployment_id="1")

    response = client.post(f"/lti/platforms/{platform.pk}/deployments/{deployment.pk}/withdraw/")

    assert response.status_code == 404
    assert other.deployments.exists()


def test_key_is_renewed_by_one_click_and_not_by_two(client: Client, operator: User, platform: Platform) -> None:
    client.post(f"/lti/platforms/{platform.pk}/keys/")

    response = client.post(f"/lti/platforms/{platform.pk}/keys/", follow=True)

    assert "is published already" in response.content.decode()
    assert platform.key_pairs.count() == 2


def test_platform_without_a_key_says_so_and_gets_one_that_signs_at_once(
    client: Client, operator: User, platform: Platform
) -> None:
    platform.key_pairs.all().delete()
    page = page_of(client, f"{platform.pk}/")

    response = client.post(f"/lti/platforms/{platform.pk}/keys/", follow=True)

    assert "nothing can be asked of it" in page
    assert "signs from now on" in response.content.decode()
    assert platform.key_pairs.signing(timezone.now()).exists()


def test_key_of_one_that_waits_is_not_made(client: Client, operator: User) -> None:
    platform = Platform.objects.create(name="New", issuer="https://new.test", client_id="1")

    assert client.post(f"/lti/platforms/{platform.pk}/keys/").status_code == 404
    assert not platform.key_pairs.exists()


def test_one_is_removed_on_the_second_word(client: Client, operator: User, platform: Platform) -> None:
    assert "Remove Campus?" in page_of(client, f"{platform.pk}/remove/")
    assert Platform.objects.exists()

    client.post(f"/lti/platforms/{platform.pk}/remove/")

    assert not Platform.objects.exists()


def test_one_that_was_used_says_to_switch_it_off(client: Client, operator: User, platform: Platform) -> None:
    LtiPerson.objects.create(platform=platform, sub="1", user=UserFactory.create())

    response = client.post(f"/lti/platforms/{platform.pk}/remove/", follow=True)

    assert "Switch it off" in response.content.decode()
    assert f"{platform.pk}/remove/" not in page_of(client, f"{platform.pk}/")


def test_what_a_stranger_named_itself_is_shown_as_text(client: Client, operator: User) -> None:
    evil = "<script>alert(1)</script>"
    platform = Platform.objects.create(
        name=evil, issuer=f"https://e.test/{evil}", client_id=evil, product=evil, has_registered_itself=True
    )

    assert evil not in page_of(client)
    assert evil not in page_of(client, f"{platform.pk}/")
