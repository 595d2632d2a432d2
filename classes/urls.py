"""The pages of classes."""

from django.urls import path

from classes.views import courses

app_name = "classes"

urlpatterns = [
    path("", courses.course_list, name="course-list"),
    path("new/", courses.course_create, name="course-create"),
    path("<slug:slug>/", courses.course_detail, name="course-detail"),
]
