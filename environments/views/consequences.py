"""What a launch runs and is given, and what its programs could do with it, in the words of the confirmation page."""

from __future__ import annotations

from dataclasses import dataclass

from django.utils.translation import gettext as _

from environments.builders.detection import DESCRIPTIONS, FOLDERS, SCRIPTS
from environments.references import names_in
from environments.values import LaunchSpec, Reference, ResolvedRepository


@dataclass(frozen=True, slots=True)
class Gift:
    """One thing a server is given; `icon` is decoration."""

    icon: str
    words: str


def programs_of(reference: Reference, repository: ResolvedRepository) -> list[str] | None:
    """Those of the repository's files that will run or say what does; None where its host does not list them."""
    names = names_in(reference, repository)
    if names is None:
        return None
    folder = next((name for name in FOLDERS if name in names), "")
    found = names_in(reference, repository, folder) if folder else names
    if found is None:
        return None
    return [f"{folder}/{name}" if folder else name for name in (*DESCRIPTIONS, *SCRIPTS) if name in found]


def gifts_of(spec: LaunchSpec) -> list[Gift]:
    """What the server gets, the harmless first."""
    if spec.is_public:
        gifts = [Gift("folder2", _("A copy of the repository's files, thrown away when it stops"))]
    else:
        gifts = [
            Gift("folder2", _("A copy of the repository's files, for you alone")),
            Gift("house", _("Your personal files, in the folder “home”")),
        ]
    for mount in spec.mounts:
        mode = _("to read") if mount.read_only or spec.is_public else _("to read and change")
        gifts.append(
            Gift(
                "hdd-network",
                _("The shared files “{name}”, {mode}, in the folder “{path}”").format(
                    name=mount.volume, mode=mode, path=mount.path
                ),
            )
        )
    if spec.collaborators:
        gifts.append(Gift("people", _("Company: {people}").format(people=", ".join(spec.collaborators))))
    if spec.with_credentials:
        gifts.append(Gift("key", _("A key to act in your name in Carrel")))
    return gifts


def risks_of(spec: LaunchSpec) -> list[str]:
    """What programs that mean harm could do with exactly that."""
    risks = [
        *([] if spec.is_public else [_("read, change and delete your personal files")]),
        _("send what it finds to somewhere on the internet"),
        _("use up the computing time and the space you have here"),
    ]
    for mount in spec.mounts:
        words = (
            _("read the shared files “{name}”")
            if mount.read_only or spec.is_public
            else _("change and delete the shared files “{name}”")
        )
        risks.append(words.format(name=mount.volume))
    if spec.collaborators:
        risks.append(_("show everything in this server to {people}").format(people=", ".join(spec.collaborators)))
    if spec.with_credentials:
        risks.append(_("start, stop and see all your servers, until this one stops"))
    return risks
