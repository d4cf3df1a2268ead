"""A second way to rebuild a Gemini response from its chunks: simple, slow, and with no code of ours.

google-genai has no accumulator to compare with. This one keeps every chunk, and only then folds them, one rule after
the other; strings grow by concatenation, arguments by rebuilding the object around each piece.
"""

import re
from typing import Any

Raw = dict[str, Any]
"""JSON of a known shape, taken at its word."""

_GROWING = ("citations", "citationSources", "chosenCandidates", "topCandidates")
_UNSAID = ("FINISH_REASON_UNSPECIFIED", "")


def rebuilt(chunks: list[Raw]) -> Raw:
    """Return the response that legal chunks amount to."""
    response = _last([{key: value for key, value in chunk.items() if key != "candidates"} for chunk in chunks])
    feedback = [chunk["promptFeedback"] for chunk in chunks if chunk.get("promptFeedback")]
    if feedback:
        response["promptFeedback"] = _last(list(reversed(feedback)))
    numbered = [
        (candidate.get("index", place), candidate)
        for chunk in chunks
        for place, candidate in enumerate(chunk.get("candidates") or [])
    ]
    indexes = sorted({index for index, _ in numbered})
    if indexes:
        response["candidates"] = [_candidate([one for at, one in numbered if at == index]) for index in indexes]
    return response


def _last(objects: list[Raw]) -> Raw:
    """Return each key's last value that is not null and not empty, or the first that is not null."""
    result: Raw = {}
    for one in objects:
        for key, value in one.items():
            if value not in (None, "", [], {}, 0, False) or (value is not None and key not in result):
                result[key] = value
    return result


def _candidate(pieces: list[Raw]) -> Raw:
    said = [{key: value for key, value in piece.items() if value not in _UNSAID} for piece in pieces]
    candidate = _last(said)
    for key in ("citationMetadata", "logprobsResult"):
        objects = [piece[key] for piece in pieces if piece.get(key)]
        if objects:
            grown = {name: [item for one in objects for item in one.get(name) or []] for name in _GROWING}
            candidate[key] = _last(objects) | {name: items for name, items in grown.items() if items}
    contents = [piece["content"] for piece in pieces if piece.get("content")]
    if contents:
        parts = [part for content in contents for part in content.get("parts") or []]
        candidate["content"] = _last(contents) | {"parts": _joined(parts)}
    return candidate


def _joined(parts: list[Raw]) -> list[Raw]:
    joined: list[Raw] = []
    for given in parts:
        part = {key: value for key, value in given.items() if value is not None}
        if _is_open(joined) and _goes_on(joined[-1]["functionCall"], part.get("functionCall")):
            joined[-1] = _with_piece(joined[-1], part)
            continue
        if "functionCall" in part and not any(part["functionCall"].values()):
            part.pop("functionCall")
        if _is_signature(part) and joined and _takes(joined[-1], part):
            joined[-1] = joined[-1] | {"thoughtSignature": part["thoughtSignature"]}
        elif joined and _is_plain(part) and _is_plain(joined[-1]) and _one_run(joined[-1], part):
            joined[-1] = joined[-1] | part | {"text": joined[-1]["text"] + part.get("text", "")}
        elif part.get("text") or part.keys() - {"text", "thought"}:
            joined = [*(_closed(one) for one in joined), _opened(part)]
    return [_closed(part) for part in joined]


def _opened(part: Raw) -> Raw:
    if _is_plain(part):
        return {"text": ""} | part
    if "functionCall" in part and {"willContinue", "partialArgs"} & part["functionCall"].keys():
        return _with_piece({"functionCall": {"willContinue": True}}, part)
    return part


def _is_plain(part: Raw) -> bool:
    return set(part) <= {"text", "thought", "thoughtSignature"}


def _is_signature(part: Raw) -> bool:
    return _is_plain(part) and not part.get("text") and "thoughtSignature" in part


def _takes(before: Raw, part: Raw) -> bool:
    of_its_thought = _is_plain(before) and before.get("thought")
    return "thoughtSignature" not in before and bool(not part.get("thought") or of_its_thought)


def _one_run(before: Raw, part: Raw) -> bool:
    both_signed = "thoughtSignature" in before and "thoughtSignature" in part
    return bool(before.get("thought")) == bool(part.get("thought")) and not both_signed


# -- function calls in pieces


def _is_open(parts: list[Raw]) -> bool:
    return bool(parts) and "functionCall" in parts[-1] and bool(parts[-1]["functionCall"].get("willContinue"))


def _goes_on(call: Raw, piece: Raw | None) -> bool:
    return piece is not None and "args" not in piece and piece.get("name") in (None, call.get("name"))


def _with_piece(part: Raw, piece: Raw) -> Raw:
    call, more = part["functionCall"], piece["functionCall"]
    args = call.get("args", more.get("args", {}))
    for item in more.get("partialArgs", []):
        value = next(item[key] for key in ("stringValue", "numberValue", "boolValue", "nullValue") if key in item)
        args = _grown(args, _steps(item["jsonPath"]), None if "nullValue" in item else value)
    named = {key: value for key, value in more.items() if key not in ("partialArgs", "willContinue")}
    grown = named | call | {"args": args, "willContinue": bool(more.get("willContinue"))}
    whole = {key: value for key, value in piece.items() if key != "functionCall"} | part | {"functionCall": grown}
    return whole if more.get("willContinue") else _closed(whole)


def _closed(part: Raw) -> Raw:
    if "functionCall" not in part:
        return part
    call = {key: value for key, value in part["functionCall"].items() if key != "willContinue"}
    return part | {"functionCall": call}


def _steps(path: str) -> list[str | int]:
    found = re.findall(r"\.([^.\[]+)|\['([^']*)'\]|\[\"([^\"]*)\"\]|\[(\d+)\]", path)
    return [int(number) if number else plain or single or double for plain, single, double, number in found]


def _grown(value: object, steps: list[str | int], piece: object) -> object:
    if not steps:
        return value + piece if isinstance(value, str) and isinstance(piece, str) else piece
    step, rest = steps[0], steps[1:]
    if isinstance(step, int):
        items = value if isinstance(value, list) else []
        grown = _grown(items[step] if step < len(items) else None, rest, piece)
        return [*items[:step], grown, *items[step + 1 :]]
    held = value if isinstance(value, dict) else {}
    return held | {step: _grown(held.get(step), rest, piece)}
