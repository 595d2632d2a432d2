"""Pages of other origins are kept out; preferences apply."""

from __future__ import annotations

import pytest
from django.test import Client
from django.utils import timezone

from accounts.models import User
from tests.factories import running_server

NAVIGATION = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
NOTEBOOK_ORIGIN = "http://first-abcdefghij.localhost:8000"


@pytest.mark.django_db
@pytest.mark.parametrize("site", ["cross-site", "same-site"])
@pytest.mark.parametrize(
    "headers",
    [
        {"Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"},
        {"Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
        {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "iframe"},
        {"Sec-Fetch-Mode": "websocket", "Sec-Fetch-Dest": "websocket"},
        {},
    ],
)
def test_refuse_what_another_site_reads(client: Client, site: str, headers: dict[str, str]) -> None:
    response = client.get("/", headers={"Sec-Fetch-Site": site, **headers})

    assert response.status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("site", ["cross-site", "same-site", "same-origin", "none"])
def test_accept_a_link_that_is_followed(client: Client, site: str) -> None:
    response = client.get("/", headers={"Sec-Fetch-Site": site, **NAVIGATION})

    assert response.status_code == 200


@pytest.mark.django_db
def test_refuse_a_form_of_another_site(client: Client) -> None:
    response = client.post("/preferences/", headers={"Sec-Fetch-Site": "same-site", **NAVIGATION})

    assert response.status_code == 403


@pytest.mark.django_db
@pytest.mark.parametrize("origin", [NOTEBOOK_ORIGIN, "null", "https://localhost", "http://localhost.evil.example", ""])
def test_refuse_a_change_from_another_origin(client: Client, origin: str) -> None:
    response = client.post("/preferences/", {"theme": "dark"}, headers={"Origin": origin, "Host": "localhost"})

    assert response.status_code == 403
    assert "carrel_theme" not in response.cookies
    assert "frame-ancestors 'none'" in response.headers["Content-Security-Policy"]


@pytest.mark.django_db
def test_accept_a_change_from_its_own_origin(client: Client) -> None:
    headers = {"Origin": "http://localhost:8000", "Host": "localhost:8000", "Sec-Fetch-Site": "same-origin"}

    response = client.post("/preferences/", {"theme": "dark"}, headers=headers)

    assert response.status_code == 302


@pytest.mark.django_db
@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/accounts/saml/partner/acs/", 404),  # Let through: there is no such provider here.
        ("/accounts/saml/partner/login/", 403),
        ("/accounts/saml/partner/acs/finish/", 403),
        ("/accounts/saml/a/b/acs/", 403),
        ("/accounts/oidc/partner/login/", 403),
    ],
)
def test_accept_a_form_of_another_site_only_where_identity_providers_send_theirs(
    client: Client, path: str, status: int
) -> None:
    response = client.post(path, headers={"Origin": "https://idp.example", "Sec-Fetch-Site": "cross-site"})

    assert response.status_code == status


@pytest.mark.django_db
def test_refuse_a_change_sent_to_an_unknown_host(client: Client) -> None:
    headers = {"Origin": "http://evil.example", "Host": "evil.example"}

    response = client.post("/preferences/", headers=headers)

    assert response.status_code == 403


@pytest.mark.django_db
def test_accept_a_program_that_sends_no_browser_headers(client: Client) -> None:
    response = client.get("/api/v1/servers/")

    assert response.status_code == 401


@pytest.mark.django_db
@pytest.mark.parametrize("path", ["/", "/accounts/login/", "/api/v1/servers/"])
def test_never_invite_other_origins(client: Client, path: str) -> None:
    response = client.get(path, headers={"Origin": NOTEBOOK_ORIGIN})

    assert not [name for name in response.headers if name.lower().startswith("access-control-")]


@pytest.mark.parametrize(
    ("chosen", "cookie", "expected"),
    [
        ("Asia/Tokyo", "Europe/Paris", "Asia/Tokyo"),
        ("", "Europe/Paris", "Europe/Paris"),
        ("", "../../etc/passwd", "UTC"),
        ("Nowhere/Land", "", "UTC"),
    ],
)
def test_tell_times_in_the_zone_of_the_reader(
    client: Client, student: User, chosen: str, cookie: str, expected: str
) -> None:
    student.time_zone = chosen
    student.save()
    server = running_server(owner=student)
    client.force_login(student)
    client.cookies["carrel_timezone"] = cookie

    page = client.get(f"/servers/{server.pk}/").content.decode()

    with timezone.override(expected):
        assert f' {timezone.localtime(server.created_at).tzname()}"' in page


def test_speak_the_language_of_the_account(client: Client, student: User) -> None:
    student.language = "fr"
    student.save()
    client.force_login(student)

    response = client.get("/", headers={"Accept-Language": "en"})

    assert '<html lang="fr"' in response.content.decode()


@pytest.mark.django_db
def test_speak_the_language_of_the_browser_to_a_stranger(client: Client) -> None:
    response = client.get("/", headers={"Accept-Language": "fr-CA,fr;q=0.8"})

    assert '<html lang="fr"' in response.content.decode()


def test_parts_of_pages_are_not_kept(client: Client, student: User) -> None:
    client.force_login(student)

    part, page = client.get("/", headers={"HX-Request": "true"}), client.get("/")

    assert part["Cache-Control"] == "no-store"
    assert "Cache-Control" not in page
    assert "HX-Request" in part["Vary"]
    assert "HX-Request" in page["Vary"]
