"""The plain values that pass between verbs and backends. Frozen, without behaviour that touches anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from pathlib import PurePosixPath


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

    `url` is canonical (the same for every spelling of one repository) and holds no credentials.
    """

    url: str
    commit: str
    ref: str


@dataclass(frozen=True, slots=True)
class Limits:
    """What a server may use; None is no limit of its own. Runtimes that cannot enforce one say so."""

    memory_mb: int | None = None
    cpus: float | None = None


@dataclass(frozen=True, slots=True)
class LaunchSpec:
    """Everything a launch form, link or API call can ask for.

    `urlpath` is where to open the server (`lab/tree/first.ipynb`), as Binder understands it; it is not
    part of what runs. Minutes of None mean the site's own setting.
    """

    reference: Reference
    urlpath: str = ""
    name: str = ""
    limits: Limits = field(default_factory=Limits)
    idle_minutes: int | None = None
    lifetime_minutes: int | None = None


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

    @property
    def resolved(self) -> ResolvedRepository:
        """Where the commit is fetched from."""
        return ResolvedRepository(self.url, self.commit, self.reference.ref)


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
    """Everything a spawner needs to start one server."""

    handle: Handle
    image: Image
    home: str
    mounts: tuple[Mount, ...]
    token: str = field(repr=False)
    environment: dict[str, str] = field(default_factory=dict)
    limits: Limits = field(default_factory=Limits)


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
    """How much a volume holds."""

    bytes: int
    files: int
