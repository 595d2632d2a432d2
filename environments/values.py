"""The plain values that pass between verbs and backends. Frozen, without behaviour that touches anything."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath
from typing import ClassVar
from uuid import UUID


@dataclass(frozen=True, slots=True)
class Reference:
    """A repository as a person names it: `provider/repository[/ref]`.

    `repository` is the provider's own identifier (`owner/name` for gh, a URL for git); `ref` is a branch,
    tag or commit, empty for the newest version.
    """

    provider: str
    repository: str
    ref: str = ""


@dataclass(frozen=True, slots=True)
class ResolvedRepository:
    """Where to fetch a reference from and exactly which commit it means now.

    `url` is canonical (the same for every spelling of one repository) and holds no credentials. Where the
    repository is a record of an archive, `url` says so (`zenodo+https://…`), and `commit` is the archive's own
    name for a version whose files do not change. It `is_private` when only somebody's credential let us find it:
    then what is made of it is theirs alone.
    """

    url: str
    commit: str
    ref: str
    is_private: bool = False


def short_commit(commit: str, digits: int = 7) -> str:
    """The first digits of a commit of git's. What an archive calls a version would mean another if it were cut."""
    return commit[:digits] if re.fullmatch(r"[0-9a-f]{40}", commit) else commit


@dataclass(frozen=True, slots=True)
class RemoteFile:
    """A file of a record in an archive, as the archive describes it, which nobody has checked.

    `key` is the archive's own name for it, unlike any other of the record. `size` is None and `checksum`
    (`md5:…`, by the name hashlib has for it) empty where the archive does not vouch for them.
    """

    path: str
    url: str
    key: str
    size: int | None = None
    checksum: str = ""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server may use; None is no limit of its own. Runtimes that cannot enforce one say so."""

    memory_mb: int | None = None
    cpus: float | None = None


@dataclass(frozen=True, slots=True)
class MountWish:
    """Shared files somebody wants in a server, by the name of their volume, at a path relative to its home."""

    volume: str
    path: str
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """Everything a launch form, link or API call can ask for.

    `urlpath` is where to open the server (`lab/tree/first.ipynb`), as Binder understands it; it is not
    part of what runs. Minutes of None mean the site's own setting. Collaborators are named by their user
    names. A public server is a throw-away copy; one with credentials can act as its owner.
    """

    reference: Reference
    urlpath: str = ""
    name: str = ""
    limits: Limits = field(default_factory=Limits)
    idle_minutes: int | None = None
    lifetime_minutes: int | None = None
    mounts: tuple[MountWish, ...] = ()
    collaborators: tuple[str, ...] = ()
    is_public: bool = False
    with_credentials: bool = False


@dataclass(frozen=True, slots=True)
class Target:
    """What a server is, or is to become: a launch without the name, and the commit that it means now.

    `url` is the canonical one the commit is fetched from.
    """

    reference: Reference
    url: str
    commit: str
    urlpath: str = ""
    limits: Limits = field(default_factory=Limits)
    idle_minutes: int | None = None
    lifetime_minutes: int | None = None
    with_credentials: bool = False
    is_private: bool = False
    image_owner_id: UUID | None = None
    """Whose credential a private repository is fetched with, where that is not the server's owner."""
    mounts: tuple[MountWish, ...] = ()
    """By path."""

    @property
    def resolved(self) -> ResolvedRepository:
        """Where the commit is fetched from."""
        return ResolvedRepository(self.url, self.commit, self.reference.ref, self.is_private)

    def made_from(self, resolved: ResolvedRepository, *, image_owner_id: UUID | None = None) -> Target:
        """The same from this version, found with the credential of whoever's image it is to be if it is private."""
        whose = image_owner_id if resolved.is_private else None
        return replace(
            self, url=resolved.url, commit=resolved.commit, is_private=resolved.is_private, image_owner_id=whose
        )


@dataclass(frozen=True, slots=True)
class Credential:
    """What somebody shows a git host to be let in. `origin` (`https://host[:port]`) is the one host that sees it."""

    origin: str
    username: str
    password: str = field(repr=False)


class BuildPhase(StrEnum):
    """What a build is doing, as its log names it."""

    FETCHING = "fetching"
    BUILDING = "building"
    PUSHING = "pushing"


@dataclass(frozen=True, slots=True)
class BuildEvent:
    """One step of a build: a line of its log, or with an empty text only a sign of life or a new phase."""

    phase: BuildPhase
    text: str = ""


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """One build to make: from exactly this commit, under exactly this key.

    `credential` is for fetching a private repository, and for nothing else.
    """

    build_id: str
    image_key: str
    repository: ResolvedRepository
    time_limit_seconds: int
    credential: Credential | None = field(default=None, repr=False)


@dataclass(frozen=True, slots=True)
class Image:
    """A finished image. `location` is the builder's and spawner's own name for it (a path, an image name)."""

    key: str
    location: str


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A finished image as a builder keeps it: since when, and how many bytes are its own and shared with others."""

    key: str
    made_at: datetime
    own_bytes: int
    shared_bytes: int = 0


@dataclass(frozen=True, slots=True)
class ImageStore:
    """All that a builder keeps: finished images, and what lets it make the next ones faster."""

    images: tuple[StoredImage, ...]
    cache_bytes: int


Manifest = Mapping[str, "str | None"]
"""Which files there are: the SHA-256 of the content of each, None for a folder, by path."""


@dataclass(frozen=True, slots=True)
class Material:
    """Files that are brought into homes and come from no image: one version of them, and what was brought before.

    They lie below `files/` in a volume of their own, as `wanted` says.
    """

    FOLDER: ClassVar[str] = "files"

    volume: str
    commit: str
    wanted: Manifest
    given: Manifest = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Mount:
    """A volume placed in a server, at a path relative to its home."""

    volume: str
    path: PurePosixPath
    read_only: bool = False


@dataclass(frozen=True, slots=True)
class Handle:
    """Names one start of one server. The labels an engine carries, so orphans can be found after a crash."""

    server_id: str
    start_id: str


@dataclass(frozen=True, slots=True)
class ServerSpec:
    """Everything a spawner needs to start one server.

    `credential` is a key of its owner's to Carrel itself: the server finds it as `CARREL_TOKEN`, and in the file that
    `CARREL_TOKEN_FILE` names, which is gone with the server. With `keeps_spare_kernel` the first notebook opened in it
    gets a kernel at once, at the price of the memory of one until then.
    """

    handle: Handle
    image: Image
    home: str
    mounts: tuple[Mount, ...]
    token: str = field(repr=False)
    environment: dict[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)
    credential: str = field(default="", repr=False)
    keeps_spare_kernel: bool = False


@dataclass(frozen=True, slots=True)
class Endpoint:
    """Where a started server listens, as the gateway can reach it."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @classmethod
    def parse(cls, text: str) -> Endpoint:
        """The inverse of `str`."""
        host, _, port = text.rpartition(":")
        return cls(host, int(port))


class Liveness(StrEnum):
    """What an engine knows of a handle: its process lives, it has ended, or there is no such thing."""

    ALIVE = "alive"
    EXITED = "exited"
    ABSENT = "absent"


@dataclass(frozen=True, slots=True)
class ServerStatus:
    """An engine's answer about one handle. `log_tail` is the end of the server's own output.

    `reason` is the code of the error that explains why it EXITED, where the engine knows; empty otherwise.
    """

    liveness: Liveness
    endpoint: Endpoint | None = None
    exit_code: int | None = None
    log_tail: str = ""
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Usage:
    """What a running server has used: processor time since it started, memory now."""

    cpu_seconds: float
    memory_bytes: int
    measured_at: datetime


@dataclass(frozen=True, slots=True)
class VolumeUsage:
    """How much a volume holds; at least so much if there was no time to see all of it."""

    bytes: int
    files: int
    is_complete: bool = True


@dataclass(frozen=True, slots=True)
class FolderEntry:
    """A file or folder in a folder of a volume."""

    name: str
    is_folder: bool
    size: int = 0
    modified_at: float = 0.0
    """Seconds since 1970."""


@dataclass(frozen=True, slots=True)
class FolderListing:
    """What is in a folder, folders first; the beginning of it if there was no time or room for all of it."""

    entries: tuple[FolderEntry, ...]
    is_complete: bool = True

    MAX_ENTRIES: ClassVar[int] = 1000


class EngineProblem(StrEnum):
    """Why an engine cannot be used."""

    ABSENT = "absent"
    """There is nothing where it should be."""
    FORBIDDEN = "forbidden"
    """It does not let Carrel in."""
    SILENT = "silent"
    """It takes too long to answer."""
    OTHER = "other"


class Firewall(StrEnum):
    """What keeps servers from the machine they run on and from private networks."""

    IN_PLACE = "in-place"
    MISSING = "missing"
    """Not yet there; put in place before the next start."""
    UNSEEN = "unseen"
    """Whether it is there cannot be seen, nor changed, from where Carrel runs."""
    NONE = "none"
    """This runtime has none."""


@dataclass(frozen=True, slots=True)
class Disk:
    """A file system: how large it is and how much of it is free."""

    total_bytes: int
    free_bytes: int


@dataclass(frozen=True, slots=True)
class RuntimeReport:
    """What a spawner runs servers with, for whoever looks after it. `detail` is for them, not for people.

    `disk` is where the engine keeps images and files, if that can be seen from where Carrel runs.
    """

    name: str
    version: str = ""
    problem: EngineProblem | None = None
    detail: str = ""
    firewall: Firewall = Firewall.NONE
    disk: Disk | None = None
