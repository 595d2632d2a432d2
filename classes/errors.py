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
}
