"""The OpenAPI description: complete, valid, open to all."""

from __future__ import annotations

import json
from io import StringIO
from typing import Any

import pytest
from django.core.management import call_command
from django.test import Client

OF_CLASSES = ("courses", "assignments", "submissions", "grades")


@pytest.fixture(scope="module")
def schema() -> dict[str, Any]:
    """The description as clients get it."""
    response = Client().get("/api/v1/schema/", HTTP_ACCEPT="application/json")
    description: dict[str, Any] = json.loads(response.content)
    return description


def operations(schema: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """Every operation with its name."""
    return [
        (f"{method.upper()} {path}", operation)
        for path, methods in schema["paths"].items()
        for method, operation in methods.items()
    ]


def test_schema_is_valid_and_raises_no_warning() -> None:
    call_command("spectacular", validate=True, fail_on_warn=True, stdout=StringIO())


def test_schema_has_every_address(schema: dict[str, Any]) -> None:
    assert sorted(name for name, _operation in operations(schema)) == [
        "DELETE /api/v1/assignments/{id}/",
        "DELETE /api/v1/assignments/{id}/extensions/{extension_id}/",
        "DELETE /api/v1/assignments/{id}/rubric/{item_id}/",
        "DELETE /api/v1/courses/{slug}/announcements/{id}/",
        "DELETE /api/v1/courses/{slug}/comments/{comment_id}/",
        "DELETE /api/v1/courses/{slug}/exports/{id}/",
        "DELETE /api/v1/courses/{slug}/files/{area}/",
        "DELETE /api/v1/courses/{slug}/invitations/{id}/",
        "DELETE /api/v1/courses/{slug}/lessons/{id}/",
        "DELETE /api/v1/courses/{slug}/members/{id}/",
        "DELETE /api/v1/environments/{id}/",
        "DELETE /api/v1/servers/{id}/",
        "DELETE /api/v1/servers/{id}/collaborators/{collaborator_id}/",
        "DELETE /api/v1/servers/{id}/invitations/{invitation_id}/",
        "DELETE /api/v1/shared-servers/{id}/",
        "DELETE /api/v1/submissions/{id}/comments/{comment_id}/",
        "DELETE /api/v1/volumes/{id}/",
        "DELETE /api/v1/volumes/{id}/members/{member_id}/",
        "GET /api/v1/assignments/",
        "GET /api/v1/assignments/{id}/",
        "GET /api/v1/assignments/{id}/checks/",
        "GET /api/v1/assignments/{id}/checks/{check_id}/",
        "GET /api/v1/assignments/{id}/extensions/",
        "GET /api/v1/assignments/{id}/grades/",
        "GET /api/v1/assignments/{id}/grades/cells.csv",
        "GET /api/v1/assignments/{id}/grades/points.csv",
        "GET /api/v1/assignments/{id}/grading/",
        "GET /api/v1/assignments/{id}/notebooks/",
        "GET /api/v1/assignments/{id}/regrading/",
        "GET /api/v1/assignments/{id}/releases/",
        "GET /api/v1/assignments/{id}/requests/",
        "GET /api/v1/assignments/{id}/rubric/",
        "GET /api/v1/builds/{id}/",
        "GET /api/v1/builds/{id}/log/",
        "GET /api/v1/courses/",
        "GET /api/v1/courses/{slug}/",
        "GET /api/v1/courses/{slug}/announcements/",
        "GET /api/v1/courses/{slug}/comments/",
        "GET /api/v1/courses/{slug}/environments/",
        "GET /api/v1/courses/{slug}/environments/{audience}/versions/",
        "GET /api/v1/courses/{slug}/exports/",
        "GET /api/v1/courses/{slug}/exports/{id}/",
        "GET /api/v1/courses/{slug}/files/",
        "GET /api/v1/courses/{slug}/hand-ins/",
        "GET /api/v1/courses/{slug}/hand-ins/{id}/",
        "GET /api/v1/courses/{slug}/invitations/",
        "GET /api/v1/courses/{slug}/lessons/",
        "GET /api/v1/courses/{slug}/lessons/{id}/",
        "GET /api/v1/courses/{slug}/live/",
        "GET /api/v1/courses/{slug}/members/",
        "GET /api/v1/disk/",
        "GET /api/v1/environments/",
        "GET /api/v1/environments/{id}/",
        "GET /api/v1/exchange/",
        "GET /api/v1/exchange/submissions/{id}/feedback/",
        "GET /api/v1/exchange/submissions/{id}/files/",
        "GET /api/v1/exchange/{course}/{name}/files/",
        "GET /api/v1/grades/",
        "GET /api/v1/grades/{id}/",
        "GET /api/v1/servers/",
        "GET /api/v1/servers/{id}/",
        "GET /api/v1/servers/{id}/collaborators/",
        "GET /api/v1/servers/{id}/invitations/",
        "GET /api/v1/shared-servers/",
        "GET /api/v1/submissions/",
        "GET /api/v1/submissions/{id}/",
        "GET /api/v1/submissions/{id}/cells/",
        "GET /api/v1/submissions/{id}/changes/",
        "GET /api/v1/submissions/{id}/comments/",
        "GET /api/v1/submissions/{id}/files/",
        "GET /api/v1/submissions/{id}/requests/",
        "GET /api/v1/usage/",
        "GET /api/v1/volumes/",
        "GET /api/v1/volumes/{id}/",
        "GET /api/v1/volumes/{id}/members/",
        "PATCH /api/v1/assignments/{id}/",
        "PATCH /api/v1/assignments/{id}/rubric/{item_id}/",
        "PATCH /api/v1/courses/{slug}/announcements/{id}/",
        "PATCH /api/v1/courses/{slug}/comments/{comment_id}/",
        "PATCH /api/v1/courses/{slug}/lessons/{id}/",
        "PATCH /api/v1/courses/{slug}/members/{id}/",
        "PATCH /api/v1/environments/{id}/",
        "PATCH /api/v1/submissions/{id}/comments/{comment_id}/",
        "PATCH /api/v1/volumes/{id}/",
        "PATCH /api/v1/volumes/{id}/members/{member_id}/",
        "POST /api/v1/assignments/",
        "POST /api/v1/assignments/{id}/checks/",
        "POST /api/v1/assignments/{id}/extensions/",
        "POST /api/v1/assignments/{id}/grades/publish/",
        "POST /api/v1/assignments/{id}/grading/",
        "POST /api/v1/assignments/{id}/notebooks/",
        "POST /api/v1/assignments/{id}/regrading/",
        "POST /api/v1/assignments/{id}/regrading/take-over/",
        "POST /api/v1/assignments/{id}/releases/",
        "POST /api/v1/assignments/{id}/rubric/",
        "POST /api/v1/builds/{id}/cancel/",
        "POST /api/v1/courses/{slug}/announcements/",
        "POST /api/v1/courses/{slug}/comments/",
        "POST /api/v1/courses/{slug}/environments/{audience}/back/",
        "POST /api/v1/courses/{slug}/environments/{audience}/prepare/",
        "POST /api/v1/courses/{slug}/environments/{audience}/use/",
        "POST /api/v1/courses/{slug}/exports/",
        "POST /api/v1/courses/{slug}/files/{area}/",
        "POST /api/v1/courses/{slug}/hand-ins/",
        "POST /api/v1/courses/{slug}/invitations/",
        "POST /api/v1/courses/{slug}/lessons/",
        "POST /api/v1/courses/{slug}/lessons/{id}/move/",
        "POST /api/v1/courses/{slug}/lessons/{id}/publish/",
        "POST /api/v1/courses/{slug}/members/",
        "POST /api/v1/environments/",
        "POST /api/v1/environments/{id}/fork/",
        "POST /api/v1/environments/{id}/rebuild/",
        "POST /api/v1/exchange/{course}/{name}/submissions/",
        "POST /api/v1/servers/",
        "POST /api/v1/servers/{id}/collaborators/",
        "POST /api/v1/servers/{id}/invitations/",
        "POST /api/v1/servers/{id}/keep/",
        "POST /api/v1/servers/{id}/rollback/",
        "POST /api/v1/servers/{id}/start/",
        "POST /api/v1/servers/{id}/stop/",
        "POST /api/v1/servers/{id}/undelete/",
        "POST /api/v1/servers/{id}/update/",
        "POST /api/v1/submissions/{id}/changes/",
        "POST /api/v1/submissions/{id}/comments/",
        "POST /api/v1/submissions/{id}/grade/",
        "POST /api/v1/submissions/{id}/requests/",
        "POST /api/v1/submissions/{id}/requests/{request_id}/answer/",
        "POST /api/v1/submissions/{id}/requests/{request_id}/close/",
        "POST /api/v1/submissions/{id}/rubric/",
        "POST /api/v1/volumes/",
        "POST /api/v1/volumes/{id}/leave/",
        "POST /api/v1/volumes/{id}/members/",
        "POST /api/v1/volumes/{id}/undelete/",
    ]


def test_schema_describes_errors_of_every_operation(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        assert {"401", "403", "429"} <= set(operation["responses"]), name
        assert ("404" in operation["responses"]) == ("{" in name), name


def test_schema_says_in_words_what_every_operation_does(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        assert operation["summary"], name
        assert operation["description"], name


def test_schema_names_the_scope_of_every_operation(schema: dict[str, Any]) -> None:
    for name, operation in operations(schema):
        of_what = "classes" if any(f"/v1/{part}/" in name for part in OF_CLASSES) else "servers"
        only_reads = name.startswith("GET") and not name.endswith("{slug}/invitations/")  # Their codes let people in.
        scope = "exchange" if "/exchange/" in name else f"{of_what}:{'read' if only_reads else 'write'}"
        assert operation["description"].endswith(f"A token needs the scope `{scope}`."), name


def test_docs_page_is_served_to_everybody_without_inline_scripts(client: Client, db: None) -> None:
    page = client.get("/api/v1/docs/").content.decode()

    assert "swagger-ui-bundle.js" in page
    assert "<style" not in page
    assert "https://" not in page
