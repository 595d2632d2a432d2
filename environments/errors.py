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

    @property
    def status(self) -> int:
        """The HTTP status that fits."""
        return REASONS[self.code].status

    def explain(self) -> Explanation:
        """The sentence and the next step for the person who meets this error."""
        return explain(self.code, self.facts)


class UserError(EnvironmentsError):
    """What was asked for cannot be done as asked; the person can change that."""


class SystemFailure(EnvironmentsError):
    """Carrel, or something it depends on, failed; the person can only try again or tell the operator."""


class Cancelled(EnvironmentsError):
    """Somebody stopped it on purpose."""


def explain(code: str, facts: Mapping[str, str | int]) -> Explanation:
    """Words for a stored failure; a code or fact this version does not know still gets a sentence."""
    reason = REASONS.get(code, REASONS["unexpected"])
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
        _("Give a whole number greater than zero, or leave it out."),
    ),
    # Finding the repository
    "repository_not_found": Reason(
        _("There is no repository at {repository}, or it is private."),
        _("Check the address. A private repository has to be made public first."),
        status=422,
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
        _("Your files are safe. Go to its page to start it."),
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
    # Anything else
    "unexpected": Reason(
        _("Something went wrong that should not have."),
        _TRY_AGAIN,
        status=500,
    ),
}
