"""The pages of assignments, below those of their class."""

from django.urls import path

from assignments.views import listing, work

app_name = "assignments"

urlpatterns = [
    path("", listing.assignment_list, name="assignment-list"),
    path("<str:name>/", work.assignment_detail, name="assignment-detail"),
    path("<str:name>/fetch/", work.copy_fetch, name="copy-fetch"),
    path("<str:name>/open/", work.copy_open, name="copy-open"),
    path("<str:name>/submit/", work.copy_submit, name="copy-submit"),
    path("<str:name>/submissions/<uuid:submission_id>/", work.submission_detail, name="submission-detail"),
    path("<str:name>/submissions/<uuid:submission_id>/files.tar", work.submission_download, name="submission-download"),
]
