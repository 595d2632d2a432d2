"""The addresses that learning platforms know."""

from django.urls import path

from lti.views import keys

app_name = "lti"

urlpatterns = [
    path("keys.json", keys.key_set, name="keys"),
]
