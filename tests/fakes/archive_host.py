"""An archive on 127.0.0.1: it answers as Zenodo, Figshare, HydroShare, Dataverse, CKAN and doi.org do.

    with ArchiveHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        host.zenodo("3242074", {"lesson.zip": zipped}, concept="3242073")
        Zenodo(site=host.base_url).resolve(...)

What the services say is shortened to what anybody reads. It has the faults that services have, too: answers
that come slowly, end early, or lead elsewhere.
"""

from __future__ import annotations

import hashlib
import json
import threading
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Any
from urllib.parse import quote, urlsplit

_DRIP_SECONDS = 0.02


@dataclass(frozen=True)
class Answer:
    """What is said to a request. `promised` is the length it claims to have, if that is another than it has."""

    status: int
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)
    promised: int | None = None
    drips: bool = False


class ArchiveHost:
    """Answers from `start` to `stop`; use it as a context manager."""

    def __init__(self) -> None:
        self.requests: Counter[str] = Counter()
        """How often each path was asked for, without its query."""
        self.seen: list[tuple[str, dict[str, str]]] = []
        """Every request's path with its query, and its headers in lower case."""
        self.stopping = threading.Event()
        self._answers: dict[str, Answer] = {}
        self._first_answers: dict[str, Answer] = {}
        self._server = _Server(self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)

    def __enter__(self) -> ArchiveHost:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stopping.set()
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(timeout=10)

    @property
    def address(self) -> str:
        """`host:port`, as `REPOSITORY_ALLOWED_HOSTS` wants it."""
        host, port = self._server.server_address[:2]
        return f"{host!s}:{port}"

    @property
    def base_url(self) -> str:
        """The root of everything here, without a slash at its end."""
        return f"http://{self.address}"

    # --- What is said ------------------------------------------------------------------------------------------

    def answer(
        self,
        target: str,
        *,
        status: int = 200,
        body: bytes = b"",
        headers: Mapping[str, str] | None = None,
        promised: int | None = None,
        drips: bool = False,
    ) -> None:
        """Answer requests for this path with this; a target with a query answers only requests with just that."""
        self._answers[target] = Answer(status, body, headers or {}, promised, drips)

    def answer_once(self, target: str, *, status: int, headers: Mapping[str, str] | None = None) -> None:
        """Answer the next request for this path with this, and those after it as before."""
        self._first_answers[target] = Answer(status, b"", headers or {})

    def say(self, target: str, value: object, *, status: int = 200) -> None:
        """Answer with JSON, marked so that one can ask whether it still holds."""
        body = json.dumps(value).encode()
        headers = {"Content-Type": "application/json", "ETag": f'"{hashlib.sha256(body).hexdigest()[:8]}"'}
        self.answer(target, status=status, body=body, headers=headers)

    def lead(self, target: str, url: str) -> None:
        """Redirect to this address."""
        self.answer(target, status=302, headers={"Location": url})

    def doi(self, doi: str, url: str) -> None:
        """As doi.org: the page that a DOI stands for."""
        self.lead(f"/{doi}", url)

    def zenodo(self, record: str, files: Mapping[str, bytes], *, concept: str = "", access: str = "open") -> None:
        """As Zenodo: a record. Only the page of its concept leads to it; the API does not know concepts."""
        api = f"/api/records/{record}"
        self.say(api, {"id": int(record), "conceptrecid": concept, "metadata": {"access_right": access}})
        self.answer(f"/records/{record}", body=b"<html>")
        if concept:
            self.say(f"/api/records/{concept}", {"status": 404, "message": "does not exist"}, status=404)
            self.lead(f"/records/{concept}", f"/records/{record}")
        if access != "open":
            self.say(f"{api}/files", {"status": 403, "message": "Permission denied."}, status=403)
            return
        entries = []
        for key, content in files.items():
            place = f"{api}/files/{quote(key, safe='')}/content"
            self.answer(place, body=content)
            entry = {"key": key, "size": len(content), "checksum": f"md5:{_md5(content)}"}
            entries.append({**entry, "links": {"content": self.base_url + place}})
        self.say(f"{api}/files", {"enabled": True, "entries": entries})

    def figshare(
        self, article: int, versions: Mapping[int, Mapping[str, bytes]], *, folders: Mapping[str, str] | None = None
    ) -> None:
        """As Figshare's API: an article with its versions. `folders` says in which folder a file is."""
        for version, files in versions.items():
            listed, places = [], {}
            for number, (name, content) in enumerate(files.items(), start=100 * version):
                self.answer(f"/file/download/{number}", body=content)
                listed.append({"id": number, "name": name, "size": len(content), "computed_md5": _md5(content)})
                if name in (folders or {}):
                    places[str(number)] = (folders or {})[name]
            described: dict[str, object] = {"id": article, "version": version, "is_embargoed": False}
            described |= {"download_disabled": False, "files": listed[:10], "folder_structure": places}
            self.say(f"/articles/{article}/versions/{version}", described)
            self.say(f"/articles/{article}", described)
            for page in range(len(listed) // 1000 + 1):
                query = f"page={page + 1}&page_size=1000"
                part = [{**file, "is_link_only": False} for file in listed[1000 * page : 1000 * page + 1000]]
                self.say(f"/articles/{article}/versions/{version}/files?{query}", part)

    def hydroshare(self, resource: str, files: Mapping[str, bytes], *, modified: str) -> None:
        """As HydroShare: a resource, its files on pages of two."""
        api = f"/hsapi/resource/{resource}"
        dates = [{"type": "created", "start_date": "2019-01-01T00:00:00Z"}]
        self.say(f"{api}/scimeta/elements/", {"dates": [*dates, {"type": "modified", "start_date": modified}]})
        results = []
        for path, content in files.items():
            place = f"/resource/{resource}/data/contents/{path}"
            self.answer(quote(place), body=content)
            results.append({"url": self.base_url + place, "size": len(content), "checksum": _md5(content)})
        pages = [results[at : at + 2] for at in range(0, len(results), 2)] or [[]]
        for number, page in enumerate(pages, start=1):
            following = f"{self.base_url}{api}/files/?page={number + 1}" if number < len(pages) else None
            target = f"{api}/files/" + (f"?page={number}" if number > 1 else "")
            self.say(target, {"count": len(results), "next": following, "results": page})

    def dataverse(
        self, persistent_id: str, files: Mapping[str, bytes], *, version: str = "1.0", is_newest: bool = True
    ) -> None:
        """As a Dataverse: a published version of a dataset. A name with folders is a name and a directory label."""
        major, minor = map(int, version.split("."))
        entries: list[dict[str, Any]] = []
        for number, (path, content) in enumerate(files.items(), start=1000 * major + 100 * minor):
            folder, _slash, name = path.rpartition("/")
            self.answer(f"/api/access/datafile/{number}", body=content)
            file = {"id": number, "filename": name, "filesize": len(content)}
            file["checksum"] = {"type": "MD5", "value": _md5(content)}
            entries.append({"label": name, "restricted": False, "directoryLabel": folder, "dataFile": file})
        query = f"persistentId={quote(persistent_id, safe='')}"
        described = {"datasetPersistentId": persistent_id, "versionNumber": major, "versionMinorNumber": minor}
        for name in (version, *([":latest-published"] if is_newest else [])):
            path = f"/api/datasets/:persistentId/versions/{name}"
            self.say(f"{path}?{query}&excludeFiles=true", {"status": "OK", "data": described})
            self.say(f"{path}/files?{query}", {"status": "OK", "data": entries})

    def dataverse_file(self, persistent_id: str, dataset: str) -> None:
        """As a Dataverse: a file with an identifier of its own."""
        target = f"/api/files/:persistentId?persistentId={quote(persistent_id, safe='')}&returnDatasetVersion=true"
        self.say(target, {"status": "OK", "data": {"datasetVersion": {"datasetPersistentId": dataset}}})

    def ckan(
        self, name: str, key: str, resources: Mapping[str, bytes], *, modified: str, activity: str = "", root: str = ""
    ) -> None:
        """As a CKAN: a dataset by name and by key, and as it was at an activity. Resources are in distinct folders."""
        listed = []
        for number, (path, content) in enumerate(resources.items()):
            place = f"{root}/dataset/{key}/resource/r{number}/download/{path}"
            self.answer(quote(place), body=content)
            listed.append({"id": f"r{number}", "url": self.base_url + place, "hash": "stale", "size": 1})
        dataset = {"id": key, "name": name, "metadata_modified": modified, "resources": listed}
        for said in (name, key):
            self.say(f"{root}/api/3/action/package_show?id={said}", {"success": True, "result": dataset})
        if activity:
            target = f"{root}/api/3/action/activity_data_show?id={activity}&object_type=package"
            self.say(target, {"success": True, "result": dataset})

    # --- Answering ---------------------------------------------------------------------------------------------

    def respond(self, target: str, headers: Mapping[str, str]) -> Answer:
        """The answer to one request."""
        path = urlsplit(target).path
        self.requests[path] += 1
        self.seen.append((target, {name.lower(): value for name, value in headers.items()}))
        if first := self._first_answers.pop(path, None):
            return first
        answer = self._answers.get(target) or self._answers.get(path) or Answer(404, b"<html>")
        if "ETag" in answer.headers and headers.get("If-None-Match") == answer.headers["ETag"]:
            return Answer(304)
        return answer


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: ArchiveHost) -> None:
        self.host = host
        super().__init__(("127.0.0.1", 0), _Handler)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    timeout = 60

    def do_GET(self) -> None:
        assert isinstance(self.server, _Server)
        answer = self.server.host.respond(self.path, dict(self.headers.items()))
        self.close_connection = True
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(answer.body) if answer.promised is None else answer.promised))
        self.send_header("Connection", "close")
        self.end_headers()
        if not answer.drips:
            self.wfile.write(answer.body)
            return
        for byte in answer.body:
            if self.server.host.stopping.wait(_DRIP_SECONDS):
                return
            self.wfile.write(bytes([byte]))
        if answer.promised is not None:
            self.server.host.stopping.wait()

    def log_message(self, format: str, *args: object) -> None:
        """Say nothing: `ArchiveHost.requests` remembers."""


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
