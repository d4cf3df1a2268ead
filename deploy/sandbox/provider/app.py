"""The provider's HTTP side: the formats' paths, and the paths that put scripts and read the journal."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager

import orjson
from aiohttp import web
from pydantic import JsonValue, TypeAdapter, ValidationError

from deploy.sandbox.provider.background import Background, Generation
from deploy.sandbox.provider.errors import Refused, Unfit
from deploy.sandbox.provider.format import Asked, Format, Target
from deploy.sandbox.provider.formats import ANSWERING, format_of
from deploy.sandbox.provider.framing import EventStream
from deploy.sandbox.provider.journal import Entry, Journal
from deploy.sandbox.provider.library import Library
from deploy.sandbox.provider.openai_format import error_object
from deploy.sandbox.provider.playback import Playback
from deploy.sandbox.provider.reply import Reply, new_request_id
from deploy.sandbox.provider.script import RESPONSES, JsonObject, Response

MAX_BODY_BYTES = 64 * 2**20
MODELS = ("sandbox-large", "sandbox-small")
SCRIPT_HEADER = "x-script"

_UNSCRIPTED = Response(pace_s=0.025, first_token_s=0.25)
_JSON_OBJECT: TypeAdapter[JsonObject] = TypeAdapter(JsonObject)
_CONTROL = ("/scripts/", "/requests")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application() -> web.Application:
    """Returns a provider with no scripts; serve it with `handler_cancellation=True`."""
    app = web.Application(middlewares=[_refusals, _authorised], client_max_size=MAX_BODY_BYTES)
    provider = _Provider()
    app.add_routes(
        [
            *(web.post(path, provider.answer) for path in ANSWERING),
            web.get("/v1/responses/{id}", provider.response),
            web.post("/v1/responses/{id}/cancel", provider.cancel),
            web.get("/{version:v1|v1beta}/models", provider.models),
            web.get("/{version:v1|v1beta}/models/{model}", provider.model),
            web.put("/scripts/{name}", provider.put_script),
            web.get("/scripts/{name}/requests", provider.requests),
            web.get("/requests", provider.requests),
        ]
    )
    return app


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    wire = format_of(request.path, request.headers)
    try:
        return await handler(request)
    except Refused as refused:
        return _failure(wire, refused.status, refused.error)
    except Unfit as unfit:
        return _failure(wire, 400, wire.error(400, str(unfit)))
    except web.HTTPNotFound:
        return _failure(wire, 404, wire.error(404, f"Invalid URL ({request.method} {request.path})"))
    except web.HTTPMethodNotAllowed:
        return _failure(wire, 405, wire.error(405, f"Not allowed to {request.method} on {request.path}."))


@web.middleware
async def _authorised(request: web.Request, handler: Handler) -> web.StreamResponse:
    if not request.path.startswith(_CONTROL):
        format_of(request.path, request.headers).authorise(_target(request))
    return await handler(request)


def _failure(wire: Format, status: int, error: JsonObject) -> web.Response:
    request_id = new_request_id()
    answer = _json(wire.failure(error, request_id), status)
    answer.headers.update(wire.headers(request_id))
    return answer


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


def _target(request: web.Request) -> Target:
    named = request.match_info
    return Target(request.headers, request.query, named.get("model", ""), named.get("method", ""))


class _Provider:
    def __init__(self) -> None:
        self._journal = Journal()
        self._library = Library()
        self._background = Background()

    async def models(self, request: web.Request) -> web.Response:
        return _json(format_of(request.path, request.headers).models(MODELS))

    async def model(self, request: web.Request) -> web.Response:
        return _json(format_of(request.path, request.headers).one_model(request.match_info["model"]))

    async def put_script(self, request: web.Request) -> web.Response:
        name, model = request.match_info["name"], request.query.get("model")
        try:
            responses = RESPONSES.validate_json(await request.read())
        except ValidationError as problem:
            return _json({"errors": _problems(problem)}, 400)
        self._library.put(name, responses, model)
        return _json({"name": name, "model": model, "responses": len(responses)})

    async def requests(self, request: web.Request) -> web.Response:
        return _json(self._journal.entries(request.match_info.get("name")))

    async def answer(self, request: web.Request) -> web.StreamResponse:
        wire = format_of(request.path, request.headers)
        try:
            body = _JSON_OBJECT.validate_json(await request.read())
        except ValidationError:
            text = "We could not parse the JSON body of your request: it was not valid JSON."
            raise Refused(400, wire.error(400, text)) from None
        asked = wire.parse(body, _target(request))
        name = request.headers.get(SCRIPT_HEADER) or asked.script
        script = self._script(name, asked, wire)
        reply = Reply(script, asked, wire, self._background.keeper(script, asked, name))
        pieces = reply.pieces()
        entry = self._journal.open(request, body, asked, name)
        target = web.StreamResponse(status=script.status, headers=reply.headers)
        playback = Playback(script, target, request, entry.count)
        with _noticing_the_client_go(entry):
            entry.end(await playback.play(pieces, error=reply.error, ping=reply.ping))
        return target

    async def response(self, request: web.Request) -> web.StreamResponse:
        generation = self._background.find(request.match_info["id"])
        streamed, after = request.query.get("stream") == "true", request.query.get("starting_after", "")
        entry = self._open(request, generation, streamed=streamed)
        if not streamed:
            entry.end("complete")
            return _json(generation.standing())
        if not generation.is_streamed:
            raise Refused(400, error_object("This response is too old to be streamed."))
        if after and not after.isdecimal():
            raise Refused(400, error_object("Invalid value for 'starting_after'.", param="starting_after"))
        wire = format_of(request.path, request.headers)
        framing = EventStream(wire.newline, wire.ping)
        headers = {"Content-Type": framing.content_type, **wire.headers(new_request_id())}
        target = web.StreamResponse(headers=headers)
        with _noticing_the_client_go(entry):
            await target.prepare(request)
            sent = 0
            async for event in generation.events(int(after or -1)):
                await target.write(framing.frame(event, 0))
                sent += event.content
                entry.count(sent)
            await target.write_eof()
            entry.end("complete")
        return target

    async def cancel(self, request: web.Request) -> web.Response:
        generation = self._background.find(request.match_info["id"])
        self._open(request, generation, streamed=False).end("complete")
        generation.cancel()
        return _json(generation.standing())

    def _open(self, request: web.Request, generation: Generation, *, streamed: bool) -> Entry:
        asked = generation.asked.model_copy(update={"stream": streamed})
        return self._journal.open(request, {}, asked, generation.script_name)

    def _script(self, name: str | None, asked: Asked, wire: Format) -> Response:
        script = _UNSCRIPTED if name is None else self._library.take(name, asked.model)
        if script is None:
            raise Refused(400, wire.error(400, f"No script is named {name!r}.", wire.script_field))
        return script


@contextmanager
def _noticing_the_client_go(entry: Entry) -> Iterator[None]:
    try:
        yield
    except ConnectionError:
        entry.end("client closed")
    except asyncio.CancelledError:
        entry.end("client closed")
        raise


def _problems(problem: ValidationError) -> list[JsonValue]:
    return [
        {"path": ".".join(str(part) for part in found["loc"]), "message": found["msg"]}
        for found in problem.errors(include_url=False, include_context=False, include_input=False)
    ]
