"""Runs notebook servers as containers of a Docker Engine, each sealed off from the others and from the host.

The engine is all there is to remember: a container and a network for each start, named after it, so that of
two workers who start the same server only one can make them, and labelled with it, so that they are found
again whatever died. See hardening.py for what holds a server in, networks.py and firewall.py for whom it meets.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Collection, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from http import HTTPStatus
from pathlib import Path, PurePosixPath
from typing import Any

import psutil
from django.conf import settings
from docker.errors import APIError, ImageNotFound, NotFound
from docker.types import Healthcheck
from docker.types import Mount as EngineMount

from environments.engine import (
    QUESTION_SECONDS,
    SERVER_LABEL,
    TIMEOUT_SECONDS,
    client,
    engine_errors,
    having,
    installation_labels,
    is_disk_full,
    problem_of,
)
from environments.errors import SystemFailure, UserError
from environments.merging import Merged
from environments.registry import ensure_local
from environments.spawners import firewall, hardening, networks
from environments.spawners.container_homes import bring_home, refresh_home
from environments.spawners.images import ImageFacts, image_facts
from environments.spawners.in_container import NO_JUPYTER
from environments.spawners.options import SERVER_OPTIONS
from environments.spawners.surroundings import is_on_the_engines_machine
from environments.values import (
    Disk,
    Endpoint,
    Handle,
    Image,
    Liveness,
    Material,
    Mount,
    RuntimeReport,
    ServerSpec,
    ServerStatus,
    Usage,
)
from environments.volumes.docker import make_volume, owned_folders, volume_labels, volume_name
from environments.volumes.engine_files import write_tar

PORT = 8888
_PROGRAM = Path(__file__).with_name("in_container.py")
_VISITORS = Path(__file__).with_name("carrel_visitors.py")
_SPARE = Path(__file__).with_name("carrel_spare.py")
_DEFAULTS = Path(__file__).with_name("jupyter") / "labconfig" / "default_setting_overrides.json"
_LOG_TAIL_LINES = 100
_LOG_TAIL_CHARACTERS = 16_000
_ALIVE = ("running", "paused", "restarting")
_HALF_MADE = "created"
_NAME_TAKEN_SECONDS = 20
_POLL_SECONDS = 0.05
_REPORT_SECONDS = 10
_REPORT_CHARACTERS = 500
_OPTIONS = (
    *SERVER_OPTIONS,
    "--ServerApp.ip=0.0.0.0",
    f"--ServerApp.port={PORT}",
)


class DockerSpawner:
    """Starts the image's own entrypoint with JupyterLab, on a network where nobody but Carrel can reach it."""

    name = "docker"
    polite_seconds = 5
    """How long a server has to end by itself when it is stopped."""

    def start(self, spec: ServerSpec) -> Endpoint:
        """Start the server; one that is already alive is left alone and its endpoint returned.

        An image this engine lacks is fetched from the registry first, for `IMAGE_FETCH_TIME_LIMIT_SECONDS` at most.
        Raises besides what `registry.ensure_local` does, UserError `image_user_root`, `image_user_wrong` or
        `image_home_invalid` for an image that cannot be a server (whether Jupyter is in it shows when it runs:
        `poll` says so), UserError `volume_path_invalid` for a mount outside the home, and SystemFailure `start_failed`.
        """
        with engine_errors():
            found = _inspect(spec.handle)
            if found and found["State"]["Status"] in _ALIVE and _is_attached(found, spec.handle):
                networks.join([networks.name_of(spec.handle)])
                return _endpoint(found, spec.handle)
            for mount in spec.mounts:
                _check(mount)
            ensure_local(spec.image, time_limit_seconds=settings.IMAGE_FETCH_TIME_LIMIT_SECONDS)
            facts = image_facts(spec.image.location)
            if found and found["State"]["Status"] != _HALF_MADE:
                self.stop(spec.handle)
            firewall.apply()
            self._forget_earlier_starts(spec.handle)
            try:
                return _start(spec, facts)
            except BaseException:
                with suppress(SystemFailure):
                    self.stop(spec.handle)
                raise

    def refresh(
        self,
        volume: str,
        *,
        old: Image | None,
        new: Image,
        commit: str,
        leave_out: Collection[str],
        owned: Collection[str] = (),
    ) -> Merged:
        """Merge in a container of the new image, which ends any other that is at work in these files.

        Raises besides what an image that cannot be a server raises at a start.
        """
        with engine_errors():
            return refresh_home(volume, old=old, new=new, commit=commit, leave_out=leave_out, owned=owned)

    def bring(
        self,
        volume: str,
        material: Material,
        *,
        image: Image,
        filled_from: Image | None,
        leave_out: Collection[str],
    ) -> Merged:
        """Merge in a container of the server's image, which ends any other that is at work in these files.

        Raises besides what an image that cannot be a server raises at a start.
        """
        with engine_errors():
            return bring_home(volume, material, image=image, filled_from=filled_from, leave_out=leave_out)

    def poll(self, handle: Handle) -> ServerStatus:
        """What the engine knows of this start. A container that was never started is ABSENT.

        One that runs, but was cut off from its network, is as good as EXITED: nobody can reach it any more.
        """
        with engine_errors():
            found = _inspect(handle)
            if found is None or found["State"]["Status"] == _HALF_MADE or _ended_with_the_machine(found):
                return ServerStatus(Liveness.ABSENT)
            tail = _log_tail(found["Id"])
            if found["State"]["Status"] not in _ALIVE:
                return _ended(found["State"], tail)
            if not _is_attached(found, handle):
                return ServerStatus(Liveness.EXITED, log_tail=tail, reason="server_cut_off")
            return ServerStatus(Liveness.ALIVE, _endpoint(found, handle), log_tail=tail)

    def stop(self, handle: Handle) -> None:
        """Stop the container, which ends all it started, and remove it and its network."""
        self.halt(handle)
        with engine_errors():
            networks.remove_network(handle)

    def halt(self, handle: Handle) -> None:
        """All of that but the network: the kernel takes networks away one at a time, a fifth of a second each."""
        with engine_errors():
            for container in client().api.containers(all=True, filters=having(networks.labels(handle))):
                with suppress(NotFound):
                    _stop(container["Id"], self.polite_seconds)

    def list(self) -> Mapping[Handle, Liveness]:
        """Every start of which there is a container, in whatever state, or only a network.

        Where Carrel itself runs in a container that was replaced, the new one is let into their networks.
        """
        with engine_errors():
            made = networks.networks(timeout_seconds=QUESTION_SECONDS)
            found = dict.fromkeys(made, Liveness.ABSENT) | _states(timeout_seconds=QUESTION_SECONDS)
            networks.join([made[handle] for handle in made if found[handle] is Liveness.ALIVE])
            return found

    def usage(self, handle: Handle) -> Usage | None:
        """As the kernel counts it for the whole container; memory without what is only kept in case it is needed."""
        with engine_errors():
            try:
                stats = client().api.stats(networks.name_of(handle), stream=False, one_shot=True)
            except NotFound:
                return None
        memory = stats["memory_stats"]
        if "usage" not in memory:  # What the engine says of a container that does not run.
            return None
        cached = memory["stats"].get("inactive_file", memory["stats"].get("total_inactive_file", 0))
        return Usage(
            cpu_seconds=stats["cpu_stats"]["cpu_usage"]["total_usage"] / 1e9,
            memory_bytes=max(0, memory["usage"] - cached),
            measured_at=datetime.now(UTC),
        )

    def report(self) -> RuntimeReport:
        """The engine as it describes itself, or what keeps it from doing so."""
        rules = firewall.state()
        try:
            with engine_errors():
                info = client(timeout_seconds=_REPORT_SECONDS).info()
        except SystemFailure as failure:
            return RuntimeReport(
                self.name, problem=problem_of(failure), detail=failure.detail[:_REPORT_CHARACTERS], firewall=rules
            )
        return RuntimeReport(
            self.name, version=info["ServerVersion"], firewall=rules, disk=_disk_at(Path(info["DockerRootDir"]))
        )

    def _forget_earlier_starts(self, handle: Handle) -> None:
        """Remove containers that ended starts of the same server have left, should nobody have done so."""
        for other, liveness in _states(server_id=handle.server_id).items():
            if other != handle and liveness is not Liveness.ALIVE:
                self.halt(other)


def _disk_at(path: Path) -> Disk | None:
    """The file system where the engine keeps everything; None if that is not at hand."""
    if not is_on_the_engines_machine():
        return None
    try:
        usage = shutil.disk_usage(path)
    except OSError:
        return None
    return Disk(usage.total, usage.free)


# --- Finding ----------------------------------------------------------------------------------------------------


def _inspect(handle: Handle) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client().api.inspect_container(networks.name_of(handle))
    except NotFound:
        return None
    return found


def _states(*, timeout_seconds: int = TIMEOUT_SECONDS, **only: str) -> dict[Handle, Liveness]:
    """The containers of this installation's servers, whatever labels the images of others bring along."""
    server = f"{SERVER_LABEL}={only['server_id']}" if only else SERVER_LABEL
    labels = {"label": [*having(installation_labels())["label"], server]}
    api = client(timeout_seconds=timeout_seconds).api
    states: dict[Handle, Liveness] = {}
    for container in api.containers(all=True, filters=labels):
        handle = networks.handle_of(container["Labels"])
        if handle and f"/{networks.name_of(handle)}" in container["Names"]:
            states[handle] = _liveness(container, handle)
    return states


def _liveness(container: Mapping[str, Any], handle: Handle) -> Liveness:
    """What the state of a container that was listed means: in short, what `poll` says."""
    if container["State"] == _HALF_MADE:
        return Liveness.ABSENT
    is_alive = container["State"] in _ALIVE and _is_attached(container, handle)
    return Liveness.ALIVE if is_alive else Liveness.EXITED


def _is_attached(found: Mapping[str, Any], handle: Handle) -> bool:
    return networks.name_of(handle) in found["NetworkSettings"]["Networks"]


def _endpoint(found: Mapping[str, Any], handle: Handle) -> Endpoint:
    network = found["NetworkSettings"]["Networks"].get(networks.name_of(handle), {})
    return Endpoint(network.get("IPAddress") or "0.0.0.0", PORT)  # noqa: S104 - has just ended: nobody is there


def _ended_with_the_machine(found: Mapping[str, Any]) -> bool:
    """Whether the machine was restarted since it was started: then nothing went wrong with the server."""
    if found["State"]["Status"] in _ALIVE:
        return False
    started_at = datetime.fromisoformat(found["State"]["StartedAt"][:19]).replace(tzinfo=UTC)
    return started_at.timestamp() < psutil.boot_time()


def _ended(state: Mapping[str, Any], tail: str) -> ServerStatus:
    reason = ""
    if state["OOMKilled"]:
        reason = "server_out_of_memory"
    elif state["ExitCode"] == NO_JUPYTER:
        reason = "image_without_jupyter"
    return ServerStatus(Liveness.EXITED, exit_code=state["ExitCode"], log_tail=tail, reason=reason)


def _log_tail(container: str) -> str:
    try:
        log = client().api.logs(container, tail=_LOG_TAIL_LINES)
    except NotFound:
        return ""
    return str(log.decode(errors="replace")[-_LOG_TAIL_CHARACTERS:])


# --- Starting ---------------------------------------------------------------------------------------------------


def _check(mount: Mount) -> None:
    if not mount.path.parts or mount.path.is_absolute() or ".." in mount.path.parts:
        raise UserError("volume_path_invalid", path=str(mount.path))


def _start(spec: ServerSpec, facts: ImageFacts) -> Endpoint:
    networks.make_network(spec.handle)
    for volume in (spec.home, *(mount.volume for mount in spec.mounts)):
        make_volume(volume)
    container = _create(spec, facts)
    _give_folders(container, spec.mounts, facts.home)
    _run(container)
    networks.join([networks.name_of(spec.handle)])
    return _endpoint(client().api.inspect_container(container), spec.handle)


def _create(spec: ServerSpec, facts: ImageFacts) -> str:
    """Make the container, which also fills an empty home from the image; or find the one another worker made.

    The engine takes the name first and makes the container then, so there may be neither for a moment.
    """
    deadline = time.monotonic() + _NAME_TAKEN_SECONDS
    while True:
        try:
            return _try_to_create(spec, facts)
        except ImageNotFound as error:
            raise UserError("image_missing", detail=spec.image.location) from error
        except APIError as error:
            if error.status_code != HTTPStatus.CONFLICT or time.monotonic() > deadline:
                raise
        if found := _inspect(spec.handle):
            return str(found["Id"])
        time.sleep(_POLL_SECONDS)


def _try_to_create(spec: ServerSpec, facts: ImageFacts) -> str:
    name, api = networks.name_of(spec.handle), client().api
    mounts = [
        EngineMount(str(facts.home), volume_name(spec.home), type="volume", labels=volume_labels(spec.home)),
        *(_mount(mount, facts.home) for mount in spec.mounts),
    ]
    config = api.create_host_config(
        **hardening.host_config(), **hardening.limits(spec.limits), mounts=mounts, network_mode=name, **_name_servers()
    )
    created = api.create_container(
        facts.id,
        name=name,
        hostname="notebook",
        user=str(hardening.USER_ID),
        working_dir=str(facts.home),
        command=_command(spec, facts.home),
        environment=_environment(spec, facts.home),
        labels=networks.labels(spec.handle),
        host_config=config,
        healthcheck=Healthcheck(test=["NONE"]),
    )
    return str(created["Id"])


def _mount(mount: Mount, home: PurePosixPath) -> EngineMount:
    """As the engine wants it: what the image happens to have in this place is not copied into the volume.

    A volume that is removed just now the engine makes again, and by its labels it is found and removed in its turn.
    """
    return EngineMount(
        str(home / mount.path),
        volume_name(mount.volume),
        type="volume",
        read_only=mount.read_only,
        no_copy=True,
        labels=volume_labels(mount.volume),
    )


def _name_servers() -> dict[str, Any]:
    return {"dns": list(settings.SERVER_DNS)} if settings.SERVER_DNS else {}


def _command(spec: ServerSpec, home: PurePosixPath) -> list[str]:
    """What the image's own entrypoint is asked to run."""
    defaults = json.dumps(json.loads(_DEFAULTS.read_text()))
    program, visitors = _PROGRAM.read_text(), _VISITORS.read_text()
    spare = _SPARE.read_text() if spec.keeps_spare_kernel else ""
    return ["python3", "-c", program, defaults, visitors, spare, *_OPTIONS, f"--ServerApp.root_dir={home}"]


def _environment(spec: ServerSpec, home: PurePosixPath) -> dict[str, str]:
    """What the server and its kernels get to see beside the image's own. The token is on no command line."""
    return {
        **spec.environment,
        **({"CARREL_TOKEN": spec.credential} if spec.credential else {}),
        "HOME": str(home),
        "JUPYTER_RUNTIME_DIR": f"{hardening.SCRATCH}/runtime",
        "JUPYTER_TOKEN": spec.token,
    }


def _give_folders(container: str, mounts: Iterable[Mount], home: PurePosixPath) -> None:
    """Give the home, the volumes in it and the folders between to the server's user.

    The engine makes whatever is missing there as root, and a volume nobody has used yet is root's too.
    """
    writable = [mount.path for mount in mounts if not mount.read_only]
    between = [parent for mount in mounts for parent in mount.path.parents if parent.parts]
    folders = sorted({home, *(home / path for path in (*between, *writable))}, key=lambda path: len(path.parts))
    write_tar(container, "/", owned_folders(str(folder.relative_to("/")) for folder in folders))


def _run(container: str) -> None:
    try:
        client().api.start(container)
    except APIError as error:
        if is_disk_full(error):
            raise
        raise SystemFailure("start_failed", detail=str(error)) from error


# --- Stopping ---------------------------------------------------------------------------------------------------


def _stop(container: str, seconds: int) -> None:
    """End it politely, then by force; remove it with the volumes that have no name and so belong to nobody."""
    client().api.stop(container, timeout=seconds)
    try:
        client().api.remove_container(container, v=True, force=True)
    except APIError as error:
        if "already in progress" not in str(error):
            raise
