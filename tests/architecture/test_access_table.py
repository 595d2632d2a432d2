"""Every page, and what a stranger, somebody else and its owner get from it. A new page must be added here."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import pytest
from asgiref.sync import sync_to_async
from channels.testing import HttpCommunicator
from django.contrib.auth.models import Group
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from django.utils import timezone

from accounts.models import Scope, User
from accounts.tokens import create_token
from config.asgi import application
from environments.binder import http_urlpatterns
from environments.models import Visibility
from tests.factories import (
    BuildFactory,
    EnvironmentFactory,
    GitCredentialFactory,
    NotebookServerFactory,
    SharedVolumeFactory,
    UserFactory,
    VolumeMemberFactory,
)

SIGN_IN = 302
OTHERS = {"accounts", "admin", "api", "assignments", "classes", "lti"}
"""The namespaces and applications with tables of their own."""


@dataclass(frozen=True)
class Page:
    """A page, asked for by `method`; the statuses for somebody not signed in, another person, the owner."""

    name: str
    path: str
    method: str
    anonymous: int
    other: int
    owner: int


@dataclass(frozen=True)
class Stream:
    """A stream of events, asked for by GET; the statuses for people in a browser, and for a program."""

    name: str
    path: str
    anonymous: int
    other: int
    owner: int
    program: int


STREAMS = [Stream("build-stream", "/build/svn/nowhere", 401, 401, 401, 200)]
"""Not Django's: what `config/asgi.py` sends elsewhere. Being signed in is not enough for them."""

PAGES = [
    Page("environments:home", "/", "get", 200, 200, 200),
    Page("environments:home", "/", "post", SIGN_IN, 422, 422),
    Page("environments:server-detail", "/servers/{server}/", "get", SIGN_IN, 404, 200),
    Page("environments:server-start", "/servers/{server}/start/", "post", SIGN_IN, 404, 302),
    Page("environments:server-stop", "/servers/{server}/stop/", "post", SIGN_IN, 404, 302),
    Page("environments:server-keep", "/servers/{server}/keep/", "post", SIGN_IN, 404, 302),
    Page("environments:server-drop-credentials", "/servers/{server}/key/drop/", "post", SIGN_IN, 404, 302),
    Page("environments:server-look", "/servers/{server}/look/", "post", SIGN_IN, 404, 302),
    Page("environments:server-update", "/servers/{server}/update/", "post", SIGN_IN, 404, 302),
    Page("environments:server-update-cancel", "/servers/{server}/update/cancel/", "post", SIGN_IN, 404, 302),
    Page("environments:server-roll-back", "/servers/{server}/roll-back/", "post", SIGN_IN, 404, 302),
    Page("environments:server-delete", "/servers/{server}/delete/", "get", SIGN_IN, 404, 200),
    Page("environments:server-delete", "/servers/{server}/delete/", "post", SIGN_IN, 404, 302),
    Page("environments:server-mounts", "/servers/{server}/mounts/", "get", SIGN_IN, 404, 200),
    Page("environments:server-mounts", "/servers/{server}/mounts/", "post", SIGN_IN, 404, 302),
    Page("environments:server-people", "/servers/{server}/people/", "get", SIGN_IN, 404, 200),
    Page("environments:collaborator-invite", "/servers/{server}/people/invite/", "post", SIGN_IN, 404, 302),
    Page("environments:collaborator-remove", "/servers/{server}/people/{server}/remove/", "post", SIGN_IN, 404, 404),
    Page("environments:invitation-make", "/servers/{server}/invitations/new/", "post", SIGN_IN, 404, 400),
    Page("environments:invitation-revoke", "/servers/{server}/invitations/{server}/revoke/", "post", SIGN_IN, 404, 404),
    Page("environments:invitation-accept", "/invitations/made-up/", "get", SIGN_IN, 404, 404),
    Page("environments:invitation-accept", "/invitations/made-up/", "post", SIGN_IN, 404, 404),
    Page("environments:server-leave", "/servers/{server}/leave/", "get", SIGN_IN, 404, 404),
    Page("environments:server-leave", "/servers/{server}/leave/", "post", SIGN_IN, 404, 404),
    Page("environments:server-open", "/servers/{server}/open/", "get", SIGN_IN, 404, 302),
    Page("environments:build-cancel", "/builds/{build}/cancel/", "post", SIGN_IN, 404, 302),
    Page("environments:server-undelete", "/servers/{server}/undelete/", "post", SIGN_IN, 404, 404),
    Page("environments:launch-link", "/v2/file/etc", "get", SIGN_IN, 400, 400),
    Page("environments:launch-link", "/v2/gh/a/b/HEAD?hub=nowhere", "get", SIGN_IN, 404, 404),
    Page("environments:launch-agreed", "/launch/", "post", SIGN_IN, 403, 403),
    Page("environments:link-preview", "/link-preview/", "get", SIGN_IN, 200, 200),
    Page("environments:trust-list", "/trusted-repositories/", "get", SIGN_IN, 200, 200),
    Page("environments:trust-forget", "/trusted-repositories/1/forget/", "post", SIGN_IN, 404, 404),
    Page("environments:git-credential-list", "/account/repositories/", "get", SIGN_IN, 200, 200),
    Page("environments:git-credential-add", "/account/repositories/new/", "get", SIGN_IN, 200, 200),
    Page("environments:git-credential-add", "/account/repositories/new/", "post", SIGN_IN, 422, 422),
    Page("environments:git-credential-remove", "/account/repositories/{credential}/remove/", "get", SIGN_IN, 404, 200),
    Page("environments:git-credential-remove", "/account/repositories/{credential}/remove/", "post", SIGN_IN, 404, 302),
    Page("environments:environment-list", "/environments/", "get", SIGN_IN, 200, 200),
    Page("environments:environment-publish", "/environments/new/", "get", SIGN_IN, 200, 200),
    Page("environments:environment-publish", "/environments/new/", "post", SIGN_IN, 422, 422),
    Page("environments:environment-detail", "/environments/{private}/", "get", SIGN_IN, 404, 200),
    Page("environments:environment-detail", "/environments/{open}/", "get", SIGN_IN, 200, 200),
    Page("environments:environment-detail", "/environments/{theirs}/", "get", SIGN_IN, 404, 200),
    Page("environments:environment-launch", "/environments/{private}/launch/", "post", SIGN_IN, 404, 302),
    Page("environments:environment-launch", "/environments/{theirs}/launch/", "post", SIGN_IN, 404, 302),
    Page("environments:environment-edit", "/environments/{private}/edit/", "get", SIGN_IN, 404, 200),
    Page("environments:environment-edit", "/environments/{open}/edit/", "get", SIGN_IN, 403, 200),
    Page("environments:environment-edit", "/environments/{open}/edit/", "post", SIGN_IN, 403, 422),
    Page("environments:environment-fork", "/environments/{private}/fork/", "post", SIGN_IN, 404, 302),
    Page("environments:environment-fork", "/environments/{open}/fork/", "post", SIGN_IN, 302, 302),
    Page("environments:environment-rebuild", "/environments/{private}/rebuild/", "post", SIGN_IN, 404, 302),
    Page("environments:environment-rebuild", "/environments/{open}/rebuild/", "post", SIGN_IN, 403, 302),
    Page("environments:environment-delete", "/environments/{private}/delete/", "get", SIGN_IN, 404, 200),
    Page("environments:environment-delete", "/environments/{open}/delete/", "post", SIGN_IN, 403, 302),
    Page("environments:volume-list", "/volumes/", "get", SIGN_IN, 200, 200),
    Page("environments:volume-create", "/volumes/new/", "get", SIGN_IN, 200, 200),
    Page("environments:volume-create", "/volumes/new/", "post", SIGN_IN, 422, 422),
    Page("environments:volume-detail", "/volumes/{shared}/", "get", SIGN_IN, 404, 200),
    Page("environments:volume-rename", "/volumes/{shared}/rename/", "post", SIGN_IN, 404, 422),
    Page("environments:volume-invite", "/volumes/{shared}/invite/", "post", SIGN_IN, 404, 422),
    Page("environments:volume-member-change", "/volumes/{shared}/members/{member}/change/", "post", SIGN_IN, 404, 400),
    Page("environments:volume-member-remove", "/volumes/{shared}/members/{member}/remove/", "post", SIGN_IN, 404, 302),
    Page("environments:volume-leave", "/volumes/{shared}/leave/", "get", SIGN_IN, 404, 403),
    Page("environments:volume-leave", "/volumes/{shared}/leave/", "post", SIGN_IN, 404, 403),
    Page("environments:volume-delete", "/volumes/{shared}/delete/", "get", SIGN_IN, 404, 200),
    Page("environments:volume-delete", "/volumes/{shared}/delete/", "post", SIGN_IN, 404, 302),
    Page("environments:volume-undelete", "/volumes/{deleted}/undelete/", "post", SIGN_IN, 404, 302),
    Page("environments:status", "/status/", "get", SIGN_IN, 403, 403),
    Page("environments:site-usage", "/status/usage/", "get", SIGN_IN, 403, 403),
    Page("environments:site-usage-csv", "/status/usage/csv/", "get", SIGN_IN, 403, 403),
    Page("environments:usage", "/usage/", "get", SIGN_IN, 200, 200),
    Page("environments:usage-csv", "/usage/csv/", "get", SIGN_IN, 200, 200),
    Page("environments:subdomain-open", "/open/{subdomain}/", "get", SIGN_IN, 404, 302),
    Page("badge", "/badge_logo.svg", "get", 200, 200, 200),
    Page("exchange-package", "/carrel-exchange.zip", "get", 200, 200, 200),
    Page("badge-of-old", "/badge.svg", "get", 200, 200, 200),
    Page("versions", "/versions", "get", 200, 200, 200),
    Page("health", "/health", "get", 503, 503, 503),
    Page("preferences", "/preferences/", "post", 302, 302, 302),
    Page("styleguide", "/styleguide/", "get", 200, 200, 200),
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.method} {page.name}")
@pytest.mark.parametrize("who", ["anonymous", "other", "owner"])
def test_page_answers_each_person_as_the_table_says(
    client: Client, student: User, stranger: User, fake_backends: None, page: Page, who: str
) -> None:
    build = BuildFactory.create(requested_by=student)
    server = NotebookServerFactory.create(owner=student, build=build, provider="example", repository="none")
    if who != "anonymous":
        client.force_login(student if who == "owner" else stranger)
    kept = GitCredentialFactory.create(owner=student)
    member = VolumeMemberFactory.create(volume__owner=student)
    deleted = SharedVolumeFactory.create(owner=student, deleted_at=timezone.now())
    path = page.path.format(
        server=server.pk,
        build=build.pk,
        subdomain=server.subdomain,
        credential=kept.pk,
        **_addresses_of_environments(student),
        shared=member.volume.pk,
        member=member.pk,
        deleted=deleted.pk,
    )

    response = getattr(client, page.method)(path)

    assert response.status_code == getattr(page, who)
    if page.anonymous == SIGN_IN and who == "anonymous" and page.name != "preferences":
        assert response["Location"].startswith("/accounts/login/?next=")


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("stream", STREAMS, ids=lambda stream: stream.name)
@pytest.mark.parametrize("who", ["anonymous", "other", "owner", "program"])
async def test_stream_answers_each_person_as_the_table_says(client: Client, stream: Stream, who: str) -> None:
    headers = await sync_to_async(_credentials)(client, who)
    request = HttpCommunicator(application, "GET", stream.path, headers=headers)
    request.scope["raw_path"] = stream.path.encode()

    await request.send_input({"type": "http.request", "body": b""})
    head = await request.receive_output(timeout=10)

    assert head["status"] == getattr(stream, who)
    await request.send_input({"type": "http.disconnect"})
    await request.wait(timeout=5)


def test_table_names_every_stream() -> None:
    assert {pattern.name for pattern in http_urlpatterns} == {stream.name for stream in STREAMS}


def test_table_names_every_page() -> None:
    assert set(_names(get_resolver().url_patterns)) == {page.name for page in PAGES}


def _addresses_of_environments(owner: User) -> dict[str, str]:
    """One that only its owner sees, one for a group of theirs that is somebody else's, and one that everybody sees."""
    facts = {"owner": owner, "provider": "example", "repository": "none"}
    visibilities = {"private": Visibility.PRIVATE, "open": Visibility.EVERYONE}
    slugs = {name: EnvironmentFactory.create(**facts, visibility=each).slug for name, each in visibilities.items()}
    group = Group.objects.create(name="Statistics")
    owner.groups.add(group)
    theirs = facts | {"owner": None, "visibility": Visibility.GROUP, "group": group}
    return slugs | {"theirs": EnvironmentFactory.create(**theirs).slug}


def _credentials(client: Client, who: str) -> list[tuple[bytes, bytes]]:
    headers = [(b"host", b"localhost:8000"), (b"accept", b"text/event-stream")]
    user = UserFactory.create(username=who)
    if who == "program":
        _, secret = create_token(user, name="test", scopes=[Scope.SERVERS_WRITE], days=1, now=timezone.now())
        return [*headers, (b"authorization", f"Bearer {secret}".encode())]
    if who != "anonymous":
        client.force_login(user)
    return [*headers, (b"cookie", client.cookies.output(header="", sep=";").strip().encode())]


def _names(patterns: list[URLPattern | URLResolver], namespace: str = "") -> Iterator[str]:
    for pattern in patterns:
        if isinstance(pattern, URLPattern):
            if not (pattern.name or "").startswith("account_"):
                yield f"{namespace}{pattern.name}"
        elif pattern.namespace not in OTHERS and not str(pattern.pattern).startswith("accounts/"):
            inner = f"{pattern.namespace}:" if pattern.namespace else ""
            yield from _names(pattern.url_patterns, namespace + inner)
