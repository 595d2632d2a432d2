"""Learning platforms in the admin: what is done there is noted, and nothing goes with a click."""

from __future__ import annotations

import pytest
from django.test import Client
from django.urls import reverse

from accounts.models import User
from lti.models import AuditEntry, Platform

FORM = {
    "name": "Campus",
    "issuer": "https://lms.test",
    "client_id": "1",
    "auth_login_url": "https://lms.test/auth",
    "token_url": "https://lms.test/token",
    "jwks_url": "https://lms.test/keys",
    "are_classes_made": "on",
    "deployments-TOTAL_FORMS": "1",
    "deployments-INITIAL_FORMS": "0",
}


@pytest.fixture
def admin(client: Client, administrator: User) -> Client:
    """The admin as whoever runs this Carrel sees it."""
    client.force_login(administrator)
    return client


@pytest.fixture
def platform(db: None) -> Platform:
    described = {name: value for name, value in FORM.items() if "-" not in name and name != "are_classes_made"}
    return Platform.objects.create(**described, state=Platform.State.ACTIVE)


def test_change_is_noted(admin: Client, platform: Platform, administrator: User) -> None:
    response = admin.post(
        reverse("admin:lti_platform_change", args=[platform.pk]), FORM | {"name": "University", "client_id": "2"}
    )

    assert response.status_code == 302, response.content.decode()
    platform.refresh_from_db()
    assert (platform.name, platform.client_id) == ("University", "2")
    entry = AuditEntry.objects.get(what="platform_changed")
    assert (entry.actor, entry.facts) == (administrator, {"fields": "name, client_id"})


def test_place_that_is_added_is_noted(admin: Client, platform: Platform, administrator: User) -> None:
    admin.post(reverse("admin:lti_platform_change", args=[platform.pk]), FORM | {"deployments-0-deployment_id": "7"})

    assert [one.deployment_id for one in platform.deployments.all()] == ["7"]
    entry = AuditEntry.objects.get(what="deployment_approved")
    assert (entry.actor, entry.facts) == (administrator, {"deployment": "7"})


def test_new_one_has_a_key(admin: Client) -> None:
    admin.post(reverse("admin:lti_platform_add"), FORM | {"state": "active"})

    assert Platform.objects.get().key_pairs.count() == 1


def test_platform_is_not_deleted_with_all_that_came_from_it(admin: Client, platform: Platform) -> None:
    response = admin.post(reverse("admin:lti_platform_delete", args=[platform.pk]), {"post": "yes"})

    assert response.status_code == 403
    assert Platform.objects.exists()
