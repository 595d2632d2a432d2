"""The admin of what runs: to look at, not to lie in."""

from __future__ import annotations

import pytest
from django.contrib.auth.models import Group
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse

from accounts.models import User
from environments.models import Build, BuildLogLine, Environment, GitCredential, NotebookServer, Quota
from tests.factories import (
    BuildFactory,
    EnvironmentFactory,
    GitCredentialFactory,
    NotebookServerFactory,
    VolumeMemberFactory,
    update_of,
)

READ_ONLY = ["build", "notebookserver", "update", "volume", "sharedvolume", "gitcredential"]


@pytest.fixture
def browser(administrator: User) -> Client:
    """The administrator's browser."""
    client = Client()
    client.force_login(administrator)
    return client


def make_one_of_each() -> None:
    """A server, with its owner, build, update and volume, a credential, shared files, and an environment."""
    update_of(NotebookServerFactory.create(build=BuildFactory.create()))
    GitCredentialFactory.create()
    VolumeMemberFactory.create()
    owner = NotebookServer.objects.first().owner  # type: ignore[union-attr]
    EnvironmentFactory.create(owner=owner)
    Quota.objects.get_or_create(person=owner)


@pytest.mark.parametrize("model", [*READ_ONLY, "environment", "quota"])
def test_admin_lists_many_with_as_many_queries_as_one(browser: Client, model: str) -> None:
    address = reverse(f"admin:environments_{model}_changelist")
    make_one_of_each()
    browser.get(address)

    with CaptureQueriesContext(connection) as with_one:
        browser.get(address)
    for _number in range(5):
        make_one_of_each()
    with CaptureQueriesContext(connection) as with_many:
        browser.get(address)

    assert len(with_many) == len(with_one)


@pytest.mark.parametrize("model", READ_ONLY)
def test_admin_adds_none(browser: Client, model: str) -> None:
    assert browser.get(reverse(f"admin:environments_{model}_add")).status_code == 403


def test_admin_shows_with_whom_files_are_shared(browser: Client) -> None:
    member = VolumeMemberFactory.create(access="write")

    page = browser.get(reverse("admin:environments_sharedvolume_change", args=[member.volume.pk])).content.decode()

    assert str(member.person) in page


def test_admin_shows_a_build_with_its_log(browser: Client) -> None:
    build = BuildFactory.create(state=Build.State.FAILED)
    BuildLogLine.objects.create(build=build, sequence=1, phase="building", text="Collecting numpy")

    page = browser.get(reverse("admin:environments_build_change", args=[build.pk])).content.decode()

    assert "Collecting numpy" in page


def test_admin_does_not_show_what_a_private_build_said(browser: Client, student: User) -> None:
    failure = {"failure_code": "dockerfile_failed", "failure_facts": {"step": "RUN cat exam.txt"}}
    build = BuildFactory.create(is_private=True, requested_by=student, **failure)
    BuildLogLine.objects.create(build=build, sequence=1, phase="building", text="the correct answers")

    page = browser.get(reverse("admin:environments_build_change", args=[build.pk])).content.decode()

    assert "dockerfile_failed" in page
    assert "exam.txt" not in page
    assert "the correct answers" not in page


def test_admin_shows_no_token(browser: Client) -> None:
    kept = GitCredentialFactory.create(sealed_password="what was sealed")
    addresses = [
        reverse("admin:environments_gitcredential_changelist"),
        reverse("admin:environments_gitcredential_change", args=[kept.pk]),
        reverse("admin:environments_gitcredential_delete", args=[kept.pk]),
    ]

    pages = [browser.get(address).content.decode() for address in addresses]

    assert [kept.origin in page for page in pages[:2]] == [True, True]
    assert "what was sealed" not in "".join(pages)


def test_admin_takes_a_token_away(browser: Client) -> None:
    kept = GitCredentialFactory.create()

    browser.post(reverse("admin:environments_gitcredential_delete", args=[kept.pk]), {"post": "yes"})

    assert not GitCredential.objects.exists()


def test_admin_changes_no_server(browser: Client) -> None:
    server = NotebookServerFactory.create(name="mine")
    address = reverse("admin:environments_notebookserver_change", args=[server.pk])

    assert browser.get(address).status_code == 200
    assert browser.post(address, {"name": "other", "state": "running"}).status_code == 403

    server.refresh_from_db()
    assert (server.name, server.state) == ("mine", NotebookServer.State.STOPPED)


NO_TAGS = {"tags-TOTAL_FORMS": "0", "tags-INITIAL_FORMS": "0"}


def test_admin_publishes_an_environment_with_tags(browser: Client) -> None:
    fields = {
        "title": "Statistics",
        "provider": "gh",
        "repository": "a/b",
        "visibility": "everyone",
        "rebuild": "daily",
    }
    tags = {"tags-TOTAL_FORMS": "1", "tags-INITIAL_FORMS": "0", "tags-0-name": "Café"}

    browser.post(reverse("admin:environments_environment_add"), fields | tags)

    environment = Environment.objects.get()
    assert (environment.title, environment.slug) == ("Statistics", "statistics")
    assert environment in Environment.objects.tagged("cafe")


def test_admin_who_makes_it_something_else_has_it_prepared_anew(browser: Client) -> None:
    environment = EnvironmentFactory.create(commit="1" * 40, image_key="1" * 64, has_image=True)
    fields = {"title": "Other", "provider": "gh", "repository": "a/other", "visibility": "everyone", "rebuild": "daily"}

    browser.post(reverse("admin:environments_environment_change", args=[environment.pk]), fields | NO_TAGS)

    environment.refresh_from_db()
    assert (environment.repository, environment.commit, environment.has_image) == ("a/other", "", False)


def test_admin_recommends_environments(browser: Client) -> None:
    environment = EnvironmentFactory.create()
    address = reverse("admin:environments_environment_changelist")
    chosen = {"_selected_action": [str(environment.pk)]}

    browser.post(address, {"action": "feature"} | chosen)
    assert Environment.objects.get().is_featured

    browser.post(address, {"action": "stop_featuring"} | chosen)
    assert not Environment.objects.get().is_featured


def test_admin_gives_a_group_a_quota(browser: Client) -> None:
    group = Group.objects.create(name="physics")

    browser.post(reverse("admin:environments_quota_add"), {"group": group.pk, "running_servers": "3", "cpus": "1.5"})

    quota = Quota.objects.get()
    assert (quota.group, quota.running_servers, quota.cpus, quota.memory_mb) == (group, 3, 1.5, None)


def test_admin_limits_a_group_as_a_whole_but_nobody_alone(browser: Client, student: User) -> None:
    group = Group.objects.create(name="physics")

    for whose in ({"group": group.pk}, {"person": str(student.pk)}):
        browser.post(reverse("admin:environments_quota_add"), whose | {"group_running_servers": "20"})

    quota = Quota.objects.get()
    assert (quota.group, quota.group_running_servers, quota.running_servers) == (group, 20, None)


@pytest.mark.parametrize("wrong", [{}, {"cpus": "nan"}, {"cpus": "-1"}, {"servers": "-1"}])
def test_admin_refuses_a_quota_that_means_nothing(browser: Client, student: User, wrong: dict[str, str]) -> None:
    whose = {"person": str(student.pk)} if wrong else {}

    response = browser.post(reverse("admin:environments_quota_add"), whose | wrong)

    assert response.status_code == 200
    assert not Quota.objects.exists()


def test_admin_refuses_a_quota_of_a_person_and_a_group(browser: Client, student: User) -> None:
    group = Group.objects.create(name="physics")

    page = browser.post(reverse("admin:environments_quota_add"), {"person": student.pk, "group": group.pk})

    assert "Choose either a person or a group." in page.content.decode()


def test_admin_puts_a_person_into_a_group(browser: Client, student: User) -> None:
    group = Group.objects.create(name="physics")
    address = reverse("admin:accounts_user_change", args=[student.pk])

    browser.post(address, {"username": "student", "role": "member", "is_active": "on", "groups": group.pk})

    student.refresh_from_db()
    assert list(student.groups.all()) == [group]
    assert not student.is_staff
