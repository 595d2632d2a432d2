"""An assignment that people grade, for tests that do not make one of their own."""

from __future__ import annotations

import pytest

from accounts.models import User
from assignments.models import Assignment
from classes.models import Role
from tests.assignments.marked import to_be_graded
from tests.factories import member


@pytest.fixture
def assignment(db: None) -> Assignment:
    """One that people grade."""
    return to_be_graded(name="homework")


@pytest.fixture
def grader(assignment: Assignment) -> User:
    """Who grades it."""
    return member(assignment.course, "grader", Role.GRADER).person
