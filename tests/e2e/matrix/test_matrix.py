"""Every fault, on every wire, in every situation: a turn ends with one candidate's whole answer, or as it must."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from typing import TypeVar
from urllib.parse import urlsplit

import pytest
from temporalio.client import WorkflowFailureError, WorkflowHandle
from temporalio.exceptions import ApplicationError

from deploy.sandbox.provider.answers import numbered, tokens
from deploy.sandbox.provider.journal import Entry
from streaming.jsontext import JsonObject
from streaming.messages import text_sha256
from streaming.providers import WIRES
from tests.activities.hosts import certificate_for
from tests.e2e.chaos.durable import insist
from tests.e2e.matrix.cells import CELLS, LAST_CELLS, Candidate, Cell, LastCell, Tried, Verdict
from tests.e2e.matrix.doors import Door, doors_to
from tests.e2e.matrix.results import errors_of, parts_of, tries_of
from tests.e2e.matrix.routes import settings_file
from tests.e2e.rig import Rig, eventually

QUEUE = "matrix"
_AT_ONCE = 60
_ENOUGH_S = 240.0
_DEFECT = "the answer could not be read"  # what a try is told where our code raised what it should not

Doors = dict[str, Door]
_Cell = TypeVar("_Cell", Cell, LastCell)


@pytest.fixture(scope="module")
async def doors(rig: Rig, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Doors]:
    """A worker that knows the routes of all cells, and the doors that are in front of some."""
    folder = tmp_path_factory.mktemp("matrix")
    tls, bundle = certificate_for("localhost", folder)
    address = urlsplit(rig.stack.provider_url)
    assert address.port
    greetings = {name: cell.fault.greeting for cell in CELLS for name in cell.doors if cell.fault.greeting}
    async with doors_to(address.port, tls, greetings) as opened:
        file = folder / "routes.toml"
        urls = {name: door.url for name, door in opened.items()}
        file.write_text(settings_file([*CELLS, *LAST_CELLS], f"http://{address.netloc}", urls))
        worker = await rig.worker(QUEUE, MILLSTREAM_CONFIG=str(file), SSL_CERT_FILE=str(bundle))
        yield opened
        await worker.stop()


def test_cells_have_names_of_their_own() -> None:
    """No cell plays another's script."""
    slugs = [cell.slug for cell in (*CELLS, *LAST_CELLS)]
    assert len(slugs) == len(set(slugs))


@pytest.mark.parametrize("wire", WIRES)
async def test_every_fault_has_its_verdict(rig: Rig, doors: Doors, wire: str) -> None:
    """The result is one candidate's whole answer after the tries that there must be, or the route is exhausted.

    Where the turn's time ends, it is what the call in flight has said by then and never what a failed one had.
    """

    async def in_time(cell: Cell) -> list[str]:
        return await _wrong_in(rig, doors, cell)

    async def out_of_time(cell: LastCell) -> list[str]:
        return await _wrong_at_the_end(rig, cell)

    # One after the other: whose time is running must not wait for a worker that is busy with the others.
    wrong = await _wrong_in_any([cell for cell in LAST_CELLS if cell.wire == wire], out_of_time)
    wrong += await _wrong_in_any([cell for cell in CELLS if cell.wire == wire], in_time)

    assert not wrong, "\n".join(wrong)


async def _wrong_in_any(cells: Sequence[_Cell], wrong_in: Callable[[_Cell], Awaitable[list[str]]]) -> list[str]:
    at_once = asyncio.Semaphore(_AT_ONCE)

    async def named(cell: _Cell) -> list[str]:
        async with at_once:
            try:
                return [f"{cell}: {problem}" for problem in await wrong_in(cell)]
            except Exception as error:
                error.add_note(str(cell))
                raise

    return [line for lines in await asyncio.gather(*map(named, cells)) for line in lines]


async def _started(rig: Rig, cell: Cell, total_s: float) -> WorkflowHandle[object, JsonObject]:
    for candidate in cell.candidates:
        await rig.script(*cell.responses(candidate), model=candidate.model, name=cell.slug)
    return await rig.start(cell.turn(total_s), queue=QUEUE, turn_id=cell.slug)


# -- in time


async def _wrong_in(rig: Rig, doors: Doors, cell: Cell) -> list[str]:
    handle, verdict = await _started(rig, cell, _ENOUGH_S), cell.verdict()
    if cell.refused:
        await _open_after_the_first_pass([doors[name] for name in cell.doors], handle)
    try:
        result = await insist(handle.result)
        if cell.refused:
            passes = max(tried.in_pass for tried in tries_of(result))
            verdict = cell.verdict(failing_passes=max(passes - 1, 1))
        wrong = _wrong_with_result(result, verdict, cell)
    except WorkflowFailureError as failure:
        wrong = _wrong_with_failure(failure.cause, verdict, cell)
    asked = [entry.model for entry in await _requests(rig, cell)]
    return [*wrong, *_differs("requests", asked, cell.reached(verdict))]


async def _requests(rig: Rig, cell: Cell) -> list[Entry]:
    """Return what the provider was asked, when it has seen each connection's end: none is left open."""

    async def all_ended() -> list[Entry] | None:
        entries = await rig.requests(cell.slug)
        return None if any(entry.outcome == "running" for entry in entries) else entries

    return await eventually(all_ended)


async def _open_after_the_first_pass(doors: list[Door], handle: WorkflowHandle[object, JsonObject]) -> None:
    """Open the doors, which refuse, as soon as the server shows that they have refused."""

    async def another_attempt_is_due() -> bool:
        pending = (await insist(handle.describe)).raw_description.pending_activities
        return any(activity.attempt > 1 for activity in pending)

    await eventually(another_attempt_is_due)
    for door in doors:
        door.open()


def _wrong_with_result(result: JsonObject, verdict: Verdict, cell: Cell) -> Iterator[str]:
    answers = verdict.answers
    if answers is None:
        yield f"answered, and the route is exhausted: {result}"
        return
    yield from _wrong_with_answer(result, answers, cell.text(answers), "stop", verdict.tries)
    said = [str(error["message"]) for error in errors_of(result) if error["type"] == cell.fault.error]
    if cell.fault.says and not any(cell.fault.says in message for message in said):
        yield f"no error says {cell.fault.says!r}: {said}"


def _wrong_with_failure(failure: BaseException, verdict: Verdict, cell: Cell) -> Iterator[str]:
    if verdict.answers or not isinstance(failure, ApplicationError) or failure.type != "RouteExhausted":
        yield f"failed with {failure!r}"
    for words in (*(tried.candidate for tried in verdict.tries), cell.fault.says):
        if words not in str(failure):
            yield f"the failure does not say {words!r}: {failure}"


# -- out of time


async def _wrong_at_the_end(rig: Rig, cell: LastCell) -> list[str]:
    handle = await _started(rig, cell, cell.total_s)
    try:
        return [*_wrong_with_partial(await insist(handle.result), cell)]
    except WorkflowFailureError as failure:
        return [*_wrong_with_end(failure.cause, cell)]


def _wrong_with_partial(result: JsonObject, cell: LastCell) -> Iterator[str]:
    said = cell.outlasting.said
    if said is None:
        said = len(tokens("".join(str(text) for _, text in parts_of(result))))
    yield from _wrong_with_answer(result, cell.speaker, numbered(said), "deadline", cell.tries)


def _wrong_with_end(failure: BaseException, cell: LastCell) -> Iterator[str]:
    if cell.outlasting.said != 0 or not isinstance(failure, ApplicationError) or failure.type != "DeadlineExceeded":
        yield f"failed with {failure!r}"
    if cell.fault.says not in str(failure):
        yield f"the failure does not say {cell.fault.says!r}: {failure}"


# -- both


def _wrong_with_answer(
    result: JsonObject, by: Candidate, text: str, finish_reason: str, tries: tuple[Tried, ...]
) -> Iterator[str]:
    yield from _differs("parts", parts_of(result), [("text", text)])
    yield from _differs("sha256", result["sha256"], text_sha256(text))
    yield from _differs("finish reason", result["finish_reason"], finish_reason)
    yield from _differs("who", (result["provider"], result["model"]), (by.provider, by.model))
    yield from _differs("tries", tries_of(result), tries)
    yield from (f"a defect of ours: {error}" for error in errors_of(result) if _DEFECT in str(error["message"]))


def _differs(what: str, seen: object, expected: object) -> Iterator[str]:
    if seen != expected:
        yield f"{what}: {seen}, not {expected}"
