"""The exchange of nbgrader over the API: what `carrel-exchange` in a notebook server asks for its person."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import IO, TYPE_CHECKING, Any
from uuid import UUID

from django.http import Http404, HttpResponse
from django.utils import timezone
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import OpenApiParameter, extend_schema
from rest_framework import status
from rest_framework.negotiation import BaseContentNegotiation
from rest_framework.parsers import BaseParser
from rest_framework.renderers import BaseRenderer, JSONRenderer
from rest_framework.response import Response
from rest_framework.views import APIView

from accounts.models import ApiToken, Scope
from assignments import artefacts, files
from assignments.models import Submission, Way
from assignments.returning.feedback_files import feedback_files
from assignments.serializers.exchange import ExchangeSerializer, FreshSerializer, ReceiptSerializer
from assignments.submitting.exchanging import Own, hand_over, offered_to, own_assignment, own_submission
from assignments.submitting.fetching import submission_limits
from assignments.submitting.receipts import verify
from assignments.submitting.submissions import receive
from environments.api.conventions import NOT_FOUND, errors, person_of

if TYPE_CHECKING:
    from rest_framework.request import Request

TAR = "application/x-tar"
NAMES_BYTES = 2_000_000
"""What the names of files may take beside what is in them."""
_PIECE = 1 << 20
OVER = "`course_over`, `assignment_not_released`."


class TarParser(BaseParser):
    """Reads an uncompressed tar piece by piece, and no further than what may be submitted at once."""

    media_type = TAR

    def parse(
        self, stream: IO[Any], media_type: str | None = None, parser_context: Mapping[str, Any] | None = None
    ) -> Any:
        """Its pieces, as they are asked for. Asking for too much raises AssignmentError `files_too_large`."""
        return _pieces(stream)


class AsIs(BaseContentNegotiation):
    """Files are what they are, whatever was asked for; refusals are JSON."""

    def select_parser(self, request: Request, parsers: Sequence[BaseParser]) -> BaseParser | None:  # type: ignore[override]
        """Never needed: nothing is sent."""
        return None

    def select_renderer(  # type: ignore[override]
        self, request: Request, renderers: Sequence[BaseRenderer], format_suffix: str | None = None
    ) -> tuple[BaseRenderer, str]:
        """The first."""
        return renderers[0], renderers[0].media_type


class ExchangeView(APIView):
    """All that is released to you."""

    required_scopes = {"GET": Scope.EXCHANGE}

    @extend_schema(summary="Your assignments", responses={200: ExchangeSerializer, **errors()})
    def get(self, request: Request) -> Response:
        """The classes you are in, what is released in them, and what you have submitted: all that nbgrader lists."""
        courses, assignments = offered_to(person_of(request), now=timezone.now(), within=_within(request))
        return Response(ExchangeSerializer({"courses": courses, "assignments": assignments}).data)


class ExchangeFilesView(APIView):
    """The files of an assignment."""

    required_scopes = {"GET": Scope.EXCHANGE}
    content_negotiation_class = AsIs
    renderer_classes = [JSONRenderer]

    @extend_schema(
        summary="Fetch an assignment",
        parameters=[
            FreshSerializer,
            OpenApiParameter("X-Carrel-Release", int, OpenApiParameter.HEADER, response=[200]),
        ],
        responses={(200, TAR): OpenApiTypes.BINARY, **errors({400: "`invalid`.", 404: NOT_FOUND, 409: OVER})},
    )
    def get(self, request: Request, course: str, name: str) -> HttpResponse:
        """Its files as an uncompressed tar, named by the ETag. Noted, so that what you submit is known to be of it."""
        asked = FreshSerializer(data=request.query_params.dict())
        asked.is_valid(raise_exception=True)
        own = _own(request, course, name)
        release = hand_over(own, is_fresh=asked.validated_data["fresh"], now=timezone.now())
        answer = tar_of(release.bundle, artefacts.read(release.bundle))
        answer["X-Carrel-Release"] = str(release.number)
        return answer


class ExchangeSubmissionsView(APIView):
    """What you give back of an assignment."""

    required_scopes = {"POST": Scope.EXCHANGE}
    parser_classes = [TarParser]

    @extend_schema(
        summary="Submit an assignment",
        request={TAR: OpenApiTypes.BINARY},
        responses={
            201: ReceiptSerializer,
            **errors(
                {
                    403: "`scope_missing`, `permission_denied`, `assignment_not_open`, `assignment_closed`, "
                    "`attempts_used`.",
                    404: NOT_FOUND,
                    409: OVER,
                    413: "`files_too_large`, `files_too_many`.",
                    415: "`unsupported_media_type`: it is no `application/x-tar`.",
                    422: "`files_unreadable`, `files_refused`, `submission_without_notebooks`.",
                }
            ),
        },
    )
    def post(self, request: Request, course: str, name: str) -> Response:
        """Takes an uncompressed tar with the notebooks at its top. What counts is Carrel's clock.

        The answer is the receipt, signed: keep it.
        """
        own = _own(request, course, name)
        sent = () if isinstance(request.data, Mapping) else request.data  # The one where there was no body.
        known = [f"{notebook}{files.SUFFIX}" for notebook in _notebooks(own)]
        received = files.from_tar(sent, limits=submission_limits(), prefer=known)
        submission = receive(
            own.assignment,
            own.membership,
            received.bundle,
            way=Way.LAB,
            by=person_of(request),
            now=timezone.now(),
        )
        receipt = {**verify(submission.receipt).as_json(), "receipt": submission.receipt}
        return Response(receipt, status=status.HTTP_201_CREATED)


class ExchangeSubmissionFilesView(APIView):
    """What was received."""

    required_scopes = {"GET": Scope.EXCHANGE}
    content_negotiation_class = AsIs
    renderer_classes = [JSONRenderer]

    @extend_schema(
        summary="What you submitted",
        responses={(200, TAR): OpenApiTypes.BINARY, **errors({404: NOT_FOUND})},
    )
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """Exactly what was received, as an uncompressed tar, named by the ETag."""
        submission = _own_submission(request, pk)
        return tar_of(submission.bundle, artefacts.read(submission.bundle))


class ExchangeFeedbackView(APIView):
    """What came of it."""

    required_scopes = {"GET": Scope.EXCHANGE}
    content_negotiation_class = AsIs
    renderer_classes = [JSONRenderer]

    @extend_schema(
        summary="Fetch feedback",
        responses={
            (200, TAR): OpenApiTypes.BINARY,
            **errors({404: "`not_found`; `feedback_not_published`: your teacher has not published it yet."}),
        },
    )
    def get(self, request: Request, pk: UUID) -> HttpResponse:
        """A page for each notebook, `NAME.html`, as an uncompressed tar."""
        pages = feedback_files(_own_submission(request, pk), now=timezone.now())
        return tar_of(pages.sha256, pages.tar)


def _pieces(stream: IO[Any]) -> Iterator[bytes]:
    size, limits = 0, submission_limits()
    while piece := stream.read(_PIECE):
        size += len(piece)
        if size > limits.max_bytes + NAMES_BYTES:
            raise files.too_large(limits)
        yield piece


def _within(request: Request) -> int | None:
    """The group of the only class that the token is for; None where it is for all of its person's."""
    return request.auth.group_id if isinstance(request.auth, ApiToken) else None


def _own(request: Request, course: str, name: str) -> Own:
    own = own_assignment(person_of(request), course=course, name=name, now=timezone.now(), within=_within(request))
    if own is None:
        raise Http404
    return own


def _own_submission(request: Request, pk: UUID) -> Submission:
    submission = own_submission(person_of(request), pk, within=_within(request))
    if submission is None:
        raise Http404
    return submission


def _notebooks(own: Own) -> Sequence[str]:
    release = own.assignment.release
    return release.source.notebooks if release is not None else []


def tar_of(sha256: str, content: bytes) -> HttpResponse:
    """An answer of files, named by their SHA-256."""
    headers = {"ETag": f'"{sha256}"', "Cache-Control": "private, no-store", "Content-Disposition": "attachment"}
    return HttpResponse(content, content_type=TAR, headers=headers)
