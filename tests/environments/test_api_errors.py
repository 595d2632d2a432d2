"""Whatever goes wrong, the API says so in one shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NoReturn

import pytest
from django.http import Http404
from django.urls import path
from pytest_django import Settings
from rest_framework.exceptions import Throttled
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.test import APIClient, APIRequestFactory, force_authenticate
from rest_framework.views import APIView

from accounts.models import Scope, User
from environments.errors import REASONS, SystemFailure, UserError
from environments.parsers import MAX_BODY_BYTES
from tests.environments.api_client import SERVERS, browser_of, program_of

JSON = "application/json"


class RaisingView(APIView):
    """Answers GET by raising what it was made with."""

    required_scopes: Mapping[str, Scope] = {"GET": Scope.SERVERS_READ}
    error: BaseException = Http404()

    def get(self, request: Request) -> NoReturn:
        """Raise it."""
        raise self.error


class UndeclaredView(APIView):
    """Forgot to say which scope it needs."""

    def get(self, request: Request) -> Response:
        """Answer, if ever asked."""
        return Response({})


urlpatterns = [path("broken/", RaisingView.as_view(error=RuntimeError("a secret detail")))]


def raise_in_view(user: User, error: Exception) -> Response:
    """What the API answers when a view raises this."""
    request = APIRequestFactory().get("/")
    force_authenticate(request, user)
    response = RaisingView.as_view(error=error)(request)
    assert isinstance(response, Response)
    return response


def assert_shape(body: Mapping[str, Any], code: str) -> None:
    """Code, message, next step, and nothing but `fields` besides."""
    assert body["code"] == code
    assert body["message"]
    assert body["next_step"]
    assert set(body) <= {"code", "message", "next_step", "fields"}


@pytest.mark.parametrize("code", sorted(REASONS))
def test_error_of_ours_answered_with_its_status_and_words(student: User, code: str) -> None:
    response = raise_in_view(student, UserError(code))

    assert response.status_code == REASONS[code].status
    assert_shape(response.data, code)


def test_error_of_ours_keeps_its_detail_to_itself(student: User) -> None:
    response = raise_in_view(student, SystemFailure("start_failed", detail="/srv/secret"))

    assert "secret" not in str(response.data)


def test_error_when_asked_too_often_says_how_long_to_wait(student: User) -> None:
    response = raise_in_view(student, Throttled(wait=7))

    assert response.status_code == 429
    assert response["Retry-After"] == "7"
    assert_shape(response.data, "throttled")


def test_error_nobody_expected_is_logged_and_not_shown(
    student: User, settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    settings.ROOT_URLCONF = __name__
    program = program_of(student)
    program.raise_request_exception = False

    response = program.get("/broken/")

    assert response.status_code == 500
    assert_shape(response.json(), "unexpected")
    assert "secret" not in response.content.decode()
    assert "a secret detail" in caplog.text


@pytest.mark.parametrize("body", ["{", "", "null null", '{"repository": NaN}', "\x00", '"', "{'a': 1}"])
def test_error_for_what_is_not_json(student: User, body: str) -> None:
    response = program_of(student).generic("POST", SERVERS, body or " ", content_type=JSON)

    assert response.status_code == 400
    assert_shape(response.json(), "parse_error")


@pytest.mark.parametrize("body", ["[]", "5", '"x"', "null", "[{}]"])
def test_error_for_json_that_is_no_object(student: User, body: str) -> None:
    response = program_of(student).generic("POST", SERVERS, body, content_type=JSON)

    assert response.status_code == 400
    assert_shape(response.json(), "invalid")


def test_error_for_deeply_nested_json(student: User) -> None:
    response = program_of(student).generic("POST", SERVERS, "[" * 30_000, content_type=JSON)

    assert response.status_code == 400
    assert_shape(response.json(), "parse_error")


def test_error_for_more_than_the_api_reads(student: User) -> None:
    body = '{"repository": "' + "x" * MAX_BODY_BYTES + '"}'

    response = program_of(student).generic("POST", SERVERS, body, content_type=JSON)

    assert response.status_code == 413
    assert_shape(response.json(), "too_large")


@pytest.mark.parametrize("content_type", ["text/plain", "application/x-www-form-urlencoded", "multipart/form-data"])
def test_error_for_what_is_not_even_meant_as_json(student: User, content_type: str) -> None:
    response = program_of(student).generic("POST", SERVERS, "repository=x", content_type=content_type)

    assert response.status_code == 415
    assert_shape(response.json(), "unsupported_media_type")


@pytest.mark.parametrize("method", ["PUT", "PATCH", "TRACE"])
def test_error_for_a_method_there_is_not(student: User, method: str) -> None:
    response = program_of(student).generic(method, SERVERS)

    assert response.status_code == 405
    assert "GET" in response["Allow"]
    assert_shape(response.json(), "method_not_allowed")


def test_error_when_another_format_is_wanted(student: User) -> None:
    response = program_of(student).get(SERVERS, HTTP_ACCEPT="application/xml")

    assert response.status_code == 406
    assert_shape(response.json(), "not_acceptable")


@pytest.mark.parametrize("query", ["limit=many", "limit=0", "offset=-1", "offset=null"])
@pytest.mark.parametrize("path", [SERVERS, "/api/v1/environments/"])
def test_error_for_a_page_there_cannot_be(student: User, path: str, query: str) -> None:
    response = program_of(student).get(f"{path}?{query}")

    assert response.status_code == 400
    assert_shape(response.json(), "invalid")
    assert query.partition("=")[0] in response.json()["fields"]


def test_error_without_token_says_how_to_get_one(db: None) -> None:
    response = APIClient().get(SERVERS)

    assert response.status_code == 401
    assert response["WWW-Authenticate"] == "Bearer"
    assert_shape(response.json(), "not_authenticated")


def test_error_without_scope_names_the_scope(student: User) -> None:
    response = program_of(student, [Scope.SERVERS_READ]).post(SERVERS, {}, format="json")

    assert response.status_code == 403
    assert_shape(response.json(), "scope_missing")
    assert "servers:write" in response.json()["message"]


def test_error_without_csrf_token(student: User) -> None:
    response = browser_of(student).post(SERVERS, {}, format="json")

    assert response.status_code == 403
    assert_shape(response.json(), "permission_denied")


@pytest.mark.parametrize("path", ["/api/v1/", "/api/v1/nothing/", "/api/v1/servers/1/", "/api/v1/servers/%00/"])
def test_error_for_an_address_there_is_not(student: User, path: str) -> None:
    response = program_of(student).get(path)

    assert response.status_code == 404
    assert_shape(response.json(), "not_found")


def test_view_that_names_no_scope_is_closed_to_everybody(student: User) -> None:
    request = APIRequestFactory().get("/")
    force_authenticate(request, student)

    assert UndeclaredView.as_view()(request).status_code == 403
