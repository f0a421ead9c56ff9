"""Patches of single objects of any type, as the garbage collector writes them."""

from __future__ import annotations

from sandbox.cluster.contract import ApiError, Object
from sandbox.cluster.controllers.controller_context import ControllerContext
from sandbox.cluster.controllers.ownership import ObjectReference
from sandbox.cluster.machinery.meta import is_deleting
from sandbox.cluster.machinery.work_queue import RequeueError


async def patch_object(context: ControllerContext, item: ObjectReference, patch: Object) -> None:
    """Merge a patch into an object; one that is gone needs none.

    The patch names the uid, so that an object that has taken the name since is refused.
    """
    try:
        stored = await context.client.merge(item.ref, item.key.name, item.key.namespace, patch)
    except ApiError as error:
        if error.code != 404:
            raise
        return
    # The patch may have taken off the last finalizer: the object answered is gone by now, and
    # would stay in the informer until the watch has caught up.
    if not is_deleting(stored):
        context.informers.for_resource(item.ref).observe(stored)


async def remove_finalizer(
    context: ControllerContext, item: ObjectReference, obj: Object, done: str
) -> None:
    """Remove one finalizer, unless the object has changed; raise RequeueError when it has.

    Another controller's finalizer must not come back.
    """
    metadata = obj["metadata"]
    left = [each for each in metadata["finalizers"] if each != done]
    patch = {
        "uid": item.uid,
        # A merge patch replaces the whole list; the version keeps it from bringing back what
        # somebody else has taken off meanwhile.
        "resourceVersion": metadata["resourceVersion"],
        "finalizers": left,
    }
    informer = context.informers.for_resource(item.ref)
    try:
        await patch_object(context, item, {"metadata": patch})
    except ApiError as error:
        if error.code != 409:
            raise
        await informer.refresh(item.key)
        raise RequeueError("the object changed while its finalizer was taken off") from error
    await informer.refresh(item.key)
