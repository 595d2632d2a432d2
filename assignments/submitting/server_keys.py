"""What a member's server of a class can do by itself: fetch and submit their assignments of that class.

So JupyterLab's Assignments tab works without anybody handing out keys. Only in what the class itself runs: members
share environments of their own with a class too, and the key is for none of these.
"""

from __future__ import annotations

from collections.abc import Collection

from accounts.models import Scope
from classes.class_servers import is_as_the_class_has_it
from classes.models import Membership
from environments.models import NotebookServer


def scopes_for(server: NotebookServer) -> Collection[Scope]:
    """The scope of the exchange for the server of somebody who is in the class; nothing for any other."""
    if server.group_id is None:
        return ()
    rows = Membership.objects.present().filter(person=server.owner_id, course__everybody=server.group_id)
    membership = rows.filter(course__deleted_at=None).select_related("course").first()
    if membership is None or not is_as_the_class_has_it(server, membership.course):
        return ()
    return (Scope.EXCHANGE,)
