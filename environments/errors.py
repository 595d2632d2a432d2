"""Everything that can go wrong while something is found, built, started or reached.

An error is a stable *code* and the facts that fill its sentence. The words live in `REASONS`, so that a
failure stored in a row today is explained tomorrow in the language of whoever reads it. Errors are split
by whose fault it is: the person's (`UserError`), ours (`SystemFailure`), or nobody's (`Cancelled`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.utils.translation import gettext_lazy as _

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise


@dataclass(frozen=True, slots=True)
class Reason:
    """The words for one error code, and the HTTP status an API client gets with it."""

    sentence: str | _StrPromise
    next_step: str | _StrPromise
    status: int = 400


@dataclass(frozen=True, slots=True)
class Explanation:
    """A reason with its facts filled in, in the active language."""

    code: str
    sentence: str
    next_step: str

    @property
    def lines(self) -> list[str]:
        """Both, as a form shows them at a field."""
        return [self.sentence, self.next_step]


class EnvironmentsError(Exception):
    """Base of every error this app raises on purpose.

    `code` is a key of `REASONS`; `facts` fill its sentence and are stored and shown, so they hold no
    secret; `detail` is for the log only.
    """

    def __init__(self, code: str, *, detail: str = "", **facts: str | int) -> None:
        super().__init__(f"{code} {facts} {detail}".strip())
        self.code = code
        self.facts: dict[str, str | int] = facts
        self.detail = detail

    @classmethod
    def reasons(cls) -> Mapping[str, Reason]:
        """The words for its codes; the errors of an app above this one bring their own."""
        return REASONS

    @property
    def status(self) -> int:
        """The HTTP status that fits."""
        return self.reasons()[self.code].status

    def explain(self) -> Explanation:
        """The sentence and the next step for the person who meets this error."""
        return explain(self.code, self.facts, reasons=self.reasons())


class UserError(EnvironmentsError):
    """What was asked for cannot be done as asked; the person can change that."""


class SystemFailure(EnvironmentsError):
    """Carrel, or something it depends on, failed; the person can only try again or tell the operator."""


class Cancelled(EnvironmentsError):
    """Somebody stopped it on purpose."""


def explain(code: str, facts: Mapping[str, str | int], *, reasons: Mapping[str, Reason] | None = None) -> Explanation:
    """Words for a stored failure; a code or fact this version does not know still gets a sentence."""
    reason = (reasons or REASONS).get(code, REASONS["unexpected"])
    known = _Facts({key: str(value) for key, value in facts.items()})
    return Explanation(code, str(reason.sentence).format_map(known), str(reason.next_step).format_map(known))


class _Facts(dict[str, str]):
    def __missing__(self, key: str) -> str:
        return "?"


_TRY_AGAIN = _("Try again. If it happens again, tell whoever runs this Carrel.")

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
    # Building
    "no_environment_files": Reason(
        _("The repository does not say what it needs, so there is nothing to make an environment from."),
        _("Add a file called requirements.txt that lists the Python packages the notebooks use."),
        status=422,
    ),
    "environment_files_ambiguous": Reason(
        _("The repository has both a “binder” and a “.binder” folder, and only one can count."),
        _("Remove one of the two folders from the repository."),
        status=422,
    ),
    "environment_file_invalid": Reason(
        _("The file {file} could not be understood: {problem}"),
        _("Correct the file in the repository and launch again."),
        status=422,
    ),
    "needs_docker": Reason(
        _("This environment needs the Docker runtime, because of {feature}."),
        _("Use a Carrel that runs on Docker, or describe the environment by requirements.txt alone."),
        status=422,
    ),
    "python_unavailable": Reason(
        _("The repository asks for Python {version}, which could not be had here."),
        _("Ask for another version in runtime.txt, or leave that file out."),
        status=422,
    ),
    "requirements_unsatisfiable": Reason(
        _("The packages the repository asks for do not fit together: {problem}"),
        _("Loosen or correct the versions in the repository's requirements and launch again."),
        status=422,
    ),
    "package_not_found": Reason(
        _("The repository asks for the package {package}, which does not exist or has no such version."),
        _("Correct its name or version in the repository and launch again."),
        status=422,
    ),
    "package_build_failed": Reason(
        _("The package {package} could not be installed."),
        _("The last lines of the log say why. Often an older or newer version of the package works."),
        status=422,
    ),
    "package_index_unreachable": Reason(
        _("The place Python packages come from did not answer."),
        _("Check the connection to the internet and try again in a few minutes."),
        status=502,
    ),
    "post_build_failed": Reason(
        _("The repository's own script postBuild ended with an error."),
        _("The last lines of the log say why. Correct the script in the repository and launch again."),
        status=422,
    ),
    "build_timeout": Reason(
        _("Preparing the environment took longer than the {minutes} minutes allowed."),
        _("Ask for fewer or smaller packages, or ask whoever runs this Carrel to allow more time."),
        status=422,
    ),
    "build_interrupted": Reason(
        _("Preparing the environment was interrupted, because Carrel was restarted."),
        _("Nothing is lost: try again."),
        status=503,
    ),
    "build_cancelled": Reason(
        _("Preparing the environment was cancelled."),
        _("Start the server again whenever you like."),
        status=409,
    ),
    "build_failed": Reason(
        _("The environment could not be prepared."),
        _("The last lines of the log say why."),
        status=422,
    ),
    "build_out_of_memory": Reason(
        _("Preparing the environment needed more memory than there is for it."),
        _("Ask for fewer or smaller packages, or for ones that need not be compiled."),
        status=422,
    ),
    "dockerfile_invalid": Reason(
        _("The Dockerfile could not be understood: {problem}"),
        _("Correct the Dockerfile in the repository and launch again."),
        status=422,
    ),
    "dockerfile_failed": Reason(
        _("A step of the Dockerfile ended with an error: {step}"),
        _("The last lines of the log say why. Correct the Dockerfile in the repository and launch again."),
        status=422,
    ),
    "base_image_unavailable": Reason(
        _("The image {image}, which the environment begins with, could not be had."),
        _("Check its name. An image that is private, or not on a public registry, cannot be used."),
        status=422,
    ),
    "image_user_root": Reason(
        _("The Dockerfile ends with an administrator as the user, and notebooks are not run as one."),
        _("Let the Dockerfile make a user with the number 1000 and end with the line USER 1000."),
        status=422,
    ),
    "image_user_unknown": Reason(
        _("The Dockerfile ends with the user “{user}”, whom its image does not know."),
        _("Let the Dockerfile make a user with the number 1000 and end with the line USER 1000."),
        status=422,
    ),
    "image_user_wrong": Reason(
        _("The Dockerfile ends with the user “{user}”, whom people's files do not belong to."),
        _("Let the Dockerfile make a user with the number 1000 and end with the line USER 1000."),
        status=422,
    ),
    "registry_unreachable": Reason(
        _("The place where finished environments are kept ({host}) did not answer."),
        _TRY_AGAIN,
        status=502,
    ),
    "registry_refused": Reason(
        _("The place where finished environments are kept ({host}) does not let Carrel in."),
        _("Tell whoever runs this Carrel that the registry refuses its user name and password."),
        status=502,
    ),
    "image_fetch_timeout": Reason(
        _("Fetching the environment from where it is kept took longer than the {minutes} minutes allowed."),
        _TRY_AGAIN,
        status=504,
    ),
    "disk_full": Reason(
        _("There is no space left on the disk."),
        _("Delete servers you no longer need, or tell whoever runs this Carrel."),
        status=507,
    ),
    # Running
    "start_timeout": Reason(
        _("The server was started but did not answer within {seconds} seconds."),
        _TRY_AGAIN,
        status=504,
    ),
    "start_failed": Reason(
        _("The server stopped while it was starting."),
        _("The last lines of its log say why. Your files are untouched."),
        status=500,
    ),
    "start_interrupted": Reason(
        _("Starting the server was interrupted, because Carrel was restarted."),
        _("Nothing is lost: start it again."),
        status=503,
    ),
    "image_missing": Reason(
        _("The environment of this server is no longer there."),
        _("Start the server again to have it prepared anew. Your files are untouched."),
        status=409,
    ),
    "image_without_jupyter": Reason(
        _("The environment contains neither JupyterLab nor the Jupyter Notebook."),
        _("Add jupyterlab to what the repository asks for, or to its Dockerfile, and launch again."),
        status=422,
    ),
    "image_home_invalid": Reason(
        _("“{path}” cannot be the home folder of the environment."),
        _("Set HOME in the repository's Dockerfile to a folder such as /home/jovyan."),
        status=422,
    ),
    "refresh_failed": Reason(
        _("The new version of the files could not be brought into yours."),
        _("What you changed is untouched, and new files may be missing. It is tried again at the next start."),
        status=500,
    ),
    # Material
    "material_too_large": Reason(
        _("The files take more than the {megabytes} MB allowed. The largest is {path}, with {size} MB."),
        _("Keep large data out of the repository, and put it into shared files instead."),
        status=413,
    ),
    "material_too_many_files": Reason(
        _("The repository holds more than the {count} files allowed."),
        _("Pack small files into an archive, or put them into shared files."),
        status=413,
    ),
    "material_timeout": Reason(
        _("Fetching the files took longer than {minutes} minutes and was stopped."),
        _("Try again later. If it happens again, make the repository smaller."),
        status=504,
    ),
    "material_interrupted": Reason(
        _("Fetching the files was interrupted several times."),
        _("Try again. If it happens again, tell whoever runs this Carrel."),
        status=500,
    ),
    "material_missing": Reason(
        _("The files that were fetched are no longer there."),
        _("They are fetched again. Nothing of yours is touched."),
        status=500,
    ),
    "server_out_of_memory": Reason(
        _("The server used all the memory it may have, and was stopped."),
        _("Start it again: your saved files are untouched. Load less data at a time, or ask for more memory."),
        status=500,
    ),
    "server_died": Reason(
        _("The server stopped by itself."),
        _("Start it again: your saved files are untouched. If it keeps happening, a notebook may need more memory."),
        status=500,
    ),
    "server_cut_off": Reason(
        _("The server lost its connection to Carrel, and was stopped."),
        _("Start it again: your saved files are untouched."),
        status=500,
    ),
    "server_unresponsive": Reason(
        _("The server no longer answers."),
        _("Stop it and start it again. Your saved files are untouched."),
        status=502,
    ),
    "kernel_start_failed": Reason(
        _("The environment could not run a notebook by itself."),
        _("Check that it has a kernel for the notebook's language, and that its packages can be imported."),
        status=422,
    ),
    "runtime_unavailable": Reason(
        _("Notebook servers cannot be started here at the moment."),
        _TRY_AGAIN,
        status=503,
    ),
    "credentials_shared": Reason(
        _("A server that others may enter cannot carry a key of yours: they could use it."),
        _("Leave out either the key or the collaborators."),
    ),
    "server_differs": Reason(
        _("You have a server called “{name}”, and it is not what you ask for now."),
        _("Update that one, or give the new one another name."),
        status=409,
    ),
    "name_taken": Reason(
        _("You already have a server called “{name}”, made from something else."),
        _("Give the new server another name, or delete the old one first."),
        status=409,
    ),
    "state_conflict": Reason(
        _("That is not possible while the server is in the state “{state}”."),
        _("Wait a moment, reload the page and try again."),
        status=409,
    ),
    "server_of_other_group": Reason(
        _("You already have a server called “{name}”, and it is not one of “{group}”."),
        _("Delete that server first, or give the new one another name."),
        status=409,
    ),
    "version_of_group": Reason(
        _("This server gets its newer versions from whoever keeps its private repository."),
        _("Ask your teacher, or whoever shared it with you, for a newer version."),
        status=409,
    ),
    "version_changed": Reason(
        _("Somebody has prepared or chosen another version in the meantime, so nothing was changed."),
        _("Look at what is there now, and choose again."),
        status=409,
    ),
    "no_version_before": Reason(
        _("There is no version before this one that the server could go back to."),
        _("Only what it has run before is kept, and only the version before the present one."),
        status=409,
    ),
    "keep_past": Reason(
        _("A server cannot be kept running until a moment that is over."),
        _("Choose a later one."),
    ),
    "keep_too_long": Reason(
        _("A server can be kept running for {hours} hours at a time, not longer."),
        _("Choose an earlier end. You can put it off again later."),
    ),
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
    # Volumes
    "volume_path_invalid": Reason(
        _("“{path}” is not a place inside these files."),
        _("Choose a path that does not leave the folder."),
    ),
    "volume_entry_refused": Reason(
        _("“{path}” is a link or a device, and only plain files and folders are accepted."),
        _("Leave it out and try again."),
    ),
    "volume_too_large": Reason(
        _("The files are larger than the {megabytes} MB allowed."),
        _("Remove what is not needed and try again."),
        status=413,
    ),
    "volume_archive_invalid": Reason(
        _("The files arrived incomplete or damaged."),
        _("Send them again."),
    ),
    "volume_missing": Reason(
        _("These files are not there."),
        _TRY_AGAIN,
        status=404,
    ),
    # Shared files
    "shared_volume_name_taken": Reason(
        _("There are shared files called “{name}” already, yours or somebody else's."),
        _("Choose another name. One that was deleted becomes free when the files are gone."),
        status=409,
    ),
    "shared_volumes_too_many": Reason(
        _("You have {most} shared folders, and that is as many as one person can have."),
        _("Delete one that you no longer need."),
        status=409,
    ),
    "shared_volume_quota_exceeded": Reason(
        _("Your files take {used_mb} MB of the {limit_mb} MB you may keep, so there is no room for more shared files."),
        _("Delete files you no longer need. Then try again after a minute."),
        status=409,
    ),
    "member_unknown": Reason(
        _("Nobody here has the username or the confirmed e-mail address “{who}”."),
        _("Check the spelling, or ask them for the username that their account page shows."),
        status=422,
    ),
    "group_missing": Reason(
        _("It is not said which class or group it is for."),
        _("Choose one of your own classes or groups."),
        status=422,
    ),
    "group_unknown": Reason(
        _("You are in no group called “{who}”."),
        _("Choose one of your own groups, or name people one by one."),
        status=422,
    ),
    "member_is_owner": Reason(
        _("These shared files are your own: you may do everything with them already."),
        _("Name somebody else."),
        status=409,
    ),
    "member_there_already": Reason(
        _("{who} can use these files already."),
        _("Look for them in the list. What they may do can be changed there."),
        status=409,
    ),
    "members_too_many": Reason(
        _("These files are shared with {most} people and groups, and that is as many as there can be."),
        _("Share them with a group instead of many people one by one."),
        status=409,
    ),
    "membership_by_group": Reason(
        _("You may use these files because you are in the group “{group}”, so you cannot leave by yourself."),
        _("Ask their owner, or whoever looks after the group. Nothing comes into your servers unless you ask for it."),
        status=409,
    ),
    "mount_unknown": Reason(
        _("There are no shared files “{name}” that you may use."),
        _("Check the name, or ask whoever made them to share them with you."),
        status=403,
    ),
    "mount_read_only": Reason(
        _("You may only read the shared files “{name}”, not change them."),
        _("Ask for them read-only (in a link, put “:ro” at the end), or ask their owner to let you change them."),
        status=403,
    ),
    "mount_path_invalid": Reason(
        _("“{path}” cannot be a folder for shared files."),
        _("Give a folder inside the server that does not begin with a dot, for example shared/data."),
    ),
    "mount_path_taken": Reason(
        _("“{path}” and “{other}” cannot both be folders of shared or personal files, since one would hide the other."),
        _("Give each a folder of its own, for example below shared. “home” is for your personal files."),
    ),
    "mount_withdrawn": Reason(
        _("The server was stopped, because you may no longer use the shared files “{name}” that were in it."),
        _("Your own files are untouched. When you start the server again, it does without the shared ones."),
        status=409,
    ),
    "mount_became_read_only": Reason(
        _("The server was stopped, because you may no longer change the shared files “{name}” that were in it."),
        _("Your own files are untouched. When you start the server again, you can still read the shared ones."),
        status=409,
    ),
    "disk_quota_exceeded": Reason(
        _("Your files take {used_mb} MB of the {limit_mb} MB you may keep, so there is no room for another server."),
        _("Delete files in one of your servers, or a whole server with its files. Then try again after a minute."),
        status=409,
    ),
    "servers_quota_exceeded": Reason(
        _("You have {count} servers, and {limit} is as many as you may keep."),
        _("Delete one you no longer need. Until it is gone for good it can be brought back, and does not count."),
        status=409,
    ),
    "memory_quota_exceeded": Reason(
        _("A server with {asked_mb} MB of memory is more than you may have: {limit_mb} MB."),
        _("Ask for less memory, or ask whoever runs this Carrel for more."),
        status=422,
    ),
    "cpus_quota_exceeded": Reason(
        _("A server with {asked} processors is more than you may have: {limit}."),
        _("Ask for fewer processors, or ask whoever runs this Carrel for more."),
        status=422,
    ),
    "idle_quota_exceeded": Reason(
        _("A server may be left unused for {limit} minutes before it is stopped, not for {asked}."),
        _("Ask for a shorter time. While it runs, its page lets you keep it running for longer."),
        status=422,
    ),
    "lifetime_quota_exceeded": Reason(
        _("A server may run for {limit} minutes at a time, not for {asked}."),
        _("Ask for a shorter time. Once it is over, the server can be started again, with its files."),
        status=422,
    ),
    "copies_own_exhausted": Reason(
        _("You have {most} copies to try already, and more are not possible at once."),
        _("Stop one of them; it is thrown away then. Or launch a server that is kept."),
        status=409,
    ),
    "copies_exhausted": Reason(
        _("All {most} places for copies to try are taken at the moment."),
        _("Try again in some minutes, or launch a server that is kept."),
        status=503,
    ),
    "copy_alone": Reason(
        _("A copy to try has neither company nor a key of yours."),
        _("Leave those out, or launch a server that is kept."),
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
    # Anything else
    # A program that asks
    "not_authenticated": Reason(
        _("You are not signed in, or the token is unknown, expired or revoked."),
        _("Make a token on your account page and send it in the header “Authorization: Bearer …”."),
        status=401,
    ),
    "scope_missing": Reason(
        _("This token does not have the scope “{scope}”."),
        _("Make a token with this scope on your account page."),
        status=403,
    ),
    "page_refused": Reason(
        _("Pages of “{origin}” may not ask this Carrel for anything."),
        _("Ask whoever runs this Carrel to add this address to API_ALLOWED_ORIGINS."),
        status=403,
    ),
    "event_stream_only": Reason(
        _("This address answers with a stream of events only."),
        _("Send the header “Accept: text/event-stream”."),
    ),
    "method_not_allowed": Reason(
        _("This address does not answer this method."),
        _("The header Allow names the methods it answers."),
        status=405,
    ),
    "throttled": Reason(
        _("That was asked too often."),
        _("Wait as many seconds as the header Retry-After says."),
        status=429,
    ),
    "unexpected": Reason(
        _("Something went wrong that should not have."),
        _TRY_AGAIN,
        status=500,
    ),
}
