"""A turn that is streamed through its workflow."""

from datetime import timedelta

from temporalio import activity, workflow
from temporalio.contrib.workflow_streams import WorkflowStream

WORKFLOW = "StreamedTurn"
TOPIC = "text"


@activity.defn(name="stream")
async def stream(url: str, pace: dict[str, str | int | float]) -> str:
    """Publish the provider's stream, and return its whole text."""
    raise NotImplementedError


@workflow.defn(name=WORKFLOW)
class StreamedTurn:
    """One turn."""

    @workflow.init
    def __init__(self, url: str, pace: dict[str, str | int | float]) -> None:
        self._stream = WorkflowStream()

    @workflow.run
    async def run(self, url: str, pace: dict[str, str | int | float]) -> str:
        """Return the turn's text."""
        text: str = await workflow.execute_activity(
            stream, args=[url, pace], start_to_close_timeout=timedelta(minutes=5)
        )
        return text
