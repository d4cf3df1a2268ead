"""The commands, their options and their exit codes."""

import asyncio
import os
import sys
from collections.abc import Callable, Coroutine, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, BinaryIO, NoReturn
from uuid import uuid4

import typer
import uvloop
from rich.console import Console

import worker as worker_process
from cli import decoding, following, showing, talking
from cli import providers as configured
from cli.displays import Display, JsonLines, JsonResult, Pipe
from cli.following import DETACHED, DONE, FAILED, NO_SUCH_TURN, UNREACHABLE, USAGE
from cli.screen import Screen
from cli.standard_streams import abandon_output, is_full, open_what_is_closed, tell
from cli.wav import WavError
from connection import CannotReachTemporal
from deploy.sandbox.errors import SandboxError
from settings import SettingsError
from streaming.contracts import MAX_PAYLOAD_BYTES, parse_turn
from streaming.errors import InvalidTurn, ProviderError
from streaming.jsontext import JsonObject, dumps
from streaming.live.durable import TurnNotFound
from streaming.providers import WIRES
from streaming.providers.wire import Quirks
from turns import TurnRefused

EXIT_CODES = {
    DONE: "done",
    FAILED: "the turn failed, or was refused; a provider's check failed; there is no room for the output",
    USAGE: "usage, or settings",
    decoding.NO_ANSWER: "no whole answer to decode",
    NO_SUCH_TURN: "no such turn",
    UNREACHABLE: "cannot reach Temporal",
    DETACHED: "detached; the turn goes on",
}

app = typer.Typer(
    help="Durable LLM turns on Temporal, streamed live.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,  # a plain traceback goes into a bug report
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="Where things are: TEMPORAL_ADDRESS (or a Temporal profile), REDIS_URL, millstream.toml. See README.md.\n\n"
    + "Exit codes: "
    + "; ".join(f"{code}: {meaning}" for code, meaning in EXIT_CODES.items()),
)

_CODE_OF: dict[type[Exception], int] = {
    SettingsError: USAGE,
    TurnNotFound: NO_SUCH_TURN,
    TurnRefused: FAILED,
    CannotReachTemporal: UNREACHABLE,
    SandboxError: FAILED,
    WavError: USAGE,
}

_READ_BYTES = 65_536


class Pace(StrEnum):
    """How a recording is sent."""

    BURST = "burst"
    REALTIME = "realtime"


TurnId = Annotated[str, typer.Argument(metavar="TURN", help="The turn's id: its workflow id in Temporal.")]


@app.command()
def worker() -> None:
    """Run a worker until SIGTERM or Ctrl-C, then drain it."""
    raise typer.Exit(worker_process.main())


@app.command()
def sandbox() -> None:
    """Keep Temporal, Redis, a scripted provider and a worker up until Ctrl-C, and say where they are."""
    _run(showing.sandbox)


@app.command()
def demo() -> None:
    """Stream one durable turn, then one whose worker is killed in the middle. Uses OPENAI_API_KEY if it is set."""
    _run(showing.demo)


@app.command(
    epilog="Examples: millstream ask 'Which mill is older?'\n\n"
    "git diff | millstream ask - --system 'Review this.' --id review-17\n\n"
    "millstream ask --json Hi | jq .usage"
)
def ask(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="What to ask; - reads it from standard input.")],
    route: Annotated[str, typer.Option(help="A route of the worker's settings.")] = "default",
    system: Annotated[str | None, typer.Option(help="The system prompt.")] = None,
    turn_id: Annotated[
        str | None, typer.Option("--id", help="The turn's id; the same id and text attach to the turn that exists.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print the durable result as one JSON object.")] = False,
) -> None:
    """Start a turn and show it live. Ctrl-C detaches, and the turn goes on; a second one stops it.

    On a terminal the text appears as it is generated. In a pipe only the durable text is printed, at the end.
    """
    text = _utf8("standard input", _question()) if text == "-" else _utf8("the text", os.fsencode(text))
    if not text.strip():
        _refuse(USAGE, "there is nothing to ask: the text is empty")
    if turn_id == "":
        _refuse(USAGE, "--id is empty: leave it out for an id of its own")
    turn: JsonObject = {"messages": [{"role": "user", "content": text}], "route": route}
    if system is not None:
        turn["system"] = _utf8("--system", os.fsencode(system))
    try:
        parse_turn(dumps(turn))
    except InvalidTurn as error:
        _refuse(USAGE, str(error))
    chosen = f"turn-{uuid4().hex[:16]}" if turn_id is None else turn_id
    _run(lambda environ: following.ask(environ, chosen, turn, _display(JsonResult if as_json else None)))


@app.command(epilog="Examples: millstream watch review-17\n\nmillstream watch --json review-17 | jq -r .k")
def watch(
    turn: TurnId,
    as_json: Annotated[bool, typer.Option("--json", help="Print every frame as a line of JSON.")] = False,
) -> None:
    """Follow a turn that exists: running, waiting for a retry, or done."""
    _run(lambda environ: following.watch(environ, turn, _display(JsonLines if as_json else None)))


@app.command(epilog="Example: millstream stop review-17")
def stop(
    turn: TurnId,
    as_json: Annotated[bool, typer.Option("--json", help="Print the partial result as one JSON object.")] = False,
) -> None:
    """End a turn now, keep what it had said as its result, and print that."""
    _run(lambda environ: following.stop(environ, turn, JsonResult() if as_json else Pipe()))


@app.command(
    epilog="Examples: millstream talk question.wav answer.wav\n\n"
    "millstream talk question.wav --provider voice --pace realtime --vad"
)
def talk(
    question: Annotated[Path, typer.Argument(metavar="IN.wav", help="What you say: 16-bit PCM, of any rate.")],
    answer: Annotated[Path | None, typer.Argument(metavar="OUT.wav", help="Where the answer's sound goes.")] = None,
    provider: Annotated[
        str | None, typer.Option(help="A realtime provider of the settings; by default the only one.")
    ] = None,
    pace: Annotated[Pace, typer.Option(help="Send the sound at once, or as fast as it plays.")] = Pace.BURST,
    vad: Annotated[
        bool, typer.Option("--vad", help="Let the provider hear when you have finished, not the file's end.")
    ] = False,
    system: Annotated[str | None, typer.Option(help="The system prompt.")] = None,
    patience: Annotated[float, typer.Option(min=0.1, help="Seconds that the provider may say nothing.")] = 60,
) -> None:
    """Say a recording to a realtime provider, show both transcripts live, and keep the answer's sound.

    With no realtime provider in the settings a fake one answers, by a script. The model may call one tool: a clock.
    A recording is best sent at once: as fast as it plays, its pauses can pass for the end of what you say.
    """
    asked = talking.Talk(question, answer, provider, pace is Pace.REALTIME, vad, system, patience)
    _run(lambda environ: talking.talk(environ, asked))


@app.command(epilog="Example: millstream providers --check")
def providers(
    check: Annotated[bool, typer.Option("--check", help="Call each with its key; 1 if one fails.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object.")] = False,
) -> None:
    """List the providers that a worker started here would use: address, key's variable, models, quirks.

    --check makes one call to each that generates nothing and costs nothing: its list of models. Keys are never shown.
    """
    _run(lambda environ: configured.providers(environ, check=check, as_json=as_json))


@app.command(
    epilog="Examples: millstream decode openai-chat answer.sse\n\n"
    "curl -sN ... | tee answer.sse | millstream decode anthropic-messages --neutral"
)
def decode(
    wire: Annotated[str, typer.Argument(metavar="WIRE", help=f"One of {', '.join(WIRES)}.")],
    source: Annotated[str, typer.Argument(metavar="[FILE|-]", help="A recorded body; - is standard input.")] = "-",
    neutral: Annotated[bool, typer.Option("--neutral", help="Print our message, not the provider's object.")] = False,
    no_done: Annotated[bool, typer.Option("--no-done", help="The server ends its streams without [DONE].")] = False,
) -> None:
    """Rebuild a provider's answer from the raw bytes of its event stream, and print it as JSON.

    A stream that is cut, carries an error, or is no event stream prints {"error": {"type", "message"}} on standard
    error and exits with 3.
    """
    if wire not in WIRES:
        _refuse(USAGE, f"no wire {wire!r}; this version speaks {', '.join(WIRES)}")
    try:
        with _standard_input() if source == "-" else open(source, "rb") as stream:
            chunks = iter(lambda: stream.read(_READ_BYTES), b"")
            answer = decoding.decoded(wire, chunks, quirks=Quirks(no_done=no_done), neutral=neutral)
    except OSError as error:
        _refuse(USAGE, f"{source}: {error.strerror}")
    except ProviderError as error:
        print(dumps(decoding.error_object(error)).decode(), file=sys.stderr)
        raise typer.Exit(decoding.NO_ANSWER) from None
    sys.stdout.buffer.write(dumps(answer) + b"\n")


def _standard_input() -> BinaryIO:
    if sys.stdin is None:
        _refuse(USAGE, "standard input is closed")
    return sys.stdin.buffer


def _question() -> bytes:
    # More than this cannot become a turn, and endless input must have an end.
    data = _standard_input().read(MAX_PAYLOAD_BYTES + 1)
    if len(data) > MAX_PAYLOAD_BYTES:
        _refuse(USAGE, f"standard input is too large: Temporal takes {MAX_PAYLOAD_BYTES:,} bytes for a whole turn")
    return data


def _utf8(name: str, data: bytes) -> str:
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        _refuse(USAGE, f"{name} is not UTF-8: {error.reason} at byte {error.start}")


def _display(for_programs: type[JsonLines | JsonResult] | None) -> Callable[[], Display]:
    if for_programs is not None:
        return for_programs
    console = Console()
    return (lambda: Screen(console)) if console.is_terminal else Pipe


def _run(command: Callable[[Mapping[str, str]], Coroutine[None, None, int]]) -> None:
    environ = dict(os.environ)  # noqa: TID251 - the command line reads the environment
    try:
        with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
            code = runner.run(command(environ))
    except KeyboardInterrupt:
        raise typer.Exit(DETACHED) from None
    except BrokenPipeError:
        abandon_output()  # that is a viewer who left, and no error to tell
        raise typer.Exit(DETACHED) from None
    except tuple(_CODE_OF) as error:
        _refuse(next(code for kind, code in _CODE_OF.items() if isinstance(error, kind)), str(error))
    raise typer.Exit(code)


def _refuse(code: int, message: str) -> NoReturn:
    print(f"millstream: {message}", file=sys.stderr)
    raise typer.Exit(code)


def main() -> None:
    """Run the command line, and end the process."""
    # The console script's own folder comes first on the path, and worker.py is found from the project's.
    sys.path.insert(0, str(Path(__file__).parents[1]))
    open_what_is_closed()
    code = 0
    try:
        try:
            app()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
        sys.stdout.flush()
    except BrokenPipeError:
        pass
    except OSError as error:
        if not is_full(error):
            raise
        tell(f"millstream: standard output: {error.strerror}")
        code = code or FAILED
    # The interpreter's own way out sometimes crashes while the SDK's threads end (temporalio/sdk-python#300).
    os._exit(code)
