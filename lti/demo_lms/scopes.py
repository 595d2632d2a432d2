"""What tools may be allowed to do, and the addresses at which they do it."""

from __future__ import annotations

from lti.demo_lms.lms import Lms
from lti.demo_lms.school import Column, Course, Tool

GRADES = "https://purl.imsglobal.org/spec/lti-ags/scope/"
LINE_ITEM = GRADES + "lineitem"
LINE_ITEM_READ = GRADES + "lineitem.readonly"
RESULT = GRADES + "result.readonly"
SCORE = GRADES + "score"
MEMBERS = "https://purl.imsglobal.org/spec/lti-nrps/scope/contextmembership.readonly"
ALL = (LINE_ITEM_READ, RESULT, SCORE, LINE_ITEM, MEMBERS)


def granted(asked: list[str]) -> list[str]:
    """What a tool that asks for this gets: whoever may manage columns, or score, may do all that needs."""
    found: list[str] = []
    if {LINE_ITEM, LINE_ITEM_READ, RESULT, SCORE} & set(asked):
        found += [LINE_ITEM_READ, RESULT, SCORE]
    if LINE_ITEM in asked:
        found.append(LINE_ITEM)
    if MEMBERS in asked:
        found.append(MEMBERS)
    return found


def of_grades(tool: Tool) -> list[str]:
    """The scopes of grades that the tool has."""
    return [scope for scope in tool.scopes if scope.startswith(GRADES)]


def line_items_url(lms: Lms, tool: Tool, course: Course) -> str:
    """Where the tool finds its columns of a course."""
    return lms.url(f"/mod/lti/services.php/{course.id}/lineitems", type_id=_named(lms, tool.id))


def line_item_url(lms: Lms, column: Column, part: str = "") -> str:
    """Where one column lives, or a part of it such as `/scores`."""
    path = f"/mod/lti/services.php/{column.course}/lineitems/{column.id}/lineitem{part}"
    return lms.url(path, type_id=_named(lms, column.tool))


def members_url(lms: Lms, tool: Tool, course: Course) -> str:
    """Where the tool finds the people of a course."""
    return lms.url(f"/mod/lti/services.php/CourseSection/{course.id}/bindings/{tool.id}/memberships")


def _named(lms: Lms, tool: int) -> int | None:
    return tool if lms.quirks.line_items_name_tool else None
