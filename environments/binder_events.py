"""What a client of Binder's event stream should be told now, given what it was told. Knows no transport.

Events are those of BinderHub's `/build`: `{"phase", "message", …}`, each message ending its line.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.utils.translation import gettext as _

from accounts.models import ApiToken, Scope, User
from accounts.tokens import find_token_again
from environments import builds, naming, references
from environments.errors import EnvironmentsError, Explanation, explain
from environments.launching import launch, make_image
from environments.models import Build, BuildLogLine, NotebookServer
from environments.places import queue_place
from environments.policies import can_read_log
from environments.references.base import NEWEST
from environments.tickets import issue_key
from environments.values import LaunchSpec, Reference

LINES_AT_ONCE = 1000

Event = dict[str, str]
State = NotebookServer.State


@dataclass(frozen=True, slots=True)
class Order:
    """What a client waits for: a server or, where an image alone was asked for, a build. And with which token."""

    id: UUID
    is_image_only: bool
    reference: Reference
    token_id: UUID


@dataclass(frozen=True, slots=True)
class Seen:
    """What the client was told: a build's log up to a line, whether the image is there, and the last status."""

    build_id: UUID | None = None
    after: int = 0
    is_built: bool = False
    status: tuple[str, str] = ("", "")


@dataclass(frozen=True, slots=True)
class News:
    """What to tell the client, after which it has seen `seen`. No more will come of it once it `is_last`."""

    events: list[Event]
    seen: Seen
    is_last: bool = False
    has_more: bool = False
    """Whether there is more to tell already."""


def place_order(spec: LaunchSpec, *, token: ApiToken, is_image_only: bool, now: datetime) -> Order | None:
    """Launch, or only have the image made. None while the server is just stopping: ask again when it has.

    Raises what `launch` raises.
    """
    if is_image_only:
        return Order(make_image(token.user, spec, now=now).pk, True, spec.reference, token.uuid)
    server = launch(token.user, spec, now=now)
    return None if server.state == State.STOPPING else Order(server.pk, False, spec.reference, token.uuid)


def news_of(order: Order, seen: Seen, *, now: datetime) -> News:
    """What has happened since. The token is asked again each time, and its holder's rights."""
    token = find_token_again(order.token_id, now=now)
    if token is None or Scope.SERVERS_WRITE not in token.scopes:
        return _end(seen, _failed(explain("not_authenticated", {})))
    if order.is_image_only:
        return _news_of_image(order, seen)
    return _news_of_server(order, seen, token, now)


def waiting(message: str) -> Event:
    """Nothing happens yet."""
    return _event("waiting", message)


def failure(error: EnvironmentsError) -> Event:
    """It did not work, and what to do."""
    return _failed(error.explain())


def _news_of_image(order: Order, seen: Seen) -> News:
    # Asked for by the order itself: whoever may have this image may see how it is made.
    build = Build.objects.filter(pk=order.id).first()
    if build is None:
        return _end(seen, _failed(explain("unexpected", {})))
    news = _news_of_log(build, seen)
    if news.has_more:
        return news
    if build.is_active:
        return _with_progress(news, build)
    if build.failure is not None:
        return _end(news.seen, *news.events, _failed(build.failure))
    image = _image_name(build.image_key)
    return _end(news.seen, *news.events, _event("ready", _("Done! The image is there."), imageName=image))


def _news_of_server(order: Order, seen: Seen, token: ApiToken, now: datetime) -> News:
    server = _server_of(token.user, order)
    if server is None:
        return _end(seen, _failed(explain("server_not_found", {})))
    build = server.build
    is_readable = build is not None and can_read_log(token.user, build)
    news = _news_of_log(build, seen) if build is not None and is_readable else News([], seen)
    if news.has_more:
        return news
    if build is not None and build.is_active:
        return _with_progress(news, build)
    if server.state in (State.QUEUED, State.STARTING, State.RUNNING) and not news.seen.is_built:
        built = _event("built", _("The image is there."), imageName=_image_name(server.image_key))
        news = replace(news, events=[*news.events, built], seen=replace(news.seen, is_built=True))
    if server.state == State.RUNNING:
        return _end(news.seen, *news.events, _ready(server, order, token, now))
    if server.state == State.FAILED:
        return _end(news.seen, *news.events, _failed(server.failure or explain("unexpected", {})))
    if server.state in (State.STOPPING, State.STOPPED):
        return _end(news.seen, *news.events, _failed(explain("server_asleep", {})))
    return _with_status(news, *_status_of_start(server)) if news.seen.is_built else news


def _server_of(user: User, order: Order) -> NotebookServer | None:
    return NotebookServer.objects.visible_to(user).select_related("build").filter(pk=order.id).first()


def _news_of_log(build: Build, seen: Seen) -> News:
    if build.pk != seen.build_id:
        seen = Seen(build_id=build.pk)
    lines = builds.log_after(build, seen.after, limit=LINES_AT_ONCE)
    if lines:
        seen = replace(seen, after=lines[-1].sequence)
    return News([_line(line) for line in lines], seen, has_more=len(lines) == LINES_AT_ONCE)


def _line(line: BuildLogLine) -> Event:
    return _event(line.phase, line.text)


def _with_progress(news: News, build: Build) -> News:
    """How an active build comes along. Once it has said something, its log alone tells: the state runs ahead of it."""
    if build.state == Build.State.QUEUED:
        return _with_status(news, *_status_of_waiting(build))
    if build.state == Build.State.FETCHING and not news.seen.after:
        return _with_status(news, build.state, str(Build.State.FETCHING.label))
    return news


def _status_of_waiting(build: Build) -> tuple[str, str]:
    place = builds.queue_place(build) or 1
    return "waiting", _("Waiting for a free place, as number {place}").format(place=place)


def _status_of_start(server: NotebookServer) -> tuple[str, str]:
    place = queue_place(server)
    if place is None:
        return "launching", str(State(server.state).label)
    return "launching", _("Waiting for a free place, as number {place}").format(place=place)


def _with_status(news: News, phase: str, message: str) -> News:
    if news.seen.status == (phase, message):
        return news
    event, seen = _event(phase, message), replace(news.seen, status=(phase, message))
    return replace(news, events=[*news.events, event], seen=seen)


def _end(seen: Seen, *events: Event) -> News:
    return News([*events], seen, is_last=True)


def _ready(server: NotebookServer, order: Order, token: ApiToken, now: datetime) -> Event:
    reference = order.reference
    fixed = Reference(reference.provider, reference.repository, server.commit)
    asked = reference if reference.ref else replace(reference, ref=NEWEST)
    url = f"{server.origin}/"
    # Only a token that may itself be used inside servers is worth a key to one.
    key = issue_key(server, token=token, now=now) if Scope.SERVERS_USE in token.scopes else ""
    return _event(
        "ready",
        _("The server runs at {url}").format(url=url),
        url=url,
        token=key,
        image=_image_name(server.image_key),
        repo_url=server.repository_url,
        binder_ref_url=references.web_url_of(fixed),
        binder_launch_host=f"{settings.PUBLIC_URL}/",
        binder_request=f"v2/{references.path_of(asked)}",
        binder_persistent_request=f"v2/{references.path_of(fixed)}",
    )


def _failed(words: Explanation) -> Event:
    return _event("failed", f"{words.sentence} {words.next_step}", code=words.code)


def _event(phase: str, message: str, **facts: str) -> Event:
    return {"phase": phase, "message": f"{message}\n", **facts}


def _image_name(image_key: str) -> str:
    return naming.image_name(image_key, prefix=settings.IMAGE_PREFIX)
