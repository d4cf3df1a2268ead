"""The provider's HTTP side: OpenAI's paths, and the paths that put scripts and read the journal."""

import asyncio
from collections.abc import Awaitable, Callable

import orjson
from aiohttp import web
from pydantic import JsonValue, TypeAdapter, ValidationError

from deploy.sandbox.provider import openai_chat
from deploy.sandbox.provider.errors import Refused
from deploy.sandbox.provider.journal import Journal
from deploy.sandbox.provider.library import Library
from deploy.sandbox.provider.playback import Playback
from deploy.sandbox.provider.reply import Reply
from deploy.sandbox.provider.script import RESPONSES, JsonObject, Response

MAX_BODY_BYTES = 64 * 2**20
MODELS = ("sandbox-large", "sandbox-small")

_UNSCRIPTED = Response(pace_s=0.025, first_token_s=0.25)
_JSON_OBJECT: TypeAdapter[JsonObject] = TypeAdapter(JsonObject)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def application() -> web.Application:
    """Returns a provider with no scripts; serve it with `handler_cancellation=True`."""
    app = web.Application(middlewares=[_refusals, _authorised], client_max_size=MAX_BODY_BYTES)
    provider = _Provider()
    app.add_routes(
        [
            web.post("/v1/chat/completions", provider.chat),
            web.get("/v1/models", provider.models),
            web.get("/v1/models/{model}", provider.model),
            web.put("/scripts/{name}", provider.put_script),
            web.get("/scripts/{name}/requests", provider.requests),
            web.get("/requests", provider.requests),
        ]
    )
    return app


@web.middleware
async def _refusals(request: web.Request, handler: Handler) -> web.StreamResponse:
    try:
        return await handler(request)
    except Refused as refused:
        return _json(refused.body, refused.status)
    except web.HTTPNotFound:
        return _json(openai_chat.error(f"Invalid URL ({request.method} {request.path})"), 404)
    except web.HTTPMethodNotAllowed:
        text = f"Not allowed to {request.method} on {request.path}."
        return _json(openai_chat.error(text, code="method_not_supported"), 405)


@web.middleware
async def _authorised(request: web.Request, handler: Handler) -> web.StreamResponse:
    scheme, _, key = request.headers.get("Authorization", "").partition(" ")
    if request.path.startswith("/v1/") and (scheme != "Bearer" or not key.strip()):
        text = "You didn't provide an API key in an Authorization: Bearer header."
        raise Refused(401, openai_chat.error(text))
    return await handler(request)


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(body), status=status, content_type="application/json")


class _Provider:
    def __init__(self) -> None:
        self._journal = Journal()
        self._library = Library()

    async def models(self, _request: web.Request) -> web.Response:
        return _json({"object": "list", "data": [_model(name) for name in MODELS]})

    async def model(self, request: web.Request) -> web.Response:
        return _json(_model(request.match_info["model"]))

    async def put_script(self, request: web.Request) -> web.Response:
        name, model = request.match_info["name"], request.query.get("model")
        try:
            responses = RESPONSES.validate_json(await request.read())
        except ValidationError as problem:
            raise Refused(400, {"errors": _problems(problem)}) from None
        self._library.put(name, responses, model)
        return _json({"name": name, "model": model, "responses": len(responses)})

    async def requests(self, request: web.Request) -> web.Response:
        return _json(self._journal.entries(request.match_info.get("name")))

    async def chat(self, request: web.Request) -> web.StreamResponse:
        try:
            body = _JSON_OBJECT.validate_json(await request.read())
        except ValidationError:
            text = "We could not parse the JSON body of your request: it was not valid JSON."
            raise Refused(400, openai_chat.error(text)) from None
        asked = openai_chat.parse(body)
        script = _UNSCRIPTED if asked.script is None else self._library.take(asked.script, asked.model)
        if script is None:
            text = f"No script is named {asked.script!r}."
            raise Refused(400, openai_chat.error(text, param="metadata.script"))
        entry = self._journal.open(request, body, asked.script)
        reply = Reply(script, asked)
        target = web.StreamResponse(status=script.status, headers=reply.headers)
        playback = Playback(script, target, request, entry.count)
        try:
            entry.end(await playback.play(reply.pieces(), error=reply.error, ping=reply.ping))
        except ConnectionError:
            entry.end("client closed")
        except asyncio.CancelledError:
            entry.end("client closed")
            raise
        return target


def _model(name: str) -> JsonObject:
    return {"id": name, "object": "model", "created": 1_767_225_600, "owned_by": "millstream"}


def _problems(problem: ValidationError) -> list[JsonValue]:
    return [
        {"path": ".".join(str(part) for part in found["loc"]), "message": found["msg"]}
        for found in problem.errors(include_url=False, include_context=False, include_input=False)
    ]
