"""How every reconciler writes status: the whole of it, as the last step of a pass, and only when it differs."""

from omectl.api.json import JsonObject
from omectl.api.resource import ResourceKind
from omectl.kube.client import Client
from omectl.kube.errors import NotFound


async def put_status(client: Client, kind: ResourceKind, obj: JsonObject, status: JsonObject) -> JsonObject | None:
    """Put `status` on the object as it was read, and return the object after that.

    None when nothing was written: the status is there already, or the object is gone.
    Raises: `Conflict` when the object changed since it was read. The pass is then repeated with what the cache has by
    then; nothing is lost and nothing needs to be reported.
    """
    if obj.get("status") == status:
        return None
    body: JsonObject = {
        "apiVersion": kind.api_version,
        "kind": kind.kind,
        "metadata": obj["metadata"],
        "status": status,
    }
    try:
        return await client.replace_status(kind, body)
    except NotFound:
        return None
