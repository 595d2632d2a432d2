"""What servers run with, and what an operator can do about it, in words. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from environments.backends import Choice
from environments.models import SiteReport
from environments.values import EngineProblem, Firewall


@dataclass(frozen=True, slots=True)
class Finding:
    """Something to know; `is_good` None is neither good nor bad. `next_step` is what to do, if anything."""

    text: str
    next_step: str = ""
    is_good: bool | None = None


def runtime_sentence(report: SiteReport) -> str:
    """What servers run with."""
    if report.runtime == "docker":
        if report.version:
            return _("Servers run in containers of Docker Engine %(version)s.") % {"version": report.version}
        return _("Servers run in containers of a Docker Engine.")
    if report.runtime == "process":
        return _("Servers run as processes of this machine.")
    return _("Servers run on “%(name)s”.") % {"name": report.runtime}


def choice_sentence(report: SiteReport) -> str:
    """Why it is this runtime."""
    sentences = {
        Choice.SET: _("The setting RUNTIME says so."),
        Choice.FOUND: _("RUNTIME is “auto”, and a Docker Engine answered when the workers started."),
        Choice.NOT_FOUND: _(
            "RUNTIME is “auto”, and no Docker Engine answered when the workers started. "
            "To use one, start it and then Carrel again."
        ),
    }
    return sentences.get(Choice(report.choice), "") if report.choice else ""


def problem_of(report: SiteReport) -> Finding | None:
    """What keeps servers from being started, or None."""
    if not report.problem:
        return None
    steps = {
        EngineProblem.ABSENT: _("Start the engine. If it runs, check the setting DOCKER_HOST: nothing answers there."),
        EngineProblem.FORBIDDEN: _(
            "Give the user Carrel runs as the right to use the engine, for example by the group “docker”, "
            "and start Carrel again."
        ),
        EngineProblem.SILENT: _(
            "It takes too long to answer, and may be busy or stuck. Look at its log; if it stays so, start it again."
        ),
        EngineProblem.OTHER: _("What it says is below, and more is in its log."),
    }
    return Finding(_("What servers run on cannot be used."), steps[EngineProblem(report.problem)], is_good=False)


def firewall_of(report: SiteReport) -> Finding:
    """What keeps servers from the machine and from private networks."""
    findings = {
        Firewall.IN_PLACE: Finding(
            _("The firewall keeps servers from this machine and from private networks."), is_good=True
        ),
        Firewall.MISSING: Finding(
            _("The firewall for servers is not in place yet."),
            _("Carrel puts it in place before the next server starts. To have it now, run: manage.py firewall"),
            is_good=False,
        ),
        Firewall.UNSEEN: Finding(
            _("Whether the firewall for servers is in place cannot be seen from where Carrel runs."),
            _("On the engine's machine, as root and at each boot, run: manage.py firewall"),
            is_good=False,
        ),
        Firewall.NONE: Finding(_("Nothing keeps servers from this machine: they are meant for one trusting person.")),
    }
    return findings[Firewall(report.firewall)]
