"""What can go wrong with an assignment, in words for whoever meets it."""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from environments.errors import REASONS as ENVIRONMENT_REASONS
from environments.errors import Explanation, Reason, SystemFailure, UserError, explain


class AssignmentError(UserError):
    """What was asked for of an assignment cannot be done as asked. `code` is a key of `REASONS`."""

    @classmethod
    def reasons(cls) -> Mapping[str, Reason]:
        """The words for its codes."""
        return REASONS


class AssignmentFailure(SystemFailure):
    """What Carrel itself could not do with an assignment; it may be tried again. `code` is a key of `REASONS`."""

    @classmethod
    def reasons(cls) -> Mapping[str, Reason]:
        """The words for its codes."""
        return REASONS


def explained(code: str, facts: Mapping[str, str | int]) -> Explanation:
    """Any code of ours or of what runs it, in words."""
    return explain(code, facts, reasons={**ENVIRONMENT_REASONS, **REASONS})


def failure_of(code: str, facts: Mapping[str, str | int]) -> Explanation | None:
    """The same for what a row keeps; None where nothing failed."""
    return explained(code, facts) if code else None


REASONS: dict[str, Reason] = {
    "artefacts_unreachable": Reason(
        _("Carrel cannot get at the place where it keeps what was submitted."),
        _("Your own files are as they were. If trying again does not help, tell whoever runs this Carrel."),
        status=503,
    ),
    "artefact_missing": Reason(
        _("Files that Carrel kept for this are no longer there."),
        _("Tell whoever runs this Carrel: they may be in a backup."),
        status=503,
    ),
    # Courses of nbgrader
    "course_unrecognised": Reason(
        _("This is no course of nbgrader: there is neither a folder “source” in it nor a gradebook.db."),
        _("Compress the folder in which nbgrader was used, with what is in it, as .zip or .tar.gz, and send that."),
        status=422,
    ),
    "course_too_large": Reason(
        _("This course holds more than {megabytes} MB or {files} files."),
        _("Leave out what is not needed, for example the folders “feedback” and “downloaded”, and send it again."),
        status=413,
    ),
    "courses_too_many": Reason(
        _("There are {most} courses here already that were brought to this class."),
        _("Remove one that is not needed any more, and send this one again."),
        status=409,
    ),
    "course_not_looked_at": Reason(
        _("It is not known yet what is in this course."),
        _("Wait until it has been looked at."),
        status=409,
    ),
    "course_empty": Reason(
        _("No assignment of this class has been released, so there is nothing to be exported."),
        _("Release an assignment first."),
        status=409,
    ),
    "course_gone": Reason(
        _("The file of this course is no longer here."),
        _("Remove it from the list and send it again: what is here already is not doubled."),
        status=409,
    ),
    "course_work_interrupted": Reason(
        _("This was interrupted again and again."),
        _("Try it once more. If that does not help, tell whoever runs this Carrel."),
        status=503,
    ),
    # Making and releasing
    "assignment_name_taken": Reason(
        _("There is an assignment called “{name}” in this class already."),
        _("Choose another short name."),
        status=409,
    ),
    "source_of_another": Reason(
        _("These notebooks belong to another assignment."),
        _("Go back to the page of the assignment and choose among its own."),
        status=409,
    ),
    "source_too_new": Reason(
        _("The notebook “{notebook}” is in a format that is newer than any known here."),
        _("Save it in the format of today (nbformat 4), as every present JupyterLab does, and bring it again."),
        status=422,
    ),
    "class_files_not_ready": Reason(
        _("The files of the class are not here yet."),
        _("They are being fetched. Try again in a minute, or send the notebooks from your computer."),
        status=409,
    ),
    "folder_unknown": Reason(
        _("There is no folder “{folder}” with notebooks among the files of the class."),
        _("Choose another. What is new in the repository has to be put in use first, on the page “Material”."),
        status=422,
    ),
    "own_folder_missing": Reason(
        _("There is no “{folder}” among your files, or it cannot be taken."),
        _("Look at your files again: what you have just saved is there, what is not saved is not."),
        status=404,
    ),
    "own_files_none": Reason(
        _("Nothing was chosen."),
        _("Choose at least one notebook, and the files that belong to it."),
        status=422,
    ),
    "own_files_too_many": Reason(
        _("No more than {most} files and folders can be chosen one by one."),
        _("Put what belongs to the assignment into a folder of its own, and take that."),
        status=422,
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
    "gate_points_impossible": Reason(
        _("A cell of these notebooks gives fewer points than none, or all of them more than can be counted."),
        _("The table of cells says how many each gives. Mend the notebooks and bring them again."),
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
    "request_empty": Reason(
        _("Nothing was written."),
        _("Write what should be looked at, and send it again."),
        status=422,
    ),
    "request_cell_unknown": Reason(
        _("There are no points of this cell to be asked about."),
        _("Go back to the feedback and choose a cell with points."),
        status=409,
    ),
    "request_closed": Reason(
        _("This question has been answered and closed already."),
        _("Go back to the feedback and read how it ended."),
        status=409,
    ),
    "request_full": Reason(
        _("So much was said about this cell already that nothing can be added."),
        _("Wait for an answer, or talk to your teacher."),
        status=409,
    ),
    "request_points_invalid": Reason(
        _("That is no number of points this cell can have."),
        _("Give a number between 0 and {most}."),
        status=422,
    ),
    "copy_untouched": Reason(
        _("Your copy is as it was given out, so it was not submitted for you when it was due."),
        _("If late work is still taken, save your notebooks and submit them yourself."),
        status=409,
    ),
    "submitted_meanwhile": Reason(
        _("You have submitted by yourself, so nothing was submitted for you."),
        _("There is nothing to do."),
        status=409,
    ),
    "deadline_moved": Reason(
        _("Your teacher has moved the due date, or changed what happens then, so nothing was submitted for you."),
        _("Submit it when you are done."),
        status=409,
    ),
    "copy_work_interrupted": Reason(
        _("Carrel was interrupted again and again while it read or wrote your copy."),
        _("Look for very large files in it and take them out, then try once more. If that does not help, say so."),
        status=503,
    ),
    "copy_missing": Reason(
        _("There is no copy of this assignment among your files."),
        _("Fetch it first. If you had one and have moved it, put it back where it was."),
        status=409,
    ),
    "assignment_not_released": Reason(
        _("“{assignment}” has not been released yet."),
        _("Your teacher is still preparing it. Come back later."),
        status=409,
    ),
    "submission_has_no_files": Reason(
        _("Only the points of this submission were brought here: it has no files that tests could be run over."),
        _("Give points by hand where something is to be changed."),
        status=409,
    ),
    "grading_interrupted": Reason(
        _("Grading this was interrupted again and again."),
        _("Have it graded once more. If that does not help, tell whoever runs this Carrel."),
        status=503,
    ),
    "grading_image_missing": Reason(
        _("The environment that this is graded in is not there."),
        _("A teacher can prepare it again on the page “Environment” of the class, and have this graded once more."),
        status=409,
    ),
    # Grading by hand
    "cell_held": Reason(
        _("{who} is grading this answer at the moment."),
        _("Go on to the next one. This one is free again as soon as they leave it."),
        status=409,
    ),
    "cell_changed": Reason(
        _("Somebody else has graded this answer since you opened it."),
        _("Nothing of yours was written. Look at what it has now, and change it if you still want to."),
        status=409,
    ),
    "rubric_item_toggled": Reason(
        _("You have chosen this item or taken it back since you opened this page, perhaps in another window."),
        _("Nothing was changed now. Look at what the answer has, and press again if you still want to."),
        status=409,
    ),
    "cell_unknown": Reason(
        _("There is no such cell in this submission."),
        _("Go back to the overview and choose it there."),
        status=404,
    ),
    "points_invalid": Reason(
        _("This cell gives between 0 and {most} points."),
        _("Give a number between these. What goes beyond can be given as extra credit."),
        status=422,
    ),
    "extra_invalid": Reason(
        _("Extra credit is a number of 0 or more."),
        _("Give such a number, or leave it empty for none."),
        status=422,
    ),
    "nothing_to_undo": Reason(
        _("You have not graded this answer yet, or somebody has graded it after you."),
        _("Give it the points it should have instead."),
        status=409,
    ),
    "answer_not_graded": Reason(
        _("Nobody has graded this answer yet, so there is nothing to give to others."),
        _("Grade it first, and then those like it."),
        status=409,
    ),
    "comment_empty": Reason(_("There is nothing in this comment."), _("Write something, or leave it."), status=422),
    "comment_of_another": Reason(
        _("Somebody else has written this comment."), _("Ask them to change it, or write your own."), status=403
    ),
    "comment_kept_already": Reason(
        _("Another kept comment of this class reads exactly so."), _("Remove one of the two."), status=409
    ),
    "comment_kept_by_another": Reason(
        _("Somebody else has kept this comment."),
        _("Ask them to change or remove it, or a teacher of the class; or keep one of your own."),
        status=403,
    ),
    "comment_kept_no_more": Reason(
        _("This comment is not kept any more, so nothing was said."), _("Choose another, or write it."), status=404
    ),
    "rubric_item_invalid": Reason(
        _("A rubric item needs a few words and a number of points between −{most} and {most}."),
        _("Give both. A number below zero takes away from full points."),
        status=422,
    ),
    "rubric_item_retired": Reason(
        _("This rubric item is not used any more."),
        _("Choose another. Where it was given before, it still counts."),
        status=409,
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
    "notebook_unreadable": Reason(
        _("“{notebook}” cannot be read as a notebook: the file is damaged, or it is something else."),
        _("Open it in JupyterLab. If it opens there, save it and hand it in again; if not, use an earlier copy."),
        status=422,
    ),
    "notebook_too_large": Reason(
        _("The notebook “{notebook}” is larger than {most} MB."),
        _("Clear its outputs in JupyterLab (Edit, Clear Outputs of All Cells), save it, and try again."),
        status=413,
    ),
    "notebook_format_unknown": Reason(
        _("The notebook “{notebook}” is in a format of another time."),
        _("Open it in a current JupyterLab, save it, and hand it in again."),
        status=422,
    ),
    "feedback_not_published": Reason(
        _("There is no feedback on this submission yet."),
        _("Your teacher publishes it when it is ready. What you submitted is kept."),
        status=404,
    ),
    # Receipts
    "receipt_invalid": Reason(
        _("This is no receipt of this Carrel, or something in it was changed."),
        _("Choose the file as it was downloaded. What was handed in is listed on the page of the assignment, too."),
        status=422,
    ),
    "receipt_of_another": Reason(
        _("This receipt is genuine, but it is for something in another class, or somebody else's."),
        _("Check it on the page of its own class, or ask the teacher of that class to."),
        status=403,
    ),
    # What nbgrader makes of it
    "assignment_name_invalid": Reason(
        _("“{name}” cannot be the short name of an assignment."),
        _("Use letters, digits, hyphens, underscores and dots, without spaces, for example week-1."),
        status=422,
    ),
    "source_without_notebooks": Reason(
        _("There is no notebook in this assignment."),
        _("Put at least one .ipynb file at its top, not in a folder inside."),
        status=422,
    ),
    "submission_without_notebooks": Reason(
        _("None of the notebooks of this assignment was handed in."),
        _("Hand in {expected}, under exactly this name."),
        status=422,
    ),
    "notebook_not_json": Reason(
        _("The file “{notebook}.ipynb” is not a notebook, or it is damaged."),
        _("Open it in JupyterLab, save it once more, and try again."),
        status=422,
    ),
    "notebook_invalid": Reason(
        _("The notebook “{notebook}” has something in it that does not belong in a notebook."),
        _("Open it in JupyterLab, save it once more, and try again."),
        status=422,
    ),
    "schema_too_old": Reason(
        _("The notebook “{notebook}” was made with an old nbgrader, and says what its cells are in an old way."),
        _("Run “nbgrader update” in its folder, and bring the notebook again."),
        status=422,
    ),
    "schema_too_new": Reason(
        _("The notebook “{notebook}” was made with a newer nbgrader than the one here."),
        _("Tell whoever runs this Carrel, who can update it."),
        status=422,
    ),
    "cells_invalid": Reason(
        _("In the notebook “{notebook}”, what a cell is meant to be is not set rightly: an id, points or a type."),
        _("Look at the list of what was found. Every graded cell needs an id of its own, and points."),
        status=422,
    ),
    "solution_region_unmarked": Reason(
        _("In the notebook “{notebook}”, a solution stands in a cell that is not marked as an answer."),
        _("Mark the cell as an answer, or students would see the solution."),
        status=422,
    ),
    "hidden_tests_unmarked": Reason(
        _("In the notebook “{notebook}”, hidden tests stand in a cell that is not marked as tests."),
        _("Mark the cell as autograder tests, or students would see them."),
        status=422,
    ),
    "region_broken": Reason(
        _("In the notebook “{notebook}”, a solution or hidden tests begin and do not end, or begin twice."),
        _("Give each BEGIN line its END line."),
        status=422,
    ),
    "language_unknown": Reason(
        _("The notebook “{notebook}” is in a language for which it is not known what to put in place of a solution."),
        _("Choose another kernel, or tell whoever runs this Carrel which language it is."),
        status=422,
    ),
    "autotests_need_kernel": Reason(
        _("Tests in the notebook “{notebook}” are to be written by running it (AUTOTEST), which is not possible here."),
        _("Write these tests out, or try again when the class's environment has been prepared."),
        status=409,
    ),
    "autotests_missing": Reason(
        _("The notebook “{notebook}” has AUTOTEST lines, and there is no file autotests.yml."),
        _("Put autotests.yml beside the notebook. Students do not get it."),
        status=422,
    ),
    "autotests_broken": Reason(
        _("The file autotests.yml does not say how to write the tests of the notebook “{notebook}”."),
        _("Compare it with nbgrader's own: it needs an entry for the notebook's kernel."),
        status=422,
    ),
    "autotests_failed": Reason(
        _("The tests of the notebook “{notebook}” could not be written, because running it failed: {why}"),
        _("Run the notebook from top to bottom with your solution, and correct what fails."),
        status=422,
    ),
    "generate_failed": Reason(
        _("The students' version of the notebook “{notebook}” could not be made."),
        _("Look at the list of what was found. If that is empty, tell whoever runs this Carrel."),
        status=422,
    ),
    "submission_unusable": Reason(
        _("The notebook “{notebook}” was changed in a way it cannot be graded in."),
        _("Fetch the assignment again, copy the answers into it, and hand that in."),
        status=422,
    ),
    "mark_unplaced": Reason(
        _("There is no cell “{cell}” with points in the notebook “{notebook}” of this release."),
        _("Grade the submission again with the release its points are of."),
        status=409,
    ),
    "feedback_failed": Reason(
        _("The page with feedback on the notebook “{notebook}” could not be made."),
        _("Try again. If it happens again, tell whoever runs this Carrel."),
        status=500,
    ),
    "gradebook_unreadable": Reason(
        _("This is no gradebook of nbgrader, or it is damaged."),
        _("Choose the file gradebook.db of the course's folder."),
        status=422,
    ),
    "gradebook_unwritable": Reason(
        _("The gradebook could not be written: something in the class does not fit nbgrader's."),
        _("Tell whoever runs this Carrel."),
        status=500,
    ),
    "engine_too_slow": Reason(
        _("It took longer than is allowed, so it was stopped."),
        _("Try again. If it happens again, make the notebooks smaller, for example by clearing outputs."),
        status=503,
    ),
    "engine_out_of_memory": Reason(
        _("It needed more memory than is allowed, so it was stopped."),
        _("Make the notebooks smaller, for example by clearing outputs, and try again."),
        status=503,
    ),
    "engine_failed": Reason(
        _("Something went wrong in the program that makes and grades assignments."),
        _("Try again. If it happens again, tell whoever runs this Carrel."),
        status=500,
    ),
}
