"""Files: personal ones, and shared ones with who may have them where."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from environments.errors.reason import TRY_AGAIN, Reason

REASONS: dict[str, Reason] = {
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
        TRY_AGAIN,
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
}
