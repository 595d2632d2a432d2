"""The addresses that learning platforms know, and the pages that follow."""

from django.urls import path

from lti.views import (
    accounts,
    audit,
    contexts,
    entering,
    grades,
    joining,
    keys,
    launch,
    links,
    picking,
    platforms,
    registering,
    relinking,
    rosters,
)

app_name = "lti"

urlpatterns = [
    path("login/", launch.login_begin, name="login"),
    path("launch/", launch.launch, name="launch"),
    path("keys.json", keys.key_set, name="keys"),
    path("register/", registering.register, name="register"),
    path("pick/", picking.pick, name="pick"),
    path("pick/<str:token>/", picking.pick_choose, name="pick-choose"),
    path("enter/", entering.enter, name="enter"),
    path("links/<int:link_id>/", links.link, name="link"),
    path("classes/<slug:slug>/", links.course_links, name="course-links"),
    path("classes/<slug:slug>/links/<int:link_id>/", relinking.link_choose, name="link-choose"),
    path("classes/<slug:slug>/links/<int:link_id>/lead/", relinking.link_lead, name="link-lead"),
    path("classes/<slug:slug>/<uuid:context_id>/disconnect/", links.context_disconnect, name="context-disconnect"),
    path("join/", joining.join_begin, name="join"),
    path("join/<str:token>/", joining.join_confirm, name="join-confirm"),
    path("account/<int:pk>/disconnect/", accounts.account_unlink, name="account-unlink"),
    path("accounts/merge/", accounts.account_merge, name="account-merge"),
    path("audit/", audit.audit, name="audit"),
    path("courses/<uuid:context_id>/", contexts.context_connect, name="context-connect"),
    path("courses/<uuid:context_id>/class/", contexts.context_connect_to, name="context-connect-to"),
    path("platforms/", platforms.platform_list, name="platform-list"),
    path("platforms/new/", platforms.platform_add, name="platform-add"),
    path("platforms/<uuid:platform_id>/", platforms.platform_detail, name="platform-detail"),
    path("platforms/<uuid:platform_id>/change/", platforms.platform_change, name="platform-change"),
    path("platforms/<uuid:platform_id>/switch/", platforms.platform_switch, name="platform-switch"),
    path("platforms/<uuid:platform_id>/remove/", platforms.platform_remove, name="platform-remove"),
    path("platforms/<uuid:platform_id>/keys/", platforms.platform_rotate, name="platform-rotate"),
    path(
        "platforms/<uuid:platform_id>/keys/withdraw/", platforms.platform_withdraw_keys, name="platform-withdraw-keys"
    ),
    path("platforms/<uuid:platform_id>/test/", platforms.platform_test, name="platform-test"),
    path("platforms/<uuid:platform_id>/deployments/", platforms.deployment_approve, name="deployment-approve"),
    path(
        "platforms/<uuid:platform_id>/deployments/<int:deployment_id>/withdraw/",
        platforms.deployment_withdraw,
        name="deployment-withdraw",
    ),
    path("classes/<slug:slug>/people/<uuid:context_id>/", rosters.roster_preview, name="roster-preview"),
    path("classes/<slug:slug>/people/<uuid:context_id>/read/", rosters.roster_read, name="roster-read"),
    path("grades/<slug:slug>/<str:name>/", grades.grade_states, name="grade-states"),
    path("grades/<slug:slug>/<str:name>/scores/<uuid:score_id>/send/", grades.grade_resend, name="grade-resend"),
    path("grades/<slug:slug>/<str:name>/columns/<uuid:line_item_id>/", grades.grade_compare, name="grade-compare"),
    path("grades/<slug:slug>/<str:name>/columns/<uuid:line_item_id>/again/", grades.column_again, name="column-again"),
]
