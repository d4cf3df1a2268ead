"""What a step's attempts have used, asked while none of them can tell: between two passes, or with its worker lost.

Only the server has it then, in the heartbeat details of the activity that waits; cancelling that activity drops them.
"""

from temporalio import activity

from activities.trail import trail_of
from streaming.contracts import Try


@activity.defn(name="tally")
async def tally() -> list[Try]:
    """Return the tries of the calling workflow's running step, as of its last heartbeat.

    A call that was under way then is told as one that was lost with its worker.

    Raises:
        RPCError: the server does not answer.
    """
    info = activity.info()
    handle = activity.client().get_workflow_handle(info.workflow_id or "", run_id=info.workflow_run_id)
    description = await handle.describe()
    trail = None
    for pending in description.raw_description.pending_activities:
        if pending.activity_type.name == "generate":
            payloads = list(pending.heartbeat_details.payloads)
            trail = trail_of(await description.data_converter.decode(payloads))
    return trail.lost().tries if trail else []
