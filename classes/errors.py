"""What can go wrong with a class, in words for whoever meets it."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from environments.errors import Reason, UserError


class CourseError(UserError):
    """What was asked for of a class cannot be done as asked. `code` is a key of `REASONS`."""

    @classmethod
    def reasons(cls) -> Mapping[str, Reason]:
        """The words for its codes."""
        return REASONS


REASONS: dict[str, Reason] = {
    "course_over": Reason(
        _("The class “{course}” is over: it can be looked at, but nothing in it changes any more."),
        _("If it should go on, a teacher can open it again in its settings."),
        status=409,
    ),
    "course_needs_teacher": Reason(
        _("“{course}” would be left without a teacher."),
        _("Make somebody else a teacher of the class first."),
        status=409,
    ),
    "member_unknown": Reason(
        _("There is nobody called “{who}” here."),
        _("Check the spelling, or send them the link of the class: they can make an account with it."),
        status=422,
    ),
    "member_there_already": Reason(
        _("“{who}” is in the class already."),
        _("Find them in the list to change their role or section."),
        status=409,
    ),
    # Lessons, announcements and what a class says of itself
    "lesson_path_invalid": Reason(
        _("“{path}” is not a file or folder of the class's repository."),
        _("Give the path as it stands there, for example week-1/first.ipynb: not a link, and with no “..” in it."),
        status=422,
    ),
    "lesson_gone": Reason(
        _("Somebody else has deleted that lesson meanwhile."),
        _("This is how the lessons are now. Nothing else has changed."),
        status=409,
    ),
    "lessons_too_many": Reason(
        _("A class has at most {most} lessons."),
        _("Delete some that are no longer needed."),
        status=409,
    ),
    "announcement_gone": Reason(
        _("Somebody else has deleted that announcement meanwhile."),
        _("Write it again if it should stay."),
        status=409,
    ),
    "changed_meanwhile": Reason(
        _("Somebody else has changed this while you had it open. Nothing of yours is lost, and nothing is saved yet."),
        _("What is saved now stands below each field that differs. Save again to have it as you wrote it."),
        status=409,
    ),
}
