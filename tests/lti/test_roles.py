"""What the roles of a message mean in a class."""

from __future__ import annotations

import pytest

from classes.models import Role
from lti.roles import course_role, is_test_person

LIS = "http://purl.imsglobal.org/vocab/lis/v2"
INSTRUCTOR, LEARNER = f"{LIS}/membership#Instructor", f"{LIS}/membership#Learner"
ASSISTANT = f"{LIS}/membership/Instructor#TeachingAssistant"


@pytest.mark.parametrize(
    ("roles", "expected"),
    [
        ([INSTRUCTOR], Role.TEACHER),
        ([LEARNER], Role.STUDENT),
        ([LEARNER, INSTRUCTOR], Role.TEACHER),
        ([ASSISTANT], Role.GRADER),
        ([INSTRUCTOR, ASSISTANT], Role.GRADER),
        ([f"{LIS}/membership/Instructor#TeachingAssistantSection"], Role.GRADER),
        ([f"{LIS}/membership/Instructor#Grader", INSTRUCTOR], Role.GRADER),
        ([f"{LIS}/membership/Instructor#PrimaryInstructor"], Role.TEACHER),
        ([f"{LIS}/membership/Learner#GuestLearner"], Role.STUDENT),
        (["Instructor"], Role.TEACHER),
        (["Learner"], Role.STUDENT),
        ([], None),
        ([f"{LIS}/membership#Mentor"], None),
        ([f"{LIS}/membership#ContentDeveloper"], None),
        ([f"{LIS}/membership#Administrator"], None),
        ([f"{LIS}/institution/person#Instructor"], None),
        ([f"{LIS}/institution/person#Instructor", LEARNER], Role.STUDENT),
        ([f"{LIS}/system/person#Administrator"], None),
        (["https://evil.example/membership#Instructor"], None),
        (["urn:lti:role:ims/lis/Instructor"], None),
    ],
)
def test_role_in_the_class(roles: list[str], expected: Role | None) -> None:
    assert course_role(roles) == expected


def test_administrator_of_moodle_is_a_teacher_where_the_platform_says_so() -> None:
    roles = [INSTRUCTOR, f"{LIS}/institution/person#Administrator", f"{LIS}/system/person#Administrator"]

    assert course_role(roles) == Role.TEACHER


def test_test_person_is_nobody() -> None:
    assert is_test_person([LEARNER, "http://purl.imsglobal.org/vocab/lti/system/person#TestUser"])
    assert not is_test_person([LEARNER])
