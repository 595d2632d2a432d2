"""The LMSs it can be in place of Moodle: what is known of each, from documentation, from others' trouble, or by trying.

Open edX was tried (lti-consumer 11.4.4). Canvas, Blackboard and D2L are as documentation and issues describe them.
"""

from __future__ import annotations

from uuid import NAMESPACE_URL, uuid5

from lti.demo_lms.quirks import INSTITUTION, MEMBERSHIP, MOODLE, MOODLES_VARIABLES, SUB_ASSISTANT, SYSTEM, Quirks
from lti.demo_lms.school import ASSISTANT, STUDENT, TEACHER

COURSE_OFFERING = "http://purl.imsglobal.org/vocab/lis/v2/course#CourseOffering"
HISTORIES = (*MOODLES_VARIABLES, "ResourceLink.id.history")
TEST_USER = "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"
FULL_ROLES = {
    TEACHER: (MEMBERSHIP + "Instructor",),
    ASSISTANT: (MEMBERSHIP + "Instructor", SUB_ASSISTANT),
    STUDENT: (MEMBERSHIP + "Learner",),
}


def _uuid(kind: str, number: int) -> str:
    return str(uuid5(NAMESPACE_URL, f"{kind}/{number}"))


def _canvas(kind: str, number: int) -> str:
    return f"{number}:{_uuid(kind, number).replace('-', '')}" if kind == "deployment" else _uuid(kind, number)


def _blackboard(kind: str, number: int) -> str:
    return _uuid(kind, number) if kind == "deployment" else _uuid(kind, number).replace("-", "")


def _d2l(kind: str, number: int) -> str:
    names = {"person": f"{_uuid('org', 0)}_{number}", "deployment": _uuid(kind, number)}
    return names.get(kind, str(600_000 + number))


def _openedx(kind: str, number: int) -> str:
    names = {
        "course": f"course-v1:Demo+CS{number}+2026",
        "activity": f"block-v1:Demo+CS101+2026+type@lti_consumer+block@{_uuid(kind, number).replace('-', '')}",
        "deployment": "1",
        "person": _uuid(kind, number),
    }
    return names[kind]


CANVAS = Quirks(
    family="canvas",
    issuer="https://canvas.instructure.com",
    id_token_seconds=3600,
    storage_target="post_message_forwarding",
    identifier=_canvas,
    context_type=COURSE_OFFERING,
    launch_roles=FULL_ROLES,
    roster_roles=FULL_ROLES,
    # Whoever teaches anywhere, and in some schools everybody, is an instructor of the institution.
    everybodys_roles=(INSTITUTION + "Instructor", SYSTEM + "User"),
    test_user_roles=(TEST_USER,),
    line_items_name_tool=False,
    lists_suspended=True,
    audience="endpoint",
    media_type_of_tokens="application/json; charset=utf-8",
    token_reuse_is_refused=True,
    compares_whole_seconds=False,
    unfinished="ignore",
    locked_status=422,
    not_gradable_status=422,
    page_size=50,
    hides_page_numbers=True,
)
BLACKBOARD = Quirks(
    family="BlackboardLearn",
    issuer="https://blackboard.com",
    id_token_seconds=3600,
    login_method="GET",
    identifier=_blackboard,
    context_type=COURSE_OFFERING,
    launch_roles=FULL_ROLES,
    roster_roles=FULL_ROLES,
    variables=HISTORIES,
    line_items_name_tool=False,
    deep_link_needs_key_id=True,
    media_type_of_tokens="application/json; charset=utf-8",
)
D2L = Quirks(
    family="desire2learn",
    id_token_seconds=3600,
    identifier=_d2l,
    context_type=COURSE_OFFERING,
    launch_roles=FULL_ROLES,
    roster_roles=FULL_ROLES,
    variables=HISTORIES,
    line_items_name_tool=False,
    names_key_algorithm=False,
    deep_link_needs_key_id=True,
    audience="https://api.brightspace.com/auth/token",
    media_type_of_tokens="application/json; charset=utf-8",
    not_gradable_status=403,
)
OPENEDX = Quirks(
    family="Open edX",
    id_token_seconds=3600,
    sends_azp=True,
    identifier=_openedx,
    context_type=COURSE_OFFERING,
    launch_roles=FULL_ROLES,
    roster_roles=FULL_ROLES,
    everybodys_roles=(SYSTEM + "None", INSTITUTION + "None"),
    line_items_name_tool=False,
    media_type_of_tokens="application/json; charset=utf-8",
    score_status=201,
    stale_status=400,
    compares_whole_seconds=False,
    unfinished="keep",
)
PROFILES = {"moodle": MOODLE, "canvas": CANVAS, "blackboard": BLACKBOARD, "d2l": D2L, "openedx": OPENEDX}
