"""A spawner that starts nothing, for tests and for work on everything else.

All its servers share one small HTTP endpoint, which knows them by their tokens, so that they can be probed
and reached as real ones can.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import PurePosixPath
from typing import Any

from environments import merging
from environments.errors import SystemFailure, UserError
from environments.merging import Merged
from environments.values import (
    Endpoint,
    Handle,
    Image,
    Liveness,
    Manifest,
    Material,
    Mount,
    RuntimeReport,
    ServerSpec,
    ServerStatus,
    Usage,
)
from environments.volumes.fake import FakeVolumeStore

Files = dict[str, str | None]
"""Contents by path; None for a folder."""


class FakeSpawner:
    """Remembers which servers should run."""

    name = "fake"

    def __init__(self) -> None:
        self.specs: dict[Handle, ServerSpec] = {}
        """What each server that is alive was started with."""
        self.ended: dict[Handle, ServerStatus] = {}
        self.image_files: dict[str, Files] = {}
        """What is in images, by their location; nothing unless set."""
        self.homes: dict[str, Files] = {}
        """What is in the homes of servers, by their volume."""
        self.volumes: dict[str, dict[str, str]] = {}
        """What is in the volumes that are mounted in servers."""
        self.refreshed: list[tuple[str, str]] = []
        """The volumes and commits of every refresh, in order."""
        self.store = FakeVolumeStore()
        """Where material is."""
        self.brought: list[tuple[str, str]] = []
        """The homes and commits of all material that was brought, in order."""
        self.activity: dict[Handle, Activity] = {}
        """What the servers say they are doing; nothing unless set."""
        self._endpoint: _Endpoint | None = None
        self._lock = threading.Lock()

    def start(self, spec: ServerSpec) -> Endpoint:
        """Have the server run."""
        if not spec.image.location.startswith("fake:"):
            raise UserError("image_missing", detail=spec.image.location)
        self.ended.pop(spec.handle, None)
        if not self.homes.get(spec.home):
            taken = {mount.path.parts[0] for mount in spec.mounts}
            self.homes[spec.home] = _without(taken, self.image_files.get(spec.image.location, {}))
        self.specs.setdefault(spec.handle, spec)
        return self.endpoint

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
        """Merge the files that it was told are in the images."""
        self.refreshed.append((volume, commit))
        home = self.homes.get(volume)
        if not home:
            return Merged()
        given = _without(leave_out, self.image_files.get(old.location, {}) if old else {}, owned)
        wanted = _without(leave_out, self.image_files.get(new.location, {}), owned)
        actions = merging.plan(given, wanted, home, commit=commit)
        self.homes[volume] = merging.after(actions, home, wanted)
        return merging.outcome(given, wanted, self.homes[volume], commit=commit)

    def bring(
        self,
        volume: str,
        material: Material,
        *,
        image: Image,
        filled_from: Image | None,
        leave_out: Collection[str],
    ) -> Merged:
        """Merge the files in the material's volume."""
        self.brought.append((volume, material.commit))
        home = self.homes.get(volume)
        if not home:
            return Merged()
        files = _files_of(self.store, material)
        wanted, known = _without(leave_out, material.wanted), _without(leave_out, material.given)
        if filled_from:
            filled = self.image_files.get(filled_from.location, {})
            known = {path: _digest(filled[path]) for path in filled if path in wanted or path in known}
        present = {path: _digest(text) for path, text in home.items()}
        actions = merging.plan(known, wanted, present, commit=material.commit)
        merged = merging.after(actions, present, wanted)
        texts = {action.target: files.get(action.path) for action in actions if action.verb != merging.KEEP}
        self.homes[volume] = {path: texts[path] if path in texts else home[path] for path in merged}
        return merging.outcome(known, wanted, merged, commit=material.commit)

    def poll(self, handle: Handle) -> ServerStatus:
        """Whether it runs, ended by `end`, or is unknown."""
        if handle in self.specs:
            return ServerStatus(Liveness.ALIVE, self.endpoint, log_tail="running")
        return self.ended.get(handle, ServerStatus(Liveness.ABSENT))

    def stop(self, handle: Handle) -> None:
        """Forget it."""
        self.specs.pop(handle, None)
        self.ended.pop(handle, None)

    def halt(self, handle: Handle) -> None:
        """Forget it too."""
        self.stop(handle)

    def list(self) -> Mapping[Handle, Liveness]:
        """Every server that runs, and those that ended by `end`."""
        return {handle: self.poll(handle).liveness for handle in (*self.specs, *self.ended)}

    def usage(self, handle: Handle) -> Usage | None:
        """The same for every server that runs."""
        return Usage(1.5, 100 * 1024**2, datetime.now(UTC)) if handle in self.specs else None

    def report(self) -> RuntimeReport:
        """That all is well."""
        return RuntimeReport(self.name, version="1")

    def end(self, handle: Handle, *, exit_code: int = 1, log_tail: str = "killed") -> None:
        """Have a server end by itself."""
        del self.specs[handle]
        self.ended[handle] = ServerStatus(Liveness.EXITED, exit_code=exit_code, log_tail=log_tail)

    def write(self, handle: Handle, path: str, text: str) -> None:
        """Have a file written in a server that is alive. Raises PermissionError in what is to be read only."""
        mount = self._mount_of(handle, path)
        if mount.read_only:
            raise PermissionError(path)
        self.volumes.setdefault(mount.volume, {})[str(PurePosixPath(path).relative_to(mount.path))] = text

    def read(self, handle: Handle, path: str) -> str:
        """A file as it is seen in a server that is alive. Raises FileNotFoundError."""
        mount = self._mount_of(handle, path)
        files = self.volumes.get(mount.volume, {})
        try:
            return files[str(PurePosixPath(path).relative_to(mount.path))]
        except KeyError as error:
            raise FileNotFoundError(path) from error

    def _mount_of(self, handle: Handle, path: str) -> Mount:
        for mount in self.specs[handle].mounts:
            if PurePosixPath(path).is_relative_to(mount.path):
                return mount
        raise FileNotFoundError(path)

    @property
    def endpoint(self) -> Endpoint:
        """Where its servers listen; begins to listen when first asked for."""
        with self._lock:
            if self._endpoint is None:
                self._endpoint = _Endpoint(self)
                threading.Thread(target=self._endpoint.serve_forever, daemon=True).start()
        host, port = self._endpoint.server_address[:2]
        return Endpoint(str(host), int(port))

    def close(self) -> None:
        """Stop listening."""
        with self._lock:
            if self._endpoint is not None:
                self._endpoint.shutdown()
                self._endpoint.server_close()
                self._endpoint = None

    def answer(self, method: str, path: str, authorization: str) -> tuple[int, Any]:
        """Status and JSON with which the server of this token answers, much as Jupyter does."""
        token = authorization.removeprefix("token ").removeprefix("Bearer ")
        handle = next((handle for handle, spec in self.specs.items() if spec.token == token), None)
        if handle is None:
            return 403, {"message": "Forbidden"}
        activity = self.activity.get(handle, Activity())
        known: dict[str, Any] = {"/api/status": {"kernels": len(activity.kernels)}}
        known |= {"/api/kernels": activity.kernels, "/api/terminals": activity.terminals}
        return 200, known.get(path.partition("?")[0], {"method": method, "path": path})


def _without(top_folders: Collection[str], files: Manifest, others: Collection[str] = ()) -> Files:
    return {
        path: content for path, content in files.items() if path.split("/")[0] not in top_folders and path not in others
    }


def _files_of(store: FakeVolumeStore, material: Material) -> Files:
    if not store.exists(material.volume):
        raise SystemFailure("material_missing")
    stored = {
        str(path.relative_to(material.FOLDER)): None if content is None else content.decode()
        for path, content in store.volumes[material.volume].items()
        if path.is_relative_to(material.FOLDER)
    }
    if not stored.keys() >= material.wanted.keys():
        raise SystemFailure("material_missing")
    return stored


def _digest(text: str | None) -> str | None:
    return None if text is None else hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Activity:
    """The kernels and terminals of one server, as Jupyter's REST API lists them."""

    kernels: list[dict[str, Any]] = field(default_factory=list)
    terminals: list[dict[str, Any]] = field(default_factory=list)


class _Endpoint(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, spawner: FakeSpawner) -> None:
        self.spawner = spawner
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 30

    def do_GET(self) -> None:
        self._respond()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self._respond()

    def _respond(self) -> None:
        assert isinstance(self.server, _Endpoint), "nothing else uses this handler"  # noqa: S101
        authorization = self.headers.get("Authorization", "")
        status, content = self.server.spawner.answer(self.command, self.path, authorization)
        body = json.dumps(content).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing."""
