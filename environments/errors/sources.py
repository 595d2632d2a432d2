"""Finding and fetching what a server is made from: repositories, and records of archives."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from environments.errors.reason import Reason

REASONS: dict[str, Reason] = {
    # Finding the repository
    "repository_not_found": Reason(
        _("There is no repository at {repository}, or it is private."),
        _(
            "Check the address. For a private repository, your account page needs a token that may read it, "
            "under “Private repositories”."
        ),
        status=422,
    ),
    "credential_refused": Reason(
        _("{host} does not accept the token you gave for it."),
        _(
            "It may have expired, or not be for this repository. Give another one on your account page, "
            "under “Private repositories”."
        ),
        status=422,
    ),
    "credential_missing": Reason(
        _("This repository is private, and your token for {host} is no longer there."),
        _("Add one on your account page, under “Private repositories”, and try again."),
        status=422,
    ),
    "credential_unreadable": Reason(
        _("Your token for {host} can no longer be read, because this Carrel's own key was changed."),
        _("Enter it again on your account page, under “Private repositories”."),
        status=422,
    ),
    "credential_insecure": Reason(
        _("Tokens are sent over encrypted connections only, and {origin} is none."),
        _("Use an address that begins with https://, or ask whoever runs this Carrel to allow this host."),
    ),
    "repository_unreachable": Reason(
        _("{host} did not answer."),
        _("Check the address, or try again in a few minutes."),
        status=502,
    ),
    "repository_rate_limited": Reason(
        _("{host} is refusing questions for a while because it was asked too often."),
        _("Try again in {minutes} minutes."),
        status=503,
    ),
    "ref_unknown": Reason(
        _("{repository} has no branch, tag or commit called “{ref}”."),
        _("Check the spelling, or leave the field empty to use the newest version."),
        status=422,
    ),
    # Records of archives
    "doi_unknown": Reason(
        _("From “{doi}” alone, Carrel cannot tell which archive keeps it."),
        _("Open it in your browser, and paste the address of the page you arrive at."),
    ),
    "ref_unavailable": Reason(
        _("“{ref}” cannot be chosen: at {archive}, a version has an address of its own, or there is only the newest."),
        _("Leave the field empty, or paste the address of the version you want."),
    ),
    "record_not_found": Reason(
        _("There is no published record {record}, or it was withdrawn."),
        _("Check the address, or look for the record on the archive's own pages."),
        status=422,
    ),
    "record_restricted": Reason(
        _("Not everybody may download the files of {record}."),
        _("Ask whoever published the record to open its files, or wait until an embargo ends."),
        status=422,
    ),
    "record_elsewhere": Reason(
        _("{record} is kept at {host}, which does not look like {archive}."),
        _("Open it in your browser, and paste the address of the page you arrive at."),
        status=422,
    ),
    "ckan_unrecognised": Reason(
        _("{host} does not answer as a CKAN site does, so {record} cannot be read."),
        _("If it is a git repository, put “.git” at the end of its address."),
        status=422,
    ),
    "record_changed": Reason(
        _("{record} has been changed, and the archive no longer has it as it was."),
        _("Launch it again under another name to get it as it is now."),
        status=422,
    ),
    "record_empty": Reason(
        _("{record} has no files."),
        _("Choose a record that holds notebooks, and a file such as requirements.txt."),
        status=422,
    ),
    "record_too_many_files": Reason(
        _("{record} has more than the {count} files allowed."),
        _("Ask whoever published it for fewer files, or for one zip archive of them."),
        status=422,
    ),
    "record_file_refused": Reason(
        _("{record} has a file called “{path}”, and no such file can be put into a folder safely."),
        _("Ask whoever published the record to rename the file."),
        status=422,
    ),
    "record_file_damaged": Reason(
        _("The file “{path}” of {record} did not arrive as the archive describes it."),
        _("Try again in a few minutes. If it happens again, tell whoever published the record."),
        status=502,
    ),
    "archive_unreadable": Reason(
        _("“{path}” could not be unpacked: it is damaged, needs a password, or was packed in an unusual way."),
        _("Ask whoever published the record to pack the files as an ordinary zip archive."),
        status=422,
    ),
    "archive_suspicious": Reason(
        _("Unpacking “{path}” was stopped, because far more came out of it than its size allows for."),
        _("Ask whoever published the record to publish the files without packing them."),
        status=422,
    ),
    "git_too_old": Reason(
        _("The program that fetches repositories is too old on this Carrel to be used safely."),
        _("Tell whoever runs this Carrel that git 2.37 or newer is needed."),
        status=503,
    ),
    "repository_too_large": Reason(
        _("The repository is larger than the {megabytes} MB allowed."),
        _("Keep large data out of the repository, or use a smaller one."),
        status=413,
    ),
}
