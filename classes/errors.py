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
    "course_deleted": Reason(
        _("The class “{course}” was deleted, so nothing in it changes any more."),
        _("If it should go on, a teacher can bring it back from their list of classes."),
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
    # Servers of a class
    "membership_missing": Reason(
        _("You are not in the class “{course}” yourself, so there is no server of it for you."),
        _("Add yourself to its members first."),
        status=403,
    ),
    "membership_ended": Reason(
        _("You are no longer in the class “{course}”. What you did there is kept."),
        _("If that is a mistake, ask the teacher to let you in again."),
        status=403,
    ),
    "lesson_of_another_class": Reason(
        _("There is no such lesson in the class “{course}”."),
        _("Open it from the page of its own class."),
        status=404,
    ),
    "lesson_not_published": Reason(
        _("This lesson is not open yet."),
        _("Your teacher is still preparing it. Come back later."),
        status=403,
    ),
    "lesson_not_yet": Reason(
        _("This lesson is not open yet: it opens on {when}."),
        _("Come back then."),
        status=403,
    ),
    "environment_missing": Reason(
        _("This class has nothing to work in: its environment was taken away."),
        _("A teacher of the class can choose another repository for it."),
        status=409,
    ),
    # Handing in
    "hand_in_off": Reason(
        _("Nothing is handed in here in the class “{course}”."),
        _("Ask your teacher how they would like to have it."),
        status=409,
    ),
    "hand_in_no_server": Reason(
        _("You have no server in this class yet, so there are no files of yours to hand in."),
        _("Open the class first and put there what you want to hand in."),
        status=409,
    ),
    "hand_in_path_invalid": Reason(
        _("“{path}” is no file or folder of your own in your server."),
        _("Write it as JupyterLab shows it, for example hand-in or hand-in/report.ipynb."),
    ),
    "hand_in_under_way": Reason(
        _("Something of yours is being handed in at this moment."),
        _("Wait until that is done, and reload the page."),
        status=409,
    ),
    "hand_in_too_many": Reason(
        _("You have handed in {most} times in this class, which is as often as one can."),
        _("Ask your teacher what to do."),
        status=409,
    ),
    "hand_in_failed": Reason(
        _("Your files could not be copied, so nothing was handed in."),
        _("Hand in again. If it happens once more, tell your teacher."),
        status=503,
    ),
    "hand_in_empty": Reason(
        _("There are no files in “{path}”, so nothing was handed in."),
        _("Save your work there, and hand in again."),
    ),
    "received_too_large": Reason(
        _("“{path}” is too large to be downloaded here."),
        _("Teachers find it in their server, among what was handed in, in {folder}."),
        status=422,
    ),
    "hand_in_too_large": Reason(
        _("“{path}” holds more than can be handed in: {most_files} files and {most_mb} MB at most."),
        _("Hand in only what is asked for."),
    ),
    "class_servers_too_many": Reason(
        _("{asked} servers at once are more than this class may have: {limit} at most."),
        _("Choose fewer, or ask whoever runs this Carrel."),
        status=409,
    ),
    "repository_private": Reason(
        _("This repository is private, and everybody in the class would get what is in it."),
        _("Only {who}, who answers for the class, can choose it."),
        status=403,
    ),
    "environment_unprepared": Reason(
        _("What this class works in could not be prepared yet."),
        _("A teacher of the class sees the reason on its page “Environment”, and can try again there."),
        status=409,
    ),
    # Archives of classes
    "class_archive_unreadable": Reason(
        _("This file is not an archive of a class, or it is damaged."),
        _("Choose the .zip file as it was downloaded from a class, whole and not packed anew."),
        status=422,
    ),
    "class_archive_newer": Reason(
        _("This archive is of version {version}, which this Carrel does not know."),
        _("Export the class with the same version of Carrel, or ask whoever runs this one to update it."),
        status=422,
    ),
    "class_archive_invalid": Reason(
        _("The archive says something at “{where}” that cannot be."),
        _("Export the class again. If you changed the archive by hand, look at that place."),
        status=422,
    ),
    "class_archive_refused": Reason(
        _("The archive has something in it that does not belong in an archive of a class: “{file}”."),
        _(
            "Use the file as it was downloaded from a class. Links, twice the same name, and paths that lead out of it "
            "are not accepted."
        ),
        status=422,
    ),
    "class_archive_too_large": Reason(
        _("The class with these files is too large for one archive: at most {megabytes} MB and {files} files."),
        _("Leave the members' work out, or ask for less."),
        status=413,
    ),
    "class_archives_too_many": Reason(
        _("There are {most} archives of yours already that nothing was made of."),
        _("Make a class of one of them, or wait until they are removed, a day after they were brought."),
        status=409,
    ),
    "class_archive_interrupted": Reason(
        _("Making the archive was interrupted."),
        _("Ask for it again. If it happens again, tell whoever runs this Carrel."),
        status=503,
    ),
    "class_import_no_room": Reason(
        _("The files of the archive take {megabytes} MB, and whoever owns the class has no room for so much."),
        _("Remove what you do not need, or ask whoever runs this Carrel for more. Then try again."),
        status=409,
    ),
    "class_import_interrupted": Reason(
        _("Bringing in the files was interrupted several times."),
        _("Try again. If it happens again, tell whoever runs this Carrel."),
        status=503,
    ),
    # A class as it is now
    "notebook_unreadable": Reason(
        _("This file is no notebook that can be shown here."),
        _("Download it, or ask whose it is to open and save it again."),
        status=422,
    ),
    "file_missing": Reason(
        _("There is no file or folder “{path}” to be looked at."),
        _("It may have been renamed or deleted. Hidden files and links are not shown here."),
        status=404,
    ),
    "file_too_large": Reason(
        _("“{path}” is too large to be looked at here."),
        _("Ask to come into the server, and open it there."),
        status=422,
    ),
    "no_server_yet": Reason(
        _("{who} has not opened a server of this class yet, so there are no files to look at."),
        _("They appear once a lesson was opened."),
        status=404,
    ),
    "knock_over": Reason(
        _("This request to come in is no longer open."),
        _("If help is still wanted, the teacher can ask again."),
        status=409,
    ),
    "knock_needless": Reason(
        _("You may enter this server already."),
        _("Open it; there is nothing to ask for."),
        status=409,
    ),
    "knock_at_student_only": Reason(
        _("Only servers of students can be asked for here."),
        _("Ask a colleague to let you in from the page of their server."),
        status=409,
    ),
    # Material
    "material_nowhere": Reason(
        _("The class has no repository that material could come from."),
        _("Say below where its material is, or give the class an environment."),
        status=409,
    ),
    "material_changed": Reason(
        _("Somebody has just changed which material there is."),
        _("Look at the page again, and choose then."),
        status=409,
    ),
    "material_not_ready": Reason(
        _("The files of this version are not fetched yet."),
        _("Wait until they are: that rarely takes more than a minute."),
        status=409,
    ),
    # Members
    "member_changed_meanwhile": Reason(
        _("Somebody has changed {who} while you were looking: they are now {now}."),
        _("Nothing of yours was saved. Look again, and change it if it is still needed."),
        status=409,
    ),
    "member_was_removed": Reason(
        _("You were in “{course}”, and a teacher has taken you out of it."),
        _("If that was a mistake, ask your teacher: they can bring you back, with your work."),
        status=403,
    ),
    "people_guessed_too_often": Reason(
        _("You have tried many names and codes that do not exist."),
        _("Wait an hour, and ask for the right one meanwhile."),
        status=429,
    ),
    "section_taken": Reason(
        _("There is a section “{section}” already."),
        _("Choose another name."),
        status=409,
    ),
    "section_name_invalid": Reason(
        _("“{section}” cannot be the name of a section."),
        _("Use at most 60 characters, and begin with none of = + - @."),
        status=422,
    ),
    # Invitations
    "invitation_unknown": Reason(
        _("No class has this code."),
        _("Check each letter, or ask your teacher for the code or the link again."),
        status=404,
    ),
    "invitation_revoked": Reason(
        _("This invitation to “{course}” was withdrawn."),
        _("Ask your teacher for a new one."),
        status=410,
    ),
    "invitation_expired": Reason(
        _("This invitation to “{course}” has expired."),
        _("Ask your teacher for a new one."),
        status=410,
    ),
    "invitation_used": Reason(
        _("As many people have come to “{course}” by this invitation as it was for."),
        _("Ask your teacher for a new one."),
        status=410,
    ),
    "invitation_course_over": Reason(
        _("The class “{course}” is over, so nobody joins it any more."),
        _("Ask your teacher whether there is a new class."),
        status=410,
    ),
    "invitation_too_wide": Reason(
        _("An invitation that makes people {role} is for at most {uses} people and {days} days."),
        _("Make it smaller. Whoever has it can change the class or see everybody's work."),
        status=422,
    ),
    "invitations_too_many": Reason(
        _("This class has {most} open invitations, and more are hard to keep in view."),
        _("Withdraw some that are no longer needed."),
        status=409,
    ),
    # Lists
    "roster_empty": Reason(
        _("The file is empty."),
        _("Choose a file with a line for each person."),
        status=422,
    ),
    "roster_too_large": Reason(
        _("The file is larger than a list of people can be: at most {most} kB are read."),
        _("Save only the columns with usernames, e-mail addresses, names, sections and roles, as CSV."),
        status=413,
    ),
    "roster_too_long": Reason(
        _("The list has more than {most} people."),
        _("Split it into several files."),
        status=422,
    ),
    "roster_is_spreadsheet": Reason(
        _("This is a spreadsheet file, and only CSV files are read."),
        _("Open it and save it as CSV (“Save as…”, “CSV UTF-8”)."),
        status=422,
    ),
    "roster_not_text": Reason(
        _("This file is not text, so no list can be read from it."),
        _("Save the list as CSV (“Save as…”, “CSV UTF-8”) and choose that file."),
        status=422,
    ),
    "roster_broken": Reason(
        _("Line {line} cannot be read: a quotation mark opens or closes where it should not."),
        _("Correct that line, or save the list as CSV once more."),
        status=422,
    ),
    "roster_without_header": Reason(
        _("The first line does not say which column is which: it begins “{first}”."),
        _("Put the names of the columns in the first line, for example: email, name, section."),
        status=422,
    ),
    "roster_column_twice": Reason(
        _("Two columns say the same thing: “{first}” and “{second}”."),
        _("Delete one of them and try again."),
        status=422,
    ),
    "roster_expired": Reason(
        _("You looked at this list so long ago that it is no longer kept."),
        _("Choose the file again. Nothing has been imported."),
        status=410,
    ),
    "roster_changed": Reason(
        _("The class has changed since this page was shown, so the list would do something else now."),
        _("Nothing has been imported. Look at it again below, and import it if it is right."),
        status=409,
    ),
}
