"""Who comes into a server, and whom its owner lets in."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from environments.errors.reason import Reason

REASONS: dict[str, Reason] = {
    # Entering a server
    "sign_in_required": Reason(
        _("You have to be signed in to use this server."),
        _("Open the server from Carrel. A program sends a token: “Authorization: Bearer …”."),
        status=401,
    ),
    "server_not_found": Reason(
        _("There is no such server."),
        _("Check the address, or find your servers on Carrel's own pages."),
        status=404,
    ),
    "origin_refused": Reason(
        _("Another page tried to use this server in your name, and was stopped."),
        _("If you meant to go there, open the server from Carrel."),
        status=403,
    ),
    "server_asleep": Reason(
        _("This server is not running."),
        _("Its files are safe. Go to its page, where its owner can start it."),
        status=503,
    ),
    "ticket_invalid": Reason(
        _("This way into the server has been used already, or is too old."),
        _("Open the server again: Carrel makes you a new one."),
        status=403,
    ),
    "request_invalid": Reason(
        _("This address cannot be understood."),
        _("Check it for characters that do not belong there."),
    ),
    # Company
    "collaborator_unknown": Reason(
        _("Nobody called “{people}” was found here."),
        _(
            "Check the spelling: give the name they sign in with, or an e-mail address they have confirmed. "
            "Or make a link and send it to them."
        ),
        status=422,
    ),
    "collaborator_is_owner": Reason(
        _("A server needs no invitation for its own owner."),
        _("Name somebody else."),
        status=409,
    ),
    "invitation_to_own_server": Reason(
        _("This invitation leads to your own server."),
        _("Send the link to somebody else. You open your server from the first page."),
        status=409,
    ),
    "collaborators_too_many": Reason(
        _("No more than {most} people can be let into one server."),
        _("Remove somebody first."),
        status=409,
    ),
    "invitations_too_many": Reason(
        _("There are {most} open links to this server already."),
        _("Withdraw one you no longer need."),
        status=409,
    ),
    "invitation_unknown": Reason(
        _("There is no such invitation."),
        _("Check that you have the whole link, or ask whoever sent it for a new one."),
        status=404,
    ),
    "invitation_expired": Reason(
        _("This invitation has expired."),
        _("Ask whoever sent it for a new one."),
        status=410,
    ),
    "invitation_revoked": Reason(
        _("This invitation has been withdrawn."),
        _("Ask whoever sent it for a new one."),
        status=410,
    ),
    "invitation_used": Reason(
        _("This invitation has been used by as many people as it was made for."),
        _("Ask whoever sent it for a new one."),
        status=410,
    ),
    "people_guessed_too_often": Reason(
        _("You have named too many people who are not here."),
        _("Wait an hour, or make a link and send it to whom you want to invite."),
        status=429,
    ),
}
