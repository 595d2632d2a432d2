"""Where one LMS differs from another; the values here are Moodle's, as measured.

The others are described beside the tests: nobody needs them to try Carrel out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from lti.demo_lms.school import ASSISTANT, STUDENT, TEACHER

MEMBERSHIP = "http://purl.imsglobal.org/vocab/lis/v2/membership#"
INSTITUTION = "http://purl.imsglobal.org/vocab/lis/v2/institution/person#"
SYSTEM = "http://purl.imsglobal.org/vocab/lis/v2/system/person#"
SUB_ASSISTANT = "http://purl.imsglobal.org/vocab/lis/v2/membership/Instructor#TeachingAssistant"

MOODLES_VARIABLES = (
    "basic-lti-launch-request",
    "ContentItemSelectionRequest",
    "ToolProxyRegistrationRequest",
    "Context.id",
    "Context.title",
    "Context.label",
    "Context.id.history",
    "Context.sourcedId",
    "Context.longDescription",
    "Context.timeFrame.begin",
    "CourseSection.title",
    "CourseSection.label",
    "CourseSection.sourcedId",
    "CourseSection.longDescription",
    "CourseSection.timeFrame.begin",
    "CourseSection.timeFrame.end",
    "ResourceLink.id",
    "ResourceLink.title",
    "ResourceLink.description",
    "User.id",
    "User.username",
    "Person.name.full",
    "Person.name.given",
    "Person.name.family",
    "Person.email.primary",
    "Person.sourcedId",
    "Person.name.middle",
    "Person.address.street1",
    "Person.address.locality",
    "Person.address.country",
    "Person.address.timezone",
    "Person.phone.primary",
    "Person.phone.mobile",
    "Person.webaddress",
    "Membership.role",
    "Result.sourcedId",
    "Result.autocreate",
    "BasicOutcome.sourcedId",
    "BasicOutcome.url",
    "Moodle.Person.userGroupIds",
)
"""What may stand behind a `$` in a custom parameter. No ResourceLink.id.history is among them, and no due date."""

NOTHING: tuple[str, ...] = ()


@dataclass(frozen=True)
class Quirks:
    """How one LMS behaves."""

    family: str = "moodle"
    issuer: str = ""
    """Its name where that is not its address."""
    id_token_seconds: int = 60
    sends_azp: bool = False
    login_method: str = "POST"
    storage_target: str = ""
    identifier: Callable[[str, int], str] = lambda kind, number: str(number)
    """What tools know a thing of a kind by: `person`, `course`, `activity` or `deployment`."""
    context_type: str = "CourseSection"
    launch_roles: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {
            TEACHER: (MEMBERSHIP + "Instructor",),
            # Its launches ask for a capability that assistants have, its rosters for one they lack.
            ASSISTANT: (MEMBERSHIP + "Instructor",),
            STUDENT: (MEMBERSHIP + "Learner",),
        }
    )
    roster_roles: Mapping[str, tuple[str, ...]] = field(
        default_factory=lambda: {TEACHER: ("Instructor",), ASSISTANT: ("Learner",), STUDENT: ("Learner",)}
    )
    everybodys_roles: tuple[str, ...] = NOTHING
    """Sent beside the roles in the course."""
    test_user_roles: tuple[str, ...] = NOTHING
    variables: tuple[str, ...] = MOODLES_VARIABLES
    line_items_name_tool: bool = True
    """Whether their addresses end in `?type_id=`, behind which a careless tool appends `/scores`."""
    lists_suspended: bool = False
    """Whether the roster shows them as inactive; else they vanish."""
    names_key_algorithm: bool = True
    deep_link_needs_key_id: bool = False
    audience: str = ""
    """Whom a tool's assertion must be for: `endpoint`, or a name; else nobody looks."""
    media_type_of_tokens: str = "text/html; charset=utf-8"
    token_reuse_is_refused: bool = False
    score_status: int = 200
    stale_status: int = 409
    compares_whole_seconds: bool = True
    unfinished: str = "erase"
    """What a score that is not FullyGraded does to a grade: `erase`, `keep` (as interim) or `ignore` it."""
    locked_status: int = 500
    not_gradable_status: int = 400
    page_size: int = 0
    """Members on a page of the roster where the tool names no limit; 0 is all."""
    hides_page_numbers: bool = False
    """Whether the next page is named by a word in which upper and lower case differ."""


MOODLE = Quirks()
