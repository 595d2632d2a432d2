"""The pages of this app."""

from django.urls import path

from environments.views import (
    builds,
    catalog,
    company,
    git_credentials,
    home,
    links,
    opening,
    servers,
    sharing,
    status,
    trust,
    updates,
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
    path("servers/<uuid:server_id>/people/", company.server_people, name="server-people"),
    path("servers/<uuid:server_id>/people/invite/", company.collaborator_invite, name="collaborator-invite"),
    path(
        "servers/<uuid:server_id>/people/<uuid:collaborator_id>/remove/",
        company.collaborator_remove,
        name="collaborator-remove",
    ),
    path("servers/<uuid:server_id>/invitations/new/", company.invitation_make, name="invitation-make"),
    path(
        "servers/<uuid:server_id>/invitations/<uuid:invitation_id>/revoke/",
        company.invitation_revoke,
        name="invitation-revoke",
    ),
    path("servers/<uuid:server_id>/leave/", company.server_leave, name="server-leave"),
    path("invitations/<str:token>/", company.invitation_accept, name="invitation-accept"),
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
    path("environments/", catalog.environment_list, name="environment-list"),
    path("environments/new/", catalog.environment_publish, name="environment-publish"),
    path("environments/<slug:slug>/", catalog.environment_detail, name="environment-detail"),
    path("environments/<slug:slug>/launch/", catalog.environment_launch, name="environment-launch"),
    path("environments/<slug:slug>/edit/", catalog.environment_edit, name="environment-edit"),
    path("environments/<slug:slug>/fork/", catalog.environment_fork, name="environment-fork"),
    path("environments/<slug:slug>/rebuild/", catalog.environment_rebuild, name="environment-rebuild"),
    path("environments/<slug:slug>/delete/", catalog.environment_delete, name="environment-delete"),
    path("status/", status.status, name="status"),
    path("open/<str:subdomain>/", opening.subdomain_open, name="subdomain-open"),
]
