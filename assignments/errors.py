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
    "source_without_notebook": Reason(
        _("There is no notebook among these files, so there is nothing to give out."),
        _("Bring at least one file that ends in .ipynb, beside the data it needs and not in a folder of its own."),
        status=422,
    ),
    "source_of_another": Reason(
        _("These notebooks belong to another assignment."),
        _("Go back to the page of the assignment and choose among its own."),
        status=409,
    ),
    "gate_not_done": Reason(
        _("These notebooks have not been checked yet."),
        _("Wait until the check is done, and release then."),
        status=409,
    ),
    "gate_makes_nothing": Reason(
        _("Nothing that could be given out can be made of these notebooks."),
        _("The check says why. Mend the notebooks and bring them again."),
        status=409,
    ),
    "gate_not_passed": Reason(
        _("The check has found something that should be mended first."),
        _("Mend it and bring the notebooks again, or release them knowingly."),
        status=409,
    ),
    "not_a_student_here": Reason(
        _("You are not in this class, so there is no copy of this for you."),
        _("Ask the teacher to let you in."),
        status=403,
    ),
    "copy_missing": Reason(
        _("There is no copy of this assignment among your files."),
        _("Fetch it first. If you had one and have moved it, put it back where it was."),
        status=409,
    ),
    "submission_without_notebook": Reason(
        _("There is no notebook in what you submitted, so nothing was taken."),
        _("Save your work in the notebooks of the assignment, where you found them, and submit again."),
        status=422,
    ),
    "assignment_not_released": Reason(
        _("“{assignment}” has not been released yet."),
        _("Your teacher is still preparing it. Come back later."),
        status=409,
    ),
    ),
    # Dates
    "assignment_not_open": Reason(
        _("This assignment has not begun yet."),
        _("Come back when it has: the date is on its page."),
        status=403,
    ),
    "assignment_closed": Reason(
        _("This assignment no longer takes anything: the last moment to hand it in has passed."),
        _("What you handed in before is kept. If there is a reason why you are late, ask your teacher for more time."),
        status=403,
    ),
    "attempts_used": Reason(
        _("You have handed this in {most} times, which is as often as it may be."),
        _("What you handed in is kept. If something went wrong, ask your teacher for another attempt."),
        status=403,
    ),
    "dates_out_of_order": Reason(
        _("These dates are not in order: an assignment begins, then it is due, and then it closes."),
        _("Look at the three dates again. A date that does not matter can be left empty."),
        status=422,
    ),
    "late_rule_invalid": Reason(
        _("What lateness costs is not clear from this."),
        _("Give whole numbers: minutes that grow from line to line, and percentages from 0 to 100 that shrink."),
        status=422,
    ),
    "allowance_invalid": Reason(
        _("More time can only be given, not taken away."),
        _("Give minutes and attempts of 0 or more, and a share of the time from 100 to 1000 percent."),
        status=422,
    ),
    # Files
    "files_unreadable": Reason(
        _("These files cannot be read: they are no archive, or one that was damaged on its way."),
        _("Make the archive again, as .tar or .zip, and send that."),
        status=422,
    ),
    "files_refused": Reason(
        _("“{path}” cannot be taken: it leads out of its folder, is there twice, or is neither a file nor a folder."),
        _("Leave it out, or put an ordinary file in its place, and send the rest again."),
        status=422,
    ),
    "files_too_large": Reason(
        _("These files are larger than the {megabytes} MB that may be handed in."),
        _("Delete what is not needed, for example large results, or clear the outputs of the notebook, and try again."),
        status=413,
    ),
    "files_too_many": Reason(
        _("There are more than {most} files in this, which is more than may be handed in."),
        _("Delete the folders that do not belong to the assignment, and try again."),
        status=413,
    ),
    "notebook_missing": Reason(
        _("There is no notebook “{notebook}” in what was handed in."),
        _("Put it at the top of the assignment's folder, under exactly this name, and hand it in again."),
        status=422,
    ),
    ),
    ),
    "notebook_unreadable": Reason(
        _("“{notebook}” cannot be read as a notebook: the file is damaged, or it is something else."),
        _("Open it in JupyterLab. If it opens there, save it and hand it in again; if not, use an earlier copy."),
        status=422,
    ),
    "notebook_too_large": Reason(
        _("The notebook “{notebook}” is larger than the {megabytes} MB that can be graded."),
        _("Clear its outputs in JupyterLab (Edit, Clear Outputs of All Cells), save it, and hand it in again."),
        status=413,
    ),
    "notebook_format_unknown": Reason(
        _("The notebook “{notebook}” is in a format of another time."),
        _("Open it in a current JupyterLab, save it, and hand it in again."),
        status=422,
    ),
    # Receipts
    "receipt_invalid": Reason(
        _("This is no receipt of this Carrel, or something in it was changed."),
        _("Choose the file as it was downloaded. What was handed in is listed on the page of the assignment, too."),
        status=422,
    ),
}
