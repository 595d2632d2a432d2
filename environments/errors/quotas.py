"""How much somebody may have."""

from __future__ import annotations

from django.utils.translation import gettext_lazy as _

from environments.errors.reason import Reason

REASONS: dict[str, Reason] = {
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
}
