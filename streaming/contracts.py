"""The JSON that crosses process borders: a turn's input and result, and the streaming activity's.

Anyone in any language may write these, so unknown keys are refused with their path. Later fields are optional.
"""

from typing import Annotated, Literal

from pydantic import Discriminator, Field, JsonValue, Strict, StrictBool, StrictInt, Tag, TypeAdapter, ValidationError

from streaming.errors import InvalidTurn
from streaming.messages import PLAIN, Contract, FinishReason, Message, Usage
from streaming.reasons import Reason

WORKFLOW_TYPE = "Turn"
DEFAULT_TASK_QUEUE = "millstream"

# Temporal ends a run that schedules a payload over 2 MiB; what is left covers the protocol's own wrapping.
MAX_PAYLOAD_BYTES = 2_080_000

Seconds = Annotated[float, Field(gt=0, le=86_400)]
_Clock = Annotated[Seconds, Strict()]


class Limits(Contract):
    """The clocks of a turn, in seconds. All but `total_s` and `heartbeat_s` belong to one candidate's try."""

    connect_s: _Clock = 10
    first_token_s: _Clock = 120
    idle_s: _Clock = 30
    stall_s: _Clock = 120
    try_s: _Clock = 600
    total_s: _Clock = 900
    heartbeat_s: Annotated[float, Field(strict=True, ge=1, le=300)] = 10
    max_total_tokens: Annotated[int, Field(strict=True, gt=0)] | None = None
    """What all tries of the turn may use, input and output."""
    max_cost_usd: Annotated[float, Field(strict=True, gt=0)] | None = None
    """What all tries of the turn may cost; candidates whose price is not known are then left out."""


class Tool(Contract):
    """A tool the model may call; a call ends the step, and its result comes in a later message."""

    name: Annotated[str, Field(pattern=r"^[a-zA-Z0-9_-]{1,64}$")]
    description: str = ""
    input_schema: Annotated[dict[str, JsonValue], PLAIN] = {"type": "object", "properties": {}}
    strict: StrictBool = False
    """Ask the provider to hold the arguments to the schema."""


class NamedTool(Contract):
    """`tool_choice`: this tool and no other."""

    name: str


def _kind_of_choice(value: object) -> str:
    return _A_TOOL if isinstance(value, dict | NamedTool) else _A_WORD


# Tags of a union, which pydantic puts into an error's path: no key of a user's JSON looks like that.
_A_TOOL, _A_WORD = "(tool)", "(word)"
ToolChoice = Annotated[
    Annotated[NamedTool, Tag(_A_TOOL)] | Annotated[Literal["auto", "none", "required"], Tag(_A_WORD)],
    Discriminator(_kind_of_choice),
]


class GenerationSettings(Contract):
    """How to generate, in words every provider has its own for; null leaves it to the provider."""

    temperature: Annotated[float, Field(strict=True, ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(strict=True, ge=0, le=1)] | None = None
    top_k: Annotated[int, Field(strict=True, ge=1)] | None = None
    max_output_tokens: Annotated[int, Field(strict=True, gt=0)] | None = None
    stop: list[str] | None = None
    seed: StrictInt | None = None
    n: Annotated[int, Field(strict=True, ge=1, le=128)] | None = None
    presence_penalty: Annotated[float, Field(strict=True, ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(strict=True, ge=-2, le=2)] | None = None
    reasoning_effort: Literal["none", "minimal", "low", "medium", "high", "xhigh", "max"] | None = None
    tool_choice: ToolChoice | None = None
    parallel_tool_calls: StrictBool | None = None
    prompt_caching: Literal["5m", "1h"] | None = None
    """Keep the prompt in the provider's cache that long, where it does not decide by itself."""
    extra: Annotated[dict[str, dict[str, JsonValue]], PLAIN] = {}
    """By provider name: keys put into that provider's request body as they are."""


class TurnInput(Contract):
    """The input of workflow type `Turn`."""

    messages: Annotated[list[Message], Field(min_length=1)]
    system: str | None = None
    tools: list[Tool] = []
    output_schema: Annotated[dict[str, JsonValue], PLAIN] | None = None
    """JSON Schema that the answer's text must follow."""
    route: str = "default"
    settings: GenerationSettings = GenerationSettings()
    limits: Limits = Limits()
    include_raw: StrictBool = False
    dry_run: StrictBool = False
    """Check everything, and ask no provider."""
    metadata: Annotated[dict[str, JsonValue], PLAIN] = {}


class TryError(Contract):
    """Why one candidate's call failed, in words safe to show."""

    type: str
    reason: Reason | None = None
    message: str
    hopeless: bool
    """This candidate cannot serve this request: later passes leave it out."""
    retry_after_s: float | None = Field(default=None, exclude_if=lambda value: value is None)
    """How long the provider asked to wait."""


class Try(Contract):
    """One candidate's call: a line of the turn's trail, failed or not."""

    attempt: int
    number: int
    """Within the attempt, from 1."""
    provider: str
    model: str
    seconds: float
    error: TryError | None = None
    usage: Usage | None = None
    """What the provider billed; null where it was never asked, or refused."""
    estimated: bool = False
    """The provider did not say: `usage` is our estimate, from the sizes of what was sent and said.

    Of a call that was lost with its worker (error type `WorkerLost`), as of the last heartbeat: it may have used more.
    """
    cost_usd: float | None = None


class GenerateInput(Contract):
    """The input of activity `generate`: one step of one turn."""

    step: int
    turn: TurnInput


class StepResult(Contract):
    """The result of activity `generate`: one whole model response."""

    message: Message
    finish_reason: FinishReason
    provider_finish_reason: str | None = None
    provider: str | None
    model: str | None
    """The model the provider says it used."""
    usage: Usage
    cost_usd: float | None = None
    """Of this step's answer; null where a price or a count is not known."""
    tries: list[Try]
    sha256: str
    """Of the message's text: `messages.text_sha256`."""
    choices: list[Message] | None = Field(default=None, exclude_if=lambda value: value is None)
    """All choices where more than one was asked for; the message is the first."""
    raw: dict[str, JsonValue] | None = Field(default=None, exclude_if=lambda value: value is None)
    """The provider's own response object, where `include_raw` asked for it."""


class TurnResult(StepResult):
    """The durable result of a turn; the text of its last step appears once, in `message`."""

    steps: list[StepResult] = []
    """Earlier steps."""
    total_usage: Usage = Usage()
    """Of every try, failed ones too."""
    total_cost_usd: float | None = None
    """Of every try; null where one of them has tokens of no known price."""


class TurnState(Contract):
    """What query `state` answers."""

    status: Literal["running", "interrupting", "done"]
    step: int
    steps: list[StepResult] = []
    pending: list[str] = []
    """Tool calls that wait for an answer."""


_turn_input = TypeAdapter(TurnInput)


def parse_turn(data: bytes) -> TurnInput:
    """Parse a turn's input from JSON.

    Raises:
        InvalidTurn: names each field that is wrong and why.
    """
    try:
        turn = _turn_input.validate_json(data)
    except ValidationError as error:
        raise InvalidTurn([_problem(dict(detail)) for detail in error.errors(include_url=False)]) from None
    if contradictions := _contradictions(turn):
        raise InvalidTurn(contradictions)
    return turn


def _contradictions(turn: TurnInput) -> list[tuple[str, str]]:
    """Return what is wrong although each field by itself is right."""
    found: list[tuple[str, str]] = []
    if not any(message.parts for message in turn.messages):
        found.append(("messages", "no message has any part"))
    names = [tool.name for tool in turn.tools]
    first = {name: at for at, name in reversed([*enumerate(names)])}
    found += [
        (f"tools.{at}.name", f"another tool is named {name!r}") for at, name in enumerate(names) if first[name] != at
    ]
    choice = turn.settings.tool_choice
    if isinstance(choice, NamedTool) and choice.name not in names:
        found.append(("settings.tool_choice.name", f"no tool is named {choice.name!r}"))
    return found


def _problem(detail: dict[str, object]) -> tuple[str, str]:
    location = detail["loc"]
    steps = location if isinstance(location, tuple) else ()
    # Pydantic puts the tag of a union after the list index; a user's JSON has no such key.
    path = [
        step
        for at, step in enumerate(steps)
        if step not in (_A_TOOL, _A_WORD) and not (at and isinstance(steps[at - 1], int) and step in _PART_TAGS)
    ]
    field = ".".join(str(step)[:_MAX_KEY] for step in path) or "input"
    if detail["type"] == "extra_forbidden":
        return field, "unknown key"
    return field, str(detail["msg"]).removeprefix("Value error, ")[:_MAX_REASON]


_MAX_KEY = 100
_MAX_REASON = 300
_PART_TAGS = {"text", "reasoning", "refusal", "tool_call", "tool_result", "image", "audio", "file", "provider_item"}
