"""Celery's entrances to the verbs: each takes a primary key, loads, calls. Safe to run twice."""

from __future__ import annotations

from celery import shared_task
from django.conf import settings
from django.utils import timezone

from environments import (
    accounting,
    bringing,
    collaborating,
    culling,
    giving,
    images,
    ledger,
    measuring,
    prewarming,
    rebuilding,
    reconciling,
    servers,
    source_trees,
    starting,
    stopping,
    tickets,
    updating,
    visits,
)
from environments.models import Build, Environment, NotebookServer, SourceTree, Volume

_BUILD_LIMIT = settings.BUILD_TIME_LIMIT_SECONDS + 60
_CLEANING_LIMIT = 3600
_MEASURING_LIMIT = 1800
_VOLUME_LIMIT = int(measuring.TIME_LIMIT.total_seconds()) + 60
_REFRESH_LIMIT = 600
"""What a start may take longer when the files have to be brought up to a new version first."""
_START_LIMIT = settings.IMAGE_FETCH_TIME_LIMIT_SECONDS + settings.START_TIME_LIMIT_SECONDS + 2 * _REFRESH_LIMIT + 60
_FETCH_LIMIT = settings.MATERIAL_TIME_LIMIT_SECONDS + 300
"""What is fetched is put into its volume too."""


@shared_task(soft_time_limit=_BUILD_LIMIT, time_limit=_BUILD_LIMIT + 30)
def run_build(build_id: str) -> None:
    """Run a waiting build."""
    for build in Build.objects.filter(pk=build_id):
        servers.carry_out_build(build)


@shared_task(soft_time_limit=_START_LIMIT, time_limit=_START_LIMIT + 30)
def start_server(server_id: str) -> None:
    """Start a waiting server."""
    for server in NotebookServer.objects.filter(pk=server_id).select_related("build", "volume", "owner"):
        starting.carry_out_start(server)


@shared_task
def stop_server(server_id: str) -> None:
    """Stop a server that is to stop."""
    for server in NotebookServer.objects.filter(pk=server_id).select_related("volume"):
        stopping.carry_out_stop(server)


@shared_task
def update_server(server_id: str) -> None:
    """Go on with what a server is to become."""
    for server in NotebookServer.objects.filter(pk=server_id).select_related("pending_update__build", "owner"):
        updating.carry_out_update(server)


@shared_task(soft_time_limit=_FETCH_LIMIT, time_limit=_FETCH_LIMIT + 30)
def fetch_tree(tree_id: str) -> None:
    """Fetch the files of one commit."""
    for tree in SourceTree.objects.filter(pk=tree_id).select_related("owner"):
        source_trees.carry_out_fetch(tree)


@shared_task
def bring_tree(tree_id: str) -> None:
    """Have files that were fetched brought to whoever waits for them."""
    for tree in SourceTree.objects.filter(pk=tree_id):
        bringing.enqueue_waiting_material(now=timezone.now(), tree=tree)


@shared_task(soft_time_limit=_REFRESH_LIMIT, time_limit=_REFRESH_LIMIT + 30)
def bring_material(server_id: str) -> None:
    """Bring into the files of a server what they are to be brought to."""
    for server in NotebookServer.objects.filter(pk=server_id).select_related("volume"):
        bringing.carry_out_bring(server)


@shared_task(soft_time_limit=_REFRESH_LIMIT, time_limit=_REFRESH_LIMIT + 30)
def give_files(server_id: str) -> None:
    """Give a server the files that wait for it."""
    for server in NotebookServer.objects.filter(pk=server_id).select_related("volume"):
        giving.carry_out_giving(server)


@shared_task
def purge_server(server_id: str) -> None:
    """Remove what is left of a deleted server."""
    for server in NotebookServer.objects.filter(pk=server_id).select_related("volume"):
        stopping.purge_server(server, now=timezone.now())


@shared_task
def reconcile() -> None:
    """Bring rows and reality together."""
    reconciling.reconcile(now=timezone.now())


@shared_task
def tend_reservations() -> None:
    """Start what was reserved for a time that comes, and stop what nobody came for."""
    prewarming.tend_reservations(now=timezone.now())


@shared_task
def cull_idle_servers() -> None:
    """Stop what nobody uses."""
    culling.cull_idle_servers(now=timezone.now())


@shared_task
def measure_usage() -> None:
    """Measure what runs."""
    accounting.measure_usage(now=timezone.now())


@shared_task
def forget_expired() -> None:
    """Remove what no longer admits anybody, what is too old to show, and fetched files that nobody needs."""
    now = timezone.now()
    tickets.forget_expired_admissions(now=now)
    accounting.forget_old_samples(now=now)
    ledger.forget_old_use(now=now)
    collaborating.forget_old_invitations(now)
    visits.forget_old_visits(now)
    source_trees.remove_unneeded_trees(now=now)
    giving.remove_given(now=now)


@shared_task(soft_time_limit=_CLEANING_LIMIT, time_limit=_CLEANING_LIMIT + 60)
def remove_unused_images() -> None:
    """Remove images nobody needs from the engine of this worker."""
    images.remove_unused_images(now=timezone.now())


@shared_task(soft_time_limit=_MEASURING_LIMIT, time_limit=_MEASURING_LIMIT + 60)
def measure_images() -> None:
    """Measure the images of the engine of this worker, once an hour."""
    images.measure_images(now=timezone.now())


@shared_task
def measure_volumes() -> None:
    """Ask for those volumes to be measured whose turn it is."""
    measuring.enqueue_due_measures(now=timezone.now())


@shared_task(soft_time_limit=_VOLUME_LIMIT, time_limit=_VOLUME_LIMIT + 30)
def measure_volume(volume_id: str) -> None:
    """Measure one volume."""
    for volume in Volume.objects.filter(pk=volume_id):
        measuring.measure_volume(volume)


@shared_task
def tend_catalog() -> None:
    """Ask for those environments to be looked after whose turn it is."""
    rebuilding.enqueue_due_work(now=timezone.now())


@shared_task
def rebuild_environment(environment_id: str) -> None:
    """Look for a newer version of an environment, and have it prepared."""
    for environment in Environment.objects.filter(pk=environment_id).select_related("owner", "build"):
        rebuilding.rebuild_if_due(environment, now=timezone.now())


@shared_task
def settle_environment(environment_id: str) -> None:
    """Take over what came of an environment's build."""
    for environment in Environment.objects.filter(pk=environment_id).select_related("build"):
        rebuilding.settle(environment, now=timezone.now())
