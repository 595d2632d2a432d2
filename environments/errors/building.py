"""Making an environment of it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from environments.errors.reason import TRY_AGAIN, Reason

REASONS: dict[str, Reason] = {
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
        TRY_AGAIN,
        status=502,
    ),
    "registry_refused": Reason(
        _("The place where finished environments are kept ({host}) does not let Carrel in."),
        _("Tell whoever runs this Carrel that the registry refuses its user name and password."),
        status=502,
    ),
    "image_fetch_timeout": Reason(
        _("Fetching the environment from where it is kept took longer than the {minutes} minutes allowed."),
        TRY_AGAIN,
        status=504,
    ),
    "disk_full": Reason(
        _("There is no space left on the disk."),
        _("Delete servers you no longer need, or tell whoever runs this Carrel."),
        status=507,
    ),
}
