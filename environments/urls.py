"""The pages of this app."""

from django.urls import path

from environments.views import (
    builds,
    git_credentials,
    home,
    links,
    opening,
    servers,
    sharing,
    status,
    trust,
    updates,
    volumes,
)

app_name = "environments"

urlpatterns = [
    path("", home.home, name="home"),
    path("servers/<uuid:server_id>/", servers.server_detail, name="server-detail"),
    path("servers/<uuid:server_id>/start/", servers.server_start, name="server-start"),
    path("servers/<uuid:server_id>/stop/", servers.server_stop, name="server-stop"),
    path("servers/<uuid:server_id>/keep/", servers.server_keep, name="server-keep"),
    path("servers/<uuid:server_id>/key/drop/", servers.server_drop_credentials, name="server-drop-credentials"),
    path("servers/<uuid:server_id>/look/", updates.server_look, name="server-look"),
    path("servers/<uuid:server_id>/update/", updates.server_update, name="server-update"),
    path("servers/<uuid:server_id>/update/cancel/", updates.server_update_cancel, name="server-update-cancel"),
    path("servers/<uuid:server_id>/roll-back/", updates.server_roll_back, name="server-roll-back"),
    path("servers/<uuid:server_id>/delete/", servers.server_delete, name="server-delete"),
    path("servers/<uuid:server_id>/undelete/", servers.server_undelete, name="server-undelete"),
    path("servers/<uuid:server_id>/open/", opening.server_open, name="server-open"),
    path("builds/<uuid:build_id>/cancel/", builds.build_cancel, name="build-cancel"),
    path("v2/<path:spec>", links.launch_link, name="launch-link"),
    path("link-preview/", sharing.link_preview, name="link-preview"),
    path("launch/", links.launch_agreed, name="launch-agreed"),
    path("trusted-repositories/", trust.trust_list, name="trust-list"),
    path("trusted-repositories/<int:trust_id>/forget/", trust.trust_forget, name="trust-forget"),
    path("account/repositories/", git_credentials.git_credential_list, name="git-credential-list"),
    path("account/repositories/new/", git_credentials.git_credential_add, name="git-credential-add"),
    path(
        "account/repositories/<uuid:credential_id>/remove/",
        git_credentials.git_credential_remove,
        name="git-credential-remove",
    ),
    path("volumes/", volumes.volume_list, name="volume-list"),
    path("volumes/new/", volumes.volume_create, name="volume-create"),
    path("volumes/<uuid:volume_id>/", volumes.volume_detail, name="volume-detail"),
    path("volumes/<uuid:volume_id>/rename/", volumes.volume_rename, name="volume-rename"),
    path("volumes/<uuid:volume_id>/invite/", volumes.volume_invite, name="volume-invite"),
    path(
        "volumes/<uuid:volume_id>/members/<uuid:member_id>/change/",
        volumes.volume_member_change,
        name="volume-member-change",
    ),
    path(
        "volumes/<uuid:volume_id>/members/<uuid:member_id>/remove/",
        volumes.volume_member_remove,
        name="volume-member-remove",
    ),
    path("volumes/<uuid:volume_id>/leave/", volumes.volume_leave, name="volume-leave"),
    path("volumes/<uuid:volume_id>/delete/", volumes.volume_delete, name="volume-delete"),
    path("volumes/<uuid:volume_id>/undelete/", volumes.volume_undelete, name="volume-undelete"),
    path("status/", status.status, name="status"),
    path("open/<str:subdomain>/", opening.subdomain_open, name="subdomain-open"),
]
