"""The services of LTI Advantage: line items, scores, results and the roster."""

from __future__ import annotations

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from lti.demo_lms import claims, scopes
from lti.demo_lms.lms import Lms
from lti.demo_lms.school import ASSISTANT, STUDENT, TEACHER, Column, Course, Person, Result, Tool
from lti.demo_lms.web import Request, Response, as_json

LINE_ITEM = "application/vnd.ims.lis.v2.lineitem+json"
LINE_ITEMS = "application/vnd.ims.lis.v2.lineitemcontainer+json"
RESULTS = "application/vnd.ims.lis.v2.resultcontainer+json"
SCORE = "application/vnd.ims.lis.v1.score+json"
MEMBERS = "application/vnd.ims.lti-nrps.v2.membershipcontainer+json"

_BASE = "/mod/lti/services.php"
_LINE_ITEMS = re.compile(_BASE + r"/(?P<course>\d+)/lineitems")
_COLUMN = re.compile(_BASE + r"/(?P<course>\d+)/lineitems/(?P<column>\d+)/lineitem(?P<part>|/scores|/results)")
_MEMBERS = re.compile(_BASE + r"/CourseSection/(?P<course>\d+)/bindings/(?P<tool>\d+)/memberships")

_TIMESTAMP = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d(:\d\d(\.\d+)?)?(Z|[+-]\d\d:?\d\d)")
_ACTIVITY = {"Initialized", "Started", "InProgress", "Submitted", "Completed"}
_GRADING = {"FullyGraded", "Pending", "PendingManual", "Failed", "NotReady"}


class ServiceError(Exception):
    """A service refuses: a status and the reason it gives, which may be none at all."""

    def __init__(self, status: int, reason: str = "", *, is_silent: bool = False) -> None:
        super().__init__(reason)
        self.status, self.reason, self.is_silent = status, reason, is_silent


def serve(lms: Lms, request: Request) -> Response:
    """Answer a request to any service."""
    try:
        return _serve(lms, request)
    except ServiceError as error:
        if error.is_silent:
            return Response(status=error.status)
        asked = {"method": request.method, "url": lms.url(request.path), "accept": request.headers.get("accept", "")}
        asked["contentType"] = request.headers.get("content-type", "")
        return as_json({"status": error.status, "reason": error.reason, "request": asked}, error.status)


def _serve(lms: Lms, request: Request) -> Response:
    if found := _LINE_ITEMS.fullmatch(request.path):
        tool, course = _asking(lms, request, found["course"])
        if request.method == "GET":
            _require(lms, request, LINE_ITEMS, scopes.LINE_ITEM, scopes.LINE_ITEM_READ)
            return _list_columns(lms, request, tool, course)
        _require(lms, request, LINE_ITEM, scopes.LINE_ITEM, method="POST")
        return _make_column(lms, request, tool, course)
    if found := _COLUMN.fullmatch(request.path):
        tool, course = _asking(lms, request, found["course"])
        return _serve_column(lms, request, _column(lms, tool, course, found["column"]), found["part"])
    if found := _MEMBERS.fullmatch(request.path):
        tool, course = _asking(lms, request, found["course"])
        if tool.id != int(found["tool"]):
            raise ServiceError(401, "Unauthorized")
        _require(lms, request, MEMBERS, scopes.MEMBERS)
        return _list_members(lms, request, tool, course)
    raise ServiceError(400, f"No handler found for {request.path}")


def _asking(lms: Lms, request: Request, course: str) -> tuple[Tool, Course]:
    """Who asks, and about which course."""
    token = lms.tokens.get(request.headers.get("authorization", "").removeprefix("Bearer ").strip())
    if token is None or token.ends_at <= lms.clock() or token.tool not in lms.school.tools:
        raise ServiceError(401, "Unauthorized")
    named = request.query.get("type_id")
    if named is not None and named != str(token.tool):
        raise ServiceError(401, "Unauthorized")
    if int(course) not in lms.school.courses:
        raise ServiceError(404, "Not Found")
    return lms.school.tools[token.tool], lms.school.courses[int(course)]


def _require(lms: Lms, request: Request, media_type: str, *wanted: str, method: str = "GET") -> None:
    """Refuse another method, a media type that is not the one foreseen, or a token without any of these scopes."""
    given = request.headers.get("accept" if request.method == "GET" else "content-type", "")
    offered = {one.partition(";")[0].strip() for one in given.split(",")}
    if request.method != "DELETE" and media_type not in offered:
        raise ServiceError(400, f"No handler found for {request.path} {given}")
    if request.method != method:
        raise ServiceError(405, "Method Not Allowed")
    token = lms.tokens[request.headers["authorization"].removeprefix("Bearer ").strip()]
    if not set(wanted) & set(token.scopes):
        raise ServiceError(401, "Unauthorized")


def _column(lms: Lms, tool: Tool, course: Course, number: str) -> Column:
    column = lms.school.columns.get(int(number))
    if column is None or column.course != course.id or column.tool != tool.id:
        raise ServiceError(404, "Not Found")
    return column


def _serve_column(lms: Lms, request: Request, column: Column, part: str) -> Response:
    if part == "/scores":
        _require(lms, request, SCORE, scopes.SCORE, method="POST")
        return _take_score(lms, column, request.json())
    if part == "/results":
        _require(lms, request, RESULTS, scopes.RESULT)
        return _list_results(lms, request, column)
    if request.method == "GET":
        _require(lms, request, LINE_ITEM, scopes.LINE_ITEM, scopes.LINE_ITEM_READ)
    elif request.method == "PUT":
        _require(lms, request, LINE_ITEM, scopes.LINE_ITEM, method="PUT")
        said = _line_item_of(request.json())
        column.label, column.maximum = said["label"], said["scoreMaximum"]
        column.resource_id = said.get("resourceId", column.resource_id)
        column.tag = said.get("tag", column.tag)
    else:
        _require(lms, request, LINE_ITEM, scopes.LINE_ITEM, method="DELETE")
        del lms.school.columns[column.id]
        return Response(status=204, content_type="")
    return as_json(_line_item(lms, column), content_type=LINE_ITEM)


def _line_item(lms: Lms, column: Column) -> dict[str, Any]:
    said: dict[str, Any] = {"id": scopes.line_item_url(lms, column), "label": column.label}
    said |= {"scoreMaximum": column.maximum, "resourceId": column.resource_id, "tag": column.tag}
    if column.activity is not None:
        number = lms.quirks.identifier("activity", column.activity)
        said |= {"resourceLinkId": number, "ltiLinkId": number}
    return said


def _line_item_of(given: Any) -> dict[str, Any]:
    """What a tool says of a column. Dates and what else it may say are passed over."""
    is_whole = isinstance(given, dict) and bool(given.get("label")) and _is_number(given.get("scoreMaximum"))
    if not is_whole or given["scoreMaximum"] <= 0:
        raise ServiceError(400, "Incorrect line item received")
    return dict(given)


def _list_columns(lms: Lms, request: Request, tool: Tool, course: Course) -> Response:
    found = [one for one in lms.school.columns_of(course) if one.tool == tool.id]
    query = request.query
    if "resource_id" in query:
        found = [one for one in found if one.resource_id == query["resource_id"]]
    if "tag" in query:
        found = [one for one in found if one.tag == query["tag"]]
    if "resource_link_id" in query:
        wanted = query["resource_link_id"]
        found = [one for one in found if one.activity and lms.quirks.identifier("activity", one.activity) == wanted]
    first, limit = _slice(query)
    shown = found[first : first + limit] if limit else found
    answer = as_json([_line_item(lms, one) for one in shown], content_type=LINE_ITEMS)
    if limit and first + limit < len(found):
        # As Moodle writes it: nobody can follow this.
        url = lms.url(request.path, **query | {"limit": limit, "from": first + limit}).replace("&", "&amp;")
        answer.headers.append(("link", f"<{url}>; rel=“next”"))
    return answer


def _make_column(lms: Lms, request: Request, tool: Tool, course: Course) -> Response:
    said = _line_item_of(request.json())
    facts = {"resource_id": str(said.get("resourceId", "")), "tag": str(said.get("tag", ""))}
    link = said.get("resourceLinkId") or said.get("ltiLinkId")
    known = {lms.quirks.identifier("activity", one.id): one for one in lms.school.activities_of(course, tool)}
    if link is not None and link not in known:
        raise ServiceError(404, "Not Found")
    activity = known[link].id if link is not None else None
    column = lms.school.add_column(course, tool, said["label"], said["scoreMaximum"], **facts, activity=activity)
    return as_json(_line_item(lms, column), 201, LINE_ITEM)


def _take_score(lms: Lms, column: Column, said: Any) -> Response:
    """Store a score, by all of Moodle's rules."""
    if not _is_score(said):
        raise ServiceError(400, "Incorrect score received")
    person = lms.person_with_sub(said["userId"])
    if person is None or not _is_gradable(lms, column, person):
        raise ServiceError(lms.quirks.not_gradable_status, "Incorrect score received")
    result = column.results.get(person.id) or Result()
    seconds = datetime.fromisoformat(said["timestamp"]).timestamp()
    seconds = int(seconds) if lms.quirks.compares_whole_seconds else seconds
    if result.seconds is not None and seconds <= result.seconds:
        raise ServiceError(lms.quirks.stale_status, "Refusing score with an earlier timestamp for item")
    if column.is_locked or result.is_locked:
        raise ServiceError(lms.quirks.locked_status, is_silent=lms.quirks.locked_status == 500)
    column.results[person.id] = result
    _change(lms, column, result, said, seconds)
    return Response(status=lms.quirks.score_status, content_type="")


def _change(lms: Lms, column: Column, result: Result, said: dict[str, Any], seconds: float) -> None:
    is_final = said["gradingProgress"] == "FullyGraded" and "scoreGiven" in said
    result.progress = said["gradingProgress"]
    result.comment = str(said.get("comment", ""))
    result.changed_at = lms.now()
    if is_final or (lms.quirks.unfinished == "keep" and "scoreGiven" in said):
        points = said["scoreGiven"] * column.maximum / said["scoreMaximum"]
        result.raw = min(points, column.maximum)
        result.timestamp, result.seconds = said["timestamp"], seconds
    elif lms.quirks.unfinished == "erase":
        result.raw, result.timestamp, result.seconds = None, "", None
    else:
        result.timestamp, result.seconds = said["timestamp"], seconds


def _is_score(said: Any) -> bool:
    if not isinstance(said, dict) or not isinstance(said.get("userId"), str):
        return False
    if said.get("activityProgress") not in _ACTIVITY or said.get("gradingProgress") not in _GRADING:
        return False
    if not isinstance(said.get("timestamp"), str) or not _TIMESTAMP.fullmatch(said["timestamp"]):
        return False
    try:
        datetime.fromisoformat(said["timestamp"])
    except ValueError:
        return False
    if "scoreGiven" not in said:
        return True
    given, maximum = said["scoreGiven"], said.get("scoreMaximum", 0)
    return _is_number(given) and _is_number(maximum) and given >= 0 and maximum > 0


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_gradable(lms: Lms, column: Column, person: Person) -> bool:
    """Whether the person can have a grade; a suspended student still can."""
    enrolment = lms.school.courses[column.course].people.get(person.id)
    return enrolment is not None and enrolment.role not in (TEACHER, ASSISTANT) and enrolment.is_gradable


def _list_results(lms: Lms, request: Request, column: Column) -> Response:
    wanted = request.query.get("user_id")
    item = scopes.line_item_url(lms, column)
    said = []
    for number, result in column.results.items():
        sub = lms.sub(lms.school.people[number])
        if result.shown is None or wanted not in (None, sub):
            continue
        separator = "&" if "?" in item else "?"
        one: dict[str, Any] = {
            "id": scopes.line_item_url(lms, column, "/results") + f"{separator}user_id={sub}",
            "userId": sub,
            "resultScore": result.shown,
            "resultMaximum": column.maximum,
            "scoreOf": item,
            "timestamp": datetime.fromtimestamp(result.changed_at, UTC).isoformat(),
        }
        said.append(one | ({"comment": result.comment} if result.comment else {}))
    first, limit = _slice(request.query)
    return as_json(said[first : first + limit] if limit else said, content_type=RESULTS)


def _list_members(lms: Lms, request: Request, tool: Tool, course: Course) -> Response:
    query = request.query
    members = [
        (lms.school.people[number], enrolment.role, enrolment.is_suspended)
        for number, enrolment in course.people.items()
        if lms.quirks.lists_suspended or not enrolment.is_suspended
    ]
    if "role" in query:
        wanted = query["role"].rpartition("#")[2]
        members = [one for one in members if wanted in {_short(role) for role in _roles(lms, one[1])}]
    first, limit = _slice(query)
    limit = limit or lms.quirks.page_size
    if lms.quirks.hides_page_numbers and "page" in query:
        first = _page_number(query["page"])
    shown = members[first : first + limit] if limit else members
    message = _message_of(lms, query.get("rlid", ""), tool, course)
    said = {
        "id": lms.url(request.path, **{name: query[name] for name in ("role", "rlid") if name in query}),
        "context": claims.context(lms, course),
        "members": [_member(lms, tool, *one, message) for one in shown],
    }
    answer = as_json(said, content_type=MEMBERS)
    if limit and first + limit < len(members):
        place: dict[str, object] = {"from": first + limit}
        if lms.quirks.hides_page_numbers:
            place = {"page": _page_name(first + limit)}
        following = lms.url(request.path, **query | {"limit": limit} | place)
        answer.headers.append(("link", f'<{following}>; rel="next"'))
    return answer


def _member(
    lms: Lms,
    tool: Tool,
    person: Person,
    role: str,
    is_suspended: bool,
    message: Callable[[Person], dict[str, Any]] | None,
) -> dict[str, Any]:
    said: dict[str, Any] = {"status": "Inactive" if is_suspended else "Active", "roles": list(_roles(lms, role))}
    said |= {"user_id": lms.sub(person), "lis_person_sourcedid": "", **claims.identity(tool, person)}
    said["ext_user_username"] = person.username
    return said | ({"message": [message(person)]} if message else {})


def _message_of(lms: Lms, link: str, tool: Tool, course: Course) -> Callable[[Person], dict[str, Any]] | None:
    """What a launch of this link would say to each member; Moodle gives the part about the old outcomes alone."""
    known = {lms.quirks.identifier("activity", one.id) for one in lms.school.activities_of(course, tool)}
    if not link:
        return None
    if link not in known:
        raise ServiceError(404, "Not Found")

    def message(person: Person) -> dict[str, Any]:
        return {
            claims.LTI + "message_type": "LtiResourceLinkRequest",
            claims.BASIC_OUTCOME: {"lis_result_sourcedid": f"{link}:{lms.sub(person)}"},
        }

    return message


def _roles(lms: Lms, role: str) -> tuple[str, ...]:
    return lms.quirks.roster_roles.get(role, lms.quirks.roster_roles[STUDENT])


def _short(role: str) -> str:
    return role.rpartition("#")[2]


def _page_name(first: int) -> str:
    return "bookmark:" + urlsafe_b64encode(f'["{first}"]'.encode()).decode()


def _page_number(name: str) -> int:
    try:
        return int(urlsafe_b64decode(name.removeprefix("bookmark:")).decode().strip('["]'))
    except ValueError as error:
        raise ServiceError(400, "Bad bookmark") from error


def _slice(query: dict[str, str]) -> tuple[int, int]:
    """Where a page begins and how long it is; 0 is everything."""
    first, limit = query.get("from", "0"), query.get("limit", "0")
    return (int(first) if first.isdecimal() else 0), (int(limit) if limit.isdecimal() else 0)
