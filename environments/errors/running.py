"""Starting a server, and what becomes of it."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from environments.errors.reason import TRY_AGAIN, Reason

REASONS: dict[str, Reason] = {
    "start_timeout": Reason(
        _("The server was started but did not answer within {seconds} seconds."),
        TRY_AGAIN,
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
        TRY_AGAIN,
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
}
