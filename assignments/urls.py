"""The pages of assignments, below those of their class."""

from django.urls import path

from assignments.views import listing

app_name = "assignments"

urlpatterns = [
    path("", listing.assignment_list, name="assignment-list"),
]
