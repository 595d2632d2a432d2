"""The pages of assignments, below those of their class."""

from django.urls import path

from assignments.views import (
    authoring,
    course_directories,
    feedback,
    gradebook,
    listing,
    live_opening,
    marking,
    own_files,
    receipts,
    received,
    regrading,
    requests,
    work,
)

app_name = "assignments"
urlpatterns = [
    path("", listing.assignment_list, name="assignment-list"),
    path("new/", authoring.assignment_add, name="assignment-add"),
    path("-/gradebook/", gradebook.gradebook, name="gradebook"),  # No assignment can be called “-”.
    path("-/receipts/", receipts.receipt_check, name="receipt-check"),
    path("-/nbgrader/", course_directories.course_directory_list, name="course-directory-list"),
    path("-/nbgrader/export/", course_directories.course_directory_export, name="course-directory-export"),
    path(
        "-/nbgrader/exports/<uuid:export_id>/",
        course_directories.course_directory_download,
        name="course-directory-download",
    ),
    path(
        "-/nbgrader/exports/<uuid:export_id>/remove/",
        course_directories.course_directory_export_remove,
        name="course-directory-export-remove",
    ),
    path("-/nbgrader/<uuid:directory_id>/", course_directories.course_directory_detail, name="course-directory-detail"),
    path(
        "-/nbgrader/<uuid:directory_id>/again/",
        course_directories.course_directory_again,
        name="course-directory-again",
    ),
    path(
        "-/nbgrader/<uuid:directory_id>/remove/",
        course_directories.course_directory_remove,
        name="course-directory-remove",
    ),
    path("<str:name>/", work.assignment_detail, name="assignment-detail"),
    path("<str:name>/notebooks/", authoring.assignment_notebooks, name="assignment-notebooks"),
    path("<str:name>/notebooks/upload/", authoring.source_upload, name="source-upload"),
    path("<str:name>/notebooks/take/", authoring.source_take, name="source-take"),
    path("<str:name>/notebooks/server/", own_files.own_files, name="own-files"),
    path("<str:name>/notebooks/check/", authoring.source_check, name="source-check"),
    path("<str:name>/notebooks/release/", authoring.release_add, name="release-add"),
    path("<str:name>/settings/", authoring.assignment_edit, name="assignment-edit"),
    path("<str:name>/extensions/", authoring.extension_list, name="extension-list"),
    path("<str:name>/extensions/<uuid:extension_id>/delete/", authoring.extension_delete, name="extension-delete"),
    path("<str:name>/delete/", authoring.assignment_delete, name="assignment-delete"),
    path("<str:name>/fetch/", work.copy_fetch, name="copy-fetch"),
    path("<str:name>/open/", work.copy_open, name="copy-open"),
    path("<str:name>/submit/", work.copy_submit, name="copy-submit"),
    path("<str:name>/regrading/", regrading.regrading_detail, name="regrading-detail"),
    path("<str:name>/regrading/try/", regrading.regrading_try, name="regrading-try"),
    path("<str:name>/regrading/take-over/", regrading.regrading_take_over, name="regrading-take-over"),
    path("<str:name>/submissions/<uuid:submission_id>/", received.submission_detail, name="submission-detail"),
    path(
        "<str:name>/submissions/<uuid:submission_id>/files.tar",
        received.submission_download,
        name="submission-download",
    ),
    path("<str:name>/submissions/<uuid:submission_id>/file/", received.submission_file, name="submission-file"),
    path(
        "<str:name>/submissions/<uuid:submission_id>/file/download/",
        received.submission_file_download,
        name="submission-file-download",
    ),
    path("<str:name>/submissions/<uuid:submission_id>/receipt.txt", receipts.receipt_text, name="receipt-text"),
    path("<str:name>/submissions/<uuid:submission_id>/receipt.json", receipts.receipt_json, name="receipt-json"),
    path("<str:name>/submissions/<uuid:submission_id>/feedback/", feedback.feedback_detail, name="feedback-detail"),
    path(
        "<str:name>/submissions/<uuid:submission_id>/feedback/<str:notebook>.html",
        feedback.feedback_file,
        name="feedback-file",
    ),
    path("<str:name>/submissions/<uuid:submission_id>/ask/", requests.request_open, name="request-open"),
    path("<str:name>/requests/<uuid:request_id>/", requests.request_answer, name="request-answer"),
    path("<str:name>/grading/", marking.grading_overview, name="grading-overview"),
    path("<str:name>/grading/next/", marking.grading_next, name="grading-next"),
    path("<str:name>/grading/<uuid:submission_id>/", marking.cell_marking, name="cell-marking"),
    path(
        "<str:name>/grading/<uuid:submission_id>/live/", live_opening.submission_open_live, name="submission-open-live"
    ),
    path("<str:name>/grading/<uuid:submission_id>/points/", marking.cell_mark, name="cell-mark"),
    path("<str:name>/grading/<uuid:submission_id>/comments/", marking.cell_comment, name="cell-comment"),
    path("<str:name>/grading/<uuid:submission_id>/lease/", marking.cell_lease, name="cell-lease"),
    path("<str:name>/grading/<uuid:submission_id>/rubric/", marking.rubric_change, name="rubric-change"),
    path("<str:name>/grades/points.csv", gradebook.points_file, name="points-file"),
    path("<str:name>/grades/cells.csv", gradebook.questions_file, name="questions-file"),
    path("<str:name>/grades/publish/", gradebook.grades_publish, name="grades-publish"),
    path("<str:name>/grades/<int:grade_id>/", gradebook.grade_history, name="grade-history"),
]
