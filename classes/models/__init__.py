"""The tables of this app."""

from classes.models.announcement import Announcement
from classes.models.archive import ArchiveState, BroughtArchive, CourseExport, CourseImport
from classes.models.course import Colour, Course
from classes.models.expected import ExpectedMember, RosterDraft
from classes.models.hand_in import HandIn
from classes.models.invitation import Invitation
from classes.models.kept_work import KeptWork
from classes.models.knock import Knock
from classes.models.lesson import Lesson, LessonVisit
from classes.models.look import Look
from classes.models.material import CourseMaterial, Looks
from classes.models.membership import Joined, Membership, Role, Section

__all__ = [
    "Announcement",
    "ArchiveState",
    "BroughtArchive",
    "Colour",
    "Course",
    "CourseExport",
    "CourseImport",
    "CourseMaterial",
    "ExpectedMember",
    "HandIn",
    "Invitation",
    "Joined",
    "KeptWork",
    "Knock",
    "Lesson",
    "LessonVisit",
    "Look",
    "Looks",
    "Membership",
    "Role",
    "RosterDraft",
    "Section",
]
