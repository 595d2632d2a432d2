"""The repositories that ship with Carrel: `example/<name>`. They work without any network."""

from __future__ import annotations

import re
from pathlib import Path
from urllib.parse import SplitResult, quote, unquote

from django.conf import settings
from django.utils.translation import gettext_lazy as _

from environments.errors import UserError
from environments.references.addresses import shown
from environments.references.base import Pasted, check_ref
from environments.references.remotes import find_commit
from environments.values import Credential, Reference, ResolvedRepository

_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")


class Example:
    """Plain git repositories below `CARREL_DATA/examples`, bare (`<name>.git`) or not (`<name>`)."""

    prefix = "example"
    label = _("Examples")

    def parse(self, spec: str) -> Reference:
        name, _slash, ref = spec.partition("/")
        if not _NAME.fullmatch(name):
            raise UserError("repository_invalid", repository=shown(f"{self.prefix}/{spec}"))
        return Reference(self.prefix, name, check_ref(unquote(ref)))

    def spec_of(self, reference: Reference) -> str:
        return f"{reference.repository}/{quote(reference.ref)}".rstrip("/")

    def claim(self, url: SplitResult, ref: str) -> Pasted | None:
        return None

    def resolve(self, reference: Reference, credential: Credential | None = None) -> ResolvedRepository:
        name = reference.repository
        commit = find_commit(str(example_directory(name)), reference.ref, repository=f"example/{name}")
        return ResolvedRepository(f"example:{name}", commit, reference.ref)

    def web_url(self, reference: Reference) -> str:
        return ""

    def title(self, reference: Reference) -> str:
        return reference.repository


def example_directory(name: str) -> Path:
    """Where the example's repository lies. Raises UserError `repository_not_found`."""
    examples = Path(settings.CARREL_DATA) / "examples"
    if _NAME.fullmatch(name):
        for directory in (examples / f"{name}.git", examples / name):
            if directory.is_dir():
                return directory
    raise UserError("repository_not_found", repository=shown(f"example/{name}"))
