"""The addresses that learning platforms know, and the pages that follow."""

from django.urls import path

from lti.views import accounts, audit, contexts, joining, keys, launch, registering

app_name = "lti"

urlpatterns = [
    path("login/", launch.login_begin, name="login"),
    path("launch/", launch.launch, name="launch"),
    path("keys.json", keys.key_set, name="keys"),
    path("register/", registering.register, name="register"),
    path("join/", joining.join_begin, name="join"),
    path("join/<str:token>/", joining.join_confirm, name="join-confirm"),
    path("account/<int:pk>/disconnect/", accounts.account_unlink, name="account-unlink"),
    path("accounts/merge/", accounts.account_merge, name="account-merge"),
    path("audit/", audit.audit, name="audit"),
    path("courses/<uuid:context_id>/", contexts.context_connect, name="context-connect"),
    path("courses/<uuid:context_id>/class/", contexts.context_connect_to, name="context-connect-to"),
]
