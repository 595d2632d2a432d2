"""What can go wrong between a learning platform and Carrel, in words for whoever meets it.

Where a platform's message is not believed, the person is told what to do and not which check failed: that goes to the
log, in `detail`, which never holds a token or anything else that a message says of somebody.
"""

from __future__ import annotations

from collections.abc import Mapping

from django.utils.translation import gettext_lazy as _

from environments.errors import Explanation, Reason, SystemFailure, UserError, explain


class LtiError(UserError):
    """What a learning platform, or somebody who came from one, asked for cannot be done. `code` is of `REASONS`."""

    @classmethod
    def reasons(cls) -> Mapping[str, Reason]:
        """The words for its codes."""
        return REASONS


class LtiFailure(SystemFailure):
    """What could not be done just now, and may be tried again. `code` is of `REASONS`."""

    @classmethod
    def reasons(cls) -> Mapping[str, Reason]:
        """The words for its codes."""
        return REASONS


def explained(code: str, **facts: str | int) -> Explanation:
    """A code that a row keeps, in words."""
    return explain(code, facts, reasons=REASONS)


_AGAIN = _("Go back to your course and open it from there again.")
_TELL = _("Open it from your course again. If that does not help, tell whoever runs the learning platform.")

REASONS: dict[str, Reason] = {
    # Beginning
    "login_malformed": Reason(
        _("The learning platform left out something that Carrel needs to know to let you in."), _TELL, status=400
    ),
    "platform_unknown": Reason(
        _("Carrel does not know the learning platform that sent you."),
        _("Tell whoever runs the learning platform: it has to be registered here, with this very client ID."),
        status=400,
    ),
    "platform_inactive": Reason(
        _("The learning platform “{platform}” is not in use here at the moment."),
        _("It waits for the approval of whoever runs this Carrel, or was switched off by them. Ask them."),
        status=403,
    ),
    "target_elsewhere": Reason(
        _("The learning platform wanted to send you to another site by way of Carrel."),
        _("Tell your teacher: the address in the course has to be one of this Carrel."),
        status=400,
    ),
    "login_throttled": Reason(
        _("Very many people are being let in at the moment."),
        _("Wait {seconds} seconds, then open it from your course again."),
        status=429,
    ),
    # Launching
    "cookie_missing": Reason(
        _("Your browser has not kept the cookie by which Carrel knows that it was you who began."),
        _("Open it in a window of its own, not inside the course page, and allow cookies for this site."),
        status=401,
    ),
    "login_stale": Reason(
        _("This was opened too long ago, or in another browser, or has been used already."), _AGAIN, status=401
    ),
    "message_malformed": Reason(
        _("What the learning platform sent is incomplete or cannot be understood."), _TELL, status=400
    ),
    "message_untrusted": Reason(
        _("What the learning platform sent could not be checked, so you are not signed in."), _TELL, status=401
    ),
    "message_out_of_time": Reason(
        _("What the learning platform sent is too old, or not valid yet."),
        _("Open it from your course again. If that does not help, a clock is wrong: tell whoever runs the platform."),
        status=401,
    ),
    "return_elsewhere": Reason(
        _("The learning platform named an address to return to that is not safe."), _TELL, status=400
    ),
    "deployment_unknown": Reason(
        _("The learning platform “{platform}” has put Carrel in a place that nobody has approved yet."),
        _("Ask whoever runs this Carrel to approve the deployment “{deployment}”."),
        status=403,
    ),
    "platform_refused": Reason(
        _("The learning platform did not say who you are."),
        _("Sign in there, and open it from your course again."),
        status=403,
    ),
    "platform_unreachable": Reason(
        _("The learning platform does not answer at the moment, so what it sent could not be checked."),
        _("Open it from your course again in a minute."),
        status=503,
    ),
    # Asking the platform
    "token_refused": Reason(
        _("The learning platform “{platform}” does not let Carrel see people or grades."),
        _("Whoever runs the learning platform has to allow it in the settings of the tool there."),
        status=502,
    ),
    "keys_unread": Reason(
        _("The learning platform “{platform}” could not read Carrel’s public keys."),
        _("Whoever runs it has to let it reach this site: some platforms refuse private addresses and unusual ports."),
        status=502,
    ),
    "key_missing": Reason(
        _("Carrel has no key yet that it could sign with towards the learning platform “{platform}”."),
        _("Whoever runs this Carrel has to publish one, on its page about the platform."),
        status=503,
    ),
    "key_unreadable": Reason(
        _("Carrel cannot open the key any more that it signs with towards the learning platform “{platform}”."),
        _("Whoever runs this Carrel has to withdraw it, on its page about the platform. A new one takes its place."),
        status=503,
    ),
    # People
    "test_person": Reason(
        _("You are looking at the course as a made-up student, who has no account here."),
        _("Leave the student view, and open it as yourself."),
        status=403,
    ),
    "account_closed": Reason(
        _("Your account here is closed."), _("Ask your teacher, or whoever runs this Carrel."), status=403
    ),
    "administrator_elsewhere": Reason(
        _("Whoever runs this Carrel cannot come in from a learning platform."),
        _("Sign in on the first page of this site, and open the class there."),
        status=403,
    ),
    "join_stale": Reason(
        _("This was begun too long ago, or in another browser."),
        _("Open Carrel from your course again, and begin anew."),
        status=401,
    ),
    "join_needless": Reason(
        _("There is no account here that was made for you when you came from a learning platform."),
        _("Open Carrel from your course first."),
        status=409,
    ),
    "join_taken": Reason(
        _("This account belongs to somebody else of the same learning platform already."),
        _("Sign in with the account that is yours, and try again."),
        status=409,
    ),
    # Putting accounts together
    "merge_same": Reason(_("This is one account already."), _("Name two."), status=409),
    "merge_closed": Reason(
        _("The account “{account}” is closed, so nothing can become its."), _("Keep the other one."), status=409
    ),
    "merge_administrator": Reason(
        _("Accounts of administrators are not put together with others."),
        _("Give them another role first, if it really is one person."),
        status=403,
    ),
    "merge_role": Reason(
        _("“{account}” may make classes on this site, and “{kept}” may not."),
        _("Keep “{account}” instead, or give “{kept}” that role first."),
        status=409,
    ),
    "merge_running": Reason(
        _("The server “{server}” of the account that will be closed is running, or on its way."),
        _("Stop it first, and try again when it has stopped."),
        status=409,
    ),
    "merge_busy": Reason(
        _("Something of the account that will be closed is just being submitted or put in place."),
        _("Try again in a minute."),
        status=409,
    ),
    "last_way": Reason(
        _("“{platform}” is your only way to sign in here, so it has to stay."),
        _("Choose a password first, on your account page."),
        status=409,
    ),
    # Courses
    "context_unconnected": Reason(
        _("The course “{context}” has no class here yet."),
        _("Its teacher has to open Carrel from the course once. Come back after that."),
        status=403,
    ),
    "context_connected": Reason(
        _("Somebody else has connected the course “{context}” meanwhile."),
        _("Open Carrel from your course again."),
        status=409,
    ),
    "classes_not_made": Reason(
        _("Teachers of this learning platform do not make classes here."),
        _("Connect a class that you teach here, or ask whoever runs this Carrel to make you one."),
        status=403,
    ),
    "link_moved": Reason(
        _("What the link leads to, or where its grades go, has changed meanwhile."),
        _("Look at it once more, and decide again."),
        status=409,
    ),
    # Registration
    "registration_malformed": Reason(
        _("This address is not for people: a learning platform opens it by itself."),
        _("Copy it, and paste it where your learning platform takes the address of a tool to register."),
        status=400,
    ),
    "registration_elsewhere": Reason(
        _("What {host} says of itself is incomplete, or leads to another site than its own."),
        _("Register Carrel by hand: whoever runs this Carrel has a page with what to copy."),
        status=400,
    ),
    "registration_refused": Reason(
        _("The learning platform at {host} did not accept Carrel."),
        _("Begin again from its own page: what it gives for a registration can be used once. Or register by hand."),
        status=422,
    ),
    "registration_crowded": Reason(
        _("Too many learning platforms wait for approval here, or have been tried just now."),
        _("Ask whoever runs this Carrel to look through them, and begin again."),
        status=429,
    ),
    "registration_unreachable": Reason(
        _("Carrel cannot reach the learning platform at {host}."),
        _("Try again in a minute. If it is in a network of its own, whoever runs this Carrel has to allow its host."),
        status=502,
    ),
    # What the operator does
    "platform_known": Reason(
        _("A platform with this issuer and client ID is here already."),
        _("Change that one, or look whether the client ID is right."),
        status=409,
    ),
    "platform_moved": Reason(
        _("“{platform}” has been changed meanwhile."), _("Look at what it is now, and try again."), status=409
    ),
    "platform_used": Reason(
        _("People or courses have come from “{platform}”, so it cannot be removed."),
        _("Switch it off: then nobody comes from it any more, and all that is here stays."),
        status=409,
    ),
    "deployment_used": Reason(
        _("Courses have come from the deployment “{deployment}”, so it stays."),
        _("Switch the platform off if nobody is to come from it any more."),
        status=409,
    ),
    "key_waits": Reason(
        _("A new key is published already, and does not sign yet."),
        _("Platforms may keep what they have read for a day. Come back when it signs."),
        status=409,
    ),
    # Grades
    "grades_unanswered": Reason(
        _("The learning platform “{platform}” does not answer at the moment."),
        _("There is nothing to do: Carrel goes on trying."),
        status=503,
    ),
    "grades_not_allowed": Reason(
        _("The learning platform “{platform}” does not let Carrel write grades into this course."),
        _("Whoever runs it has to allow it in the settings of the tool there. Carrel goes on trying."),
        status=502,
    ),
    "grade_refused": Reason(
        _("The learning platform “{platform}” takes no grade for this person."),
        _("Look whether they are a student of the course there. If they are, tell whoever runs this Carrel."),
        status=502,
    ),
    "grade_locked": Reason(
        _("The learning platform “{platform}” did not take the grade. Perhaps it is locked there."),
        _("Unlock it in the gradebook there, and send it again."),
        status=502,
    ),
    "grade_outdated": Reason(
        _("The learning platform “{platform}” has another grade for this person that it calls newer."),
        _("Look at it in the gradebook there. If it is wrong, send this one again."),
        status=409,
    ),
    "column_gone": Reason(
        _("The column of this assignment is no longer in the gradebook of “{platform}”."),
        _("If that was a mistake, have it made anew: all grades are sent again then."),
        status=409,
    ),
    "column_locked": Reason(
        _("“{platform}” takes no grade at all for this assignment. Perhaps its column is locked there."),
        _("Unlock it in the gradebook there, and send all again."),
        status=409,
    ),
    "column_refused": Reason(
        _("“{platform}” does not let Carrel make a column for this assignment in its gradebook."),
        _("Add the assignment to the course there as a link of Carrel, which has a column of its own, and try again."),
        status=502,
    ),
    "column_unoffered": Reason(
        _("“{platform}” has not said where the grades of this course go."),
        _("Open Carrel from the course there once, and try again."),
        status=409,
    ),
    "results_unread": Reason(
        _("“{platform}” did not say which grades it has."),
        _("Try again in a minute. If that does not help, whoever runs it has to let Carrel read grades."),
        status=502,
    ),
    # The people of a course
    "roster_nowhere": Reason(
        _("“{platform}” has not said yet where it lists the people of this course."),
        _(
            "Put a link to Carrel into the course there, open it once as its teacher, and try again. If that does not "
            "help, whoever runs the learning platform has to allow names and roles in the settings of the tool."
        ),
        status=409,
    ),
    "roster_unreached": Reason(
        _("“{platform}” did not answer when it was asked for the people of the course, so nothing has changed."),
        _("Try again in a few minutes."),
        status=503,
    ),
    "roster_refused": Reason(
        _("“{platform}” does not show Carrel the people of this course, so nothing has changed."),
        _("Whoever runs the learning platform has to allow names and roles in the settings of the tool there."),
        status=502,
    ),
    "roster_unreadable": Reason(
        _("What “{platform}” answered is not a list of people that can be read whole, so nothing has changed."),
        _("Try again. If that does not help, tell whoever runs this Carrel."),
        status=502,
    ),
    "roster_elsewhere": Reason(
        _("“{platform}” answered with the people of another course or sent Carrel elsewhere, so nothing has changed."),
        _("Open Carrel from the course again and repeat it. If that does not help, tell whoever runs this Carrel."),
        status=502,
    ),
    "roster_endless": Reason(
        _("The list of “{platform}” comes to no end, or has more than {people} people, so nothing has changed."),
        _("Tell whoever runs this Carrel."),
        status=502,
    ),
    "roster_slow": Reason(
        _("“{platform}” did not get to the end of its list in {seconds} seconds, so nothing has changed."),
        _("Carrel reads it again during the night, when there is more time. Or try again later."),
        status=503,
    ),
    "roster_busy": Reason(
        _("The list of “{platform}” is being read by somebody else at this moment."),
        _("Look at the list of people again in a minute."),
        status=409,
    ),
    "roster_stale": Reason(
        _("What was read from “{platform}” has been taken over already, or an hour has passed since."),
        _("Nothing was done now. Update again if something is missing."),
        status=409,
    ),
    "roster_moved": Reason(
        _("The class has changed since this page was shown, so the list would do something else now."),
        _("Nothing has been changed. Look at it again below, and update if it is right."),
        status=409,
    ),
    "roster_held": Reason(
        _("By the list of “{platform}”, {missing} of {present} people would leave the class."),
        _("Nothing has been changed. If that is right, a teacher has to say so."),
        status=409,
    ),
    # Choosing what to add to a course
    "picker_not_teacher": Reason(
        _("What is added to a course is chosen by its teachers."),
        _("Ask a teacher of the course, or whoever gives roles in it."),
        status=403,
    ),
    "picker_no_course": Reason(
        _("The learning platform does not say for which course you choose."),
        _("Begin in the course that it is for."),
        status=400,
    ),
    "picker_takes_nothing": Reason(
        _("Nothing that Carrel has can be added in this place of the course."),
        _("Add it where your learning platform adds activities, or external tools."),
        status=400,
    ),
    "picker_stale": Reason(
        _("This choice was begun too long ago, or in another browser."),
        _("Begin it in your course again. If that does not help, allow cookies for this site."),
        status=401,
    ),
    "picker_used": Reason(
        _("You have chosen here already."),
        _("To add more, begin in your course again."),
        status=409,
    ),
    "picker_too_many": Reason(
        _("At most {most} can be added here at a time."), _("Choose fewer, and begin again for the others."), status=422
    ),
    "handover_stale": Reason(
        _("This window was opened too late, or twice."), _("Open it from your course again."), status=401
    ),
}
