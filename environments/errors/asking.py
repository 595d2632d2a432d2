"""What is asked for, as somebody has typed it or a link says it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from environments.errors.reason import Reason

REASONS: dict[str, Reason] = {
    # The reference as typed
    "repository_missing": Reason(
        _("No repository was given."),
        _("Paste the address of a git repository, for example https://github.com/binder-examples/requirements."),
    ),
    "repository_invalid": Reason(
        _("“{repository}” is not an address Carrel understands."),
        _("Paste the address of the repository as your browser shows it, for example https://github.com/owner/name."),
    ),
    "repository_scheme_forbidden": Reason(
        _("Addresses that begin with “{scheme}” are not accepted."),
        _("Use the repository's https:// address."),
    ),
    "repository_local_forbidden": Reason(
        _("“{repository}” is a folder on the server's own disk, and those are not accepted."),
        _("Put the repository on a git host and use its https:// address."),
    ),
    "repository_address_forbidden": Reason(
        _("“{host}” is inside a private network, and Carrel does not fetch from there."),
        _("Use a public address, or ask whoever runs this Carrel to allow this host."),
        status=403,
    ),
    "repository_has_credentials": Reason(
        _("This address contains a password or token, which others could read."),
        _("Remove the part before the @ and try again. If it was a real password, change it."),
    ),
    "provider_unknown": Reason(
        _("“{provider}” is not a kind of repository Carrel knows."),
        _("Choose one of: {providers}."),
    ),
    "ref_invalid": Reason(
        _("“{ref}” cannot be the name of a branch, tag or commit."),
        _("Leave the field empty to use the newest version."),
    ),
    "path_invalid": Reason(
        _("“{path}” is not a path inside the repository."),
        _("Give the path as it stands in the repository, for example notebooks/first.ipynb."),
    ),
    "path_elsewhere": Reason(
        _("“{path}” would lead away from the server, to another address."),
        _("Give a page of the server itself, without the name of a host, for example lab/tree/first.ipynb."),
    ),
    "name_invalid": Reason(
        _("“{name}” cannot be the name of a server."),
        _("Use lower-case letters, digits and single hyphens, beginning with a letter, at most 40 characters."),
    ),
    "option_unavailable": Reason(
        _("“{option}” is not available on this Carrel."),
        _("Leave it out and try again."),
    ),
    "option_invalid": Reason(
        _("“{value}” is not a possible value for “{option}”."),
        _("Give a number greater than zero, as in 2G of memory, 1.5 processors or 90 minutes; or leave it out."),
    ),
    "option_too_often": Reason(
        _("“{option}” was given more than {most} times."),
        _("Leave some out and try again."),
    ),
    "link_too_long": Reason(
        _("This link is longer than {most} characters."),
        _("Check that it was copied correctly, or ask for a shorter one."),
        status=414,
    ),
    "hub_unknown": Reason(
        _("This Carrel sends nobody to a hub called “{hub}”."),
        _("Launch it here, or check how the link spells the name of the hub."),
        status=404,
    ),
    "hub_cannot_fetch": Reason(
        _("{hub} cannot launch this: it is one of this Carrel's own examples or folders, and is nowhere else."),
        _("Launch it here instead."),
    ),
    "volume_name_invalid": Reason(
        _("“{name}” cannot be the name of shared files."),
        _("Use lower-case letters, digits and single hyphens, beginning with a letter, at most 40 characters."),
    ),
    "consent_invalid": Reason(
        _("This confirmation was not made for you by this Carrel."),
        _("Follow the link again, and confirm what you are shown then."),
        status=403,
    ),
    "consent_expired": Reason(
        _("This confirmation has been open for too long."),
        _("Follow the link again, and confirm what you are shown then."),
        status=403,
    ),
    "consent_used": Reason(
        _("This confirmation was used already, and its server is no longer there."),
        _("Follow the link again if you want it once more."),
        status=409,
    ),
    # The catalog
    "environment_not_found": Reason(
        _("There is no environment “{environment}” in the catalog, or it is not for you."),
        _("Look for it in the catalog, or ask whoever gave you its address."),
        status=422,
    ),
    "tag_invalid": Reason(
        _("“{tag}” cannot be a tag."),
        _("Use a word or two of at most {most} characters, and put commas between tags."),
    ),
    "tags_too_many": Reason(
        _("More than {most} tags were given."),
        _("Choose those that people will look for."),
    ),
}
