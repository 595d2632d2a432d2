"""The pages of classes."""

from django.urls import path

from classes.views import announcements, courses, elsewhere, environments, exports, files, keeping, lessons, limits, servers, settings, today

app_name = "classes"

urlpatterns = [
    path("", courses.course_list, name="course-list"),
    path("new/", courses.course_create, name="course-create"),
    path("<slug:slug>/", today.course_detail, name="course-detail"),
    path("<slug:slug>/settings/", settings.course_settings, name="course-settings"),
    path("<slug:slug>/lessons/", lessons.lesson_list, name="lesson-list"),
    path("<slug:slug>/lessons/new/", lessons.lesson_add, name="lesson-add"),
    path("<slug:slug>/lessons/<uuid:lesson_id>/", lessons.lesson_detail, name="lesson-detail"),
    path("<slug:slug>/lessons/<uuid:lesson_id>/edit/", lessons.lesson_edit, name="lesson-edit"),
    path("<slug:slug>/lessons/<uuid:lesson_id>/publish/", lessons.lesson_publish, name="lesson-publish"),
    path("<slug:slug>/lessons/<uuid:lesson_id>/move/", lessons.lesson_move, name="lesson-move"),
    path("<slug:slug>/lessons/<uuid:lesson_id>/delete/", lessons.lesson_delete, name="lesson-delete"),
    path("<slug:slug>/announcements/", announcements.announcement_list, name="announcement-list"),
    path("<slug:slug>/announcements/new/", announcements.announcement_add, name="announcement-add"),
    path(
        "<slug:slug>/announcements/<uuid:announcement_id>/edit/",
        announcements.announcement_edit,
        name="announcement-edit",
    ),
    path(
        "<slug:slug>/announcements/<uuid:announcement_id>/delete/",
        announcements.announcement_delete,
        name="announcement-delete",
    ),
    path("<slug:slug>/elsewhere/", elsewhere.course_elsewhere, name="course-elsewhere"),
    path("<slug:slug>/elsewhere/<slug:system>/", elsewhere.course_elsewhere_script, name="course-elsewhere-script"),
    path("<slug:slug>/keep/", keeping.course_keeping, name="course-keeping"),
    path("<slug:slug>/keep/export/", exports.course_export, name="course-export"),
    path("<slug:slug>/keep/export/<uuid:export_id>/", exports.course_export_download, name="course-export-download"),
    path("<slug:slug>/keep/export/<uuid:export_id>/delete/", exports.course_export_delete, name="course-export-delete"),
    path("<slug:slug>/keep/archive/", keeping.course_archive, name="course-archive"),
    path("<slug:slug>/keep/reopen/", keeping.course_reopen, name="course-reopen"),
    path("<slug:slug>/keep/delete/", keeping.course_delete, name="course-delete"),
    path("<slug:slug>/keep/undelete/", keeping.course_undelete, name="course-undelete"),
    path("<slug:slug>/lessons/<uuid:lesson>/open/", servers.lesson_open, name="lesson-open"),
    path("<slug:slug>/server/", servers.server_open, name="server-open"),
    path("<slug:slug>/server/update/", servers.server_update, name="server-update"),
    path("<slug:slug>/environment/", environments.environment_detail, name="environment-detail"),
    path("<slug:slug>/environment/prepare/", environments.environment_prepare, name="environment-prepare"),
    path("<slug:slug>/environment/use/", environments.environment_use, name="environment-use"),
    path("<slug:slug>/environment/back/", environments.environment_back, name="environment-back"),
    path("<slug:slug>/environment/repositories/", environments.environment_settings, name="environment-settings"),
    path("<slug:slug>/limits/", limits.limits, name="limits"),
    path("<slug:slug>/files/", files.file_list, name="file-list"),
    path("<slug:slug>/files/area/", files.file_area, name="file-area"),
    path("<slug:slug>/hand-in/", files.hand_in, name="hand-in"),
    path("<slug:slug>/hand-ins/<uuid:hand_in>/", files.hand_in_detail, name="hand-in-detail"),
]
