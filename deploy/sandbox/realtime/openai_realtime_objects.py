"""OpenAI Realtime: objects that its events hold."""

from collections.abc import Mapping
from math import ceil

from pydantic import JsonValue

from deploy.sandbox.realtime.journal import JsonObject
from deploy.sandbox.realtime.playing import Call

_LETTERS_PER_TOKEN = 4
_HEARD_MS_PER_TOKEN = 100
_SPOKEN_MS_PER_TOKEN = 50


def message_item(item_id: str) -> JsonObject:
    """Returns what the model says, before it has said it."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "in_progress",
        "role": "assistant",
        "content": [],
    }


def speech_item(item_id: str) -> JsonObject:
    """Returns what the user said, before it is written down."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "message",
        "status": "completed",
        "role": "user",
        "content": [{"type": "input_audio", "transcript": None}],
    }


def call_item(item_id: str, call: Call) -> JsonObject:
    """Returns a tool call, before its arguments."""
    return {
        "id": item_id,
        "object": "realtime.item",
        "type": "function_call",
        "status": "in_progress",
        "name": call.name,
        "call_id": call.id,
        "arguments": "",
    }


def usage(*, read: str, heard_ms: float, said: str, spoken_ms: float) -> JsonObject:
    """Returns what an answer cost, in tokens counted plainly."""
    text_in, text_out = ceil(len(read) / _LETTERS_PER_TOKEN), ceil(len(said) / _LETTERS_PER_TOKEN)
    sound_in, sound_out = ceil(heard_ms / _HEARD_MS_PER_TOKEN), ceil(spoken_ms / _SPOKEN_MS_PER_TOKEN)
    return {
        "total_tokens": text_in + sound_in + text_out + sound_out,
        "input_tokens": text_in + sound_in,
        "output_tokens": text_out + sound_out,
        "input_token_details": {
            "text_tokens": text_in,
            "audio_tokens": sound_in,
            "image_tokens": 0,
            "cached_tokens": 0,
            "cached_tokens_details": {"text_tokens": 0, "audio_tokens": 0, "image_tokens": 0},
        },
        "output_token_details": {"text_tokens": text_out, "audio_tokens": sound_out},
    }


def transcription_usage(words: str) -> JsonObject:
    """Returns what writing down the user's words cost."""
    tokens = 1 + len(words) // _LETTERS_PER_TOKEN
    return {
        "type": "tokens",
        "total_tokens": 2 * tokens,
        "input_tokens": tokens,
        "output_tokens": tokens,
        "input_token_details": {"text_tokens": 0, "audio_tokens": tokens},
    }


def voice_of(settings: Mapping[str, JsonValue]) -> JsonValue:
    """Returns the part of a session's settings that an answer repeats."""
    match settings:
        case {"audio": {"output": {"format": form, "voice": voice}}}:
            return {"format": form, "voice": voice}
        case _:
            return None
