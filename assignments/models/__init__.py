"""The tables of this app."""

from assignments.models.assignment import Assignment, Extension, Tier
from assignments.models.course_directory import CourseDirectory, CourseDirectoryExport
from assignments.models.feedback import Feedback, RegradeMessage, RegradeRequest
from assignments.models.grading import Autograding, CellComment, CellGrade, CellLease, Grade, GradeChange
from assignments.models.opened_live import OpenedLive
from assignments.models.release import Cell, CellKind, GateRun, Origin, Release, Source
from assignments.models.rubric import RubricItem, SavedComment
from assignments.models.submission import Collection, Fetch, Submission, Way

__all__ = [
    "Assignment",
    "Autograding",
    "Cell",
    "CellComment",
    "CellGrade",
    "CellKind",
    "CellLease",
    "Collection",
    "CourseDirectory",
    "CourseDirectoryExport",
    "Extension",
    "Feedback",
    "Fetch",
    "GateRun",
    "Grade",
    "GradeChange",
    "OpenedLive",
    "Origin",
    "RegradeMessage",
    "RegradeRequest",
    "Release",
    "RubricItem",
    "SavedComment",
    "Source",
    "Submission",
    "Tier",
    "Way",
]
