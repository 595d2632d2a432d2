"""The pages of this app."""

from django.urls import path

from environments.views import builds, home, opening, servers, status, updates

app_name = "environments"

urlpatterns = [
    path("", home.home, name="home"),
    path("servers/<uuid:server_id>/", servers.server_detail, name="server-detail"),
    path("servers/<uuid:server_id>/start/", servers.server_start, name="server-start"),
    path("servers/<uuid:server_id>/stop/", servers.server_stop, name="server-stop"),
    path("servers/<uuid:server_id>/keep/", servers.server_keep, name="server-keep"),
    path("servers/<uuid:server_id>/look/", updates.server_look, name="server-look"),
    path("servers/<uuid:server_id>/update/", updates.server_update, name="server-update"),
    path("servers/<uuid:server_id>/update/cancel/", updates.server_update_cancel, name="server-update-cancel"),
    path("servers/<uuid:server_id>/roll-back/", updates.server_roll_back, name="server-roll-back"),
    path("servers/<uuid:server_id>/delete/", servers.server_delete, name="server-delete"),
    path("servers/<uuid:server_id>/undelete/", servers.server_undelete, name="server-undelete"),
    path("servers/<uuid:server_id>/open/", opening.server_open, name="server-open"),
    path("builds/<uuid:build_id>/cancel/", builds.build_cancel, name="build-cancel"),
    path("status/", status.status, name="status"),
    path("open/<str:subdomain>/", opening.subdomain_open, name="subdomain-open"),
]
