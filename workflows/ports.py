"""The activities as workflows see them: names and types, no code. The worker registers the real ones."""

from temporalio import activity

from streaming.contracts import GenerateInput, StepResult, Try


@activity.defn(name="generate")
async def generate(step: GenerateInput) -> StepResult:
    """One model response: `activities/generate.py`."""
    raise NotImplementedError(step)


@activity.defn(name="tally")
async def tally() -> list[Try]:
    """What the running step's attempts have used: `activities/tally.py`."""
    raise NotImplementedError
