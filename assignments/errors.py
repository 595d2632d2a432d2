"""What can go wrong with an assignment, in words for whoever meets it."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from environments.errors import Reason, UserError


class AssignmentError(UserError):
    """What was asked for of an assignment cannot be done as asked. `code` is a key of `REASONS`."""

    @classmethod
    def reasons(cls) -> Mapping[str, Reason]:
        """The words for its codes."""
        return REASONS


REASONS: dict[str, Reason] = {
    "artefact_missing": Reason(
        _("Files that Carrel kept for this are no longer there."),
        _("Tell whoever runs this Carrel: they may be in a backup."),
        status=503,
    ),
    # Making and releasing
    "assignment_name_taken": Reason(
        _("There is an assignment called “{name}” in this class already."),
        _("Choose another short name."),
        status=409,
    ),
    "assignment_not_released": Reason(
        _("“{assignment}” has not been released yet."),
        _("Your teacher is still preparing it. Come back later."),
        status=409,
    ),
}
