"""The tables of this app."""

from classes.models.announcement import Announcement
from classes.models.course import Colour, Course
from classes.models.invitation import Invitation
from classes.models.lesson import Lesson, LessonVisit
from classes.models.membership import Joined, Membership, Role, Section

__all__ = [
    "Announcement",
    "Colour",
    "Course",
    "Invitation",
    "Joined",
    "Lesson",
    "LessonVisit",
    "Membership",
    "Role",
    "Section",
]
