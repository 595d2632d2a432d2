"""A kernel that says what a test has written down, by a clock that only it moves."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from environments.sandboxes.base import Channel, ExitReason, KernelMessage


@dataclass(frozen=True)
class Say:
    """A message. It answers the request it is said to, or with `of` the one that sent that code."""

    kind: str
    content: Mapping[str, Any]
    channel: Channel = Channel.IOPUB
    of: str = ""


@dataclass(frozen=True)
class Wait:
    """Nothing is said for a time."""

    seconds: float


@dataclass(frozen=True)
class Drop:
    """Something was too long."""

    messages: int = 1


Step = Say | Wait | Drop | ExitReason
IDLE = Say("status", {"execution_state": "idle"})


def says(kind: str, *, of: str = "", **content: Any) -> Say:
    """Something on the channel of outputs."""
    return Say(kind, content, of=of)


def stream(text: str, name: str = "stdout") -> Say:
    """Something printed."""
    return says("stream", name=name, text=text)


def result(text: str, *, of: str = "") -> Say:
    """The value of the last expression."""
    return says("execute_result", of=of, data={"text/plain": text}, metadata={}, execution_count=1)


def error(name: str, *, of: str = "") -> Say:
    """An error that is shown."""
    return says("error", of=of, ename=name, evalue="", traceback=[name])


def reply(status: str = "ok", *, of: str = "", **content: Any) -> Say:
    """The answer to a request to execute."""
    return Say("execute_reply", {"status": status, **content}, Channel.SHELL, of)


def done(*steps: Step) -> list[Step]:
    """What a cell does that ends well."""
    return [*steps, reply(), IDLE]


def failed(name: str, *steps: Step) -> list[Step]:
    """What a cell does that ends in an error."""
    return [*steps, error(name), reply("error", ename=name, evalue=""), IDLE]


def honest_canary(code: str) -> Sequence[Step]:
    """What a kernel answers that lets assertions fail, whatever names there are."""
    answer = reply()
    try:
        exec(code, dict.fromkeys(("sq", "a"), object()))  # noqa: S102 - the driver's own code
    except AssertionError as failure:
        answer = reply("error", ename="AssertionError", evalue=str(failure))
    return [answer, IDLE]


@dataclass
class ScriptedKernel:
    """A `KernelConnection`. Code without a script ends well; an interrupt has no effect without one."""

    script: Mapping[str, Sequence[Step]] = field(default_factory=dict)
    interrupt: Sequence[Step] = ()
    """What is said to the last request when the kernel is interrupted."""
    canary: Callable[[str], Sequence[Step]] = honest_canary
    kernel_id: str = "0" * 16
    dropped: int = 0
    now: float = 1000.0
    exit_reason: ExitReason | None = None
    sent: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    _requests: dict[str, str] = field(default_factory=dict)
    _steps: deque[tuple[str, Step]] = field(default_factory=deque)
    _ids: Any = field(default_factory=count)

    def clock(self) -> float:
        """What time it is."""
        return self.now

    def send(self, message_type: str, content: Mapping[str, Any], *, channel: Channel = Channel.SHELL) -> str:
        """Answer as written down."""
        request, self.dropped = f"request-{next(self._ids)}", 0
        self.sent.append((message_type, content))
        if self.exit_reason:
            return request
        if message_type == "interrupt_request":
            assert channel is Channel.CONTROL
            self._steps = deque((list(self._requests.values())[-1], step) for step in self.interrupt)
            return request
        code = content["code"]
        self._requests[code] = request
        steps = self.canary(code) if content["silent"] else self.script.get(code, done())
        self._steps.extend((request, step) for step in steps)
        return request

    def receive(self, *, timeout: float) -> KernelMessage | None:
        """The next thing said, unless that takes too long."""
        until = self.now + timeout
        while self._steps:
            request, step = self._steps.popleft()
            match step:
                case Say():
                    parent = self._requests.get(step.of, step.of) if step.of else request
                    return KernelMessage(step.channel, step.kind, parent, step.content)
                case Drop():
                    self.dropped += step.messages
                case ExitReason():
                    self._steps.clear()
                    self.exit_reason = step
                    return None
                case Wait():
                    passes = min(step.seconds, until - self.now)
                    self.now += passes
                    if step.seconds > passes:
                        self._steps.appendleft((request, Wait(step.seconds - passes)))
                        return None
        self.now = until
        return None

    @property
    def is_alive(self) -> bool:
        """Whether it has not ended."""
        return self.exit_reason is None

    def codes(self) -> list[str]:
        """The code that was to be executed, canaries left out."""
        return [content["code"] for kind, content in self.sent if kind == "execute_request" and not content["silent"]]
