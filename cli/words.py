"""What happens to a turn, in a line of words."""

import time

from streaming.contracts import TurnResult
from streaming.live.durable import Standing
from streaming.live.frames import Frame
from streaming.messages import Message, RefusalPart, ToolCallPart, Usage, text_sha256


def of_standing(standing: Standing) -> str:
    """Say where a turn stands when no producer speaks."""
    match standing.status:
        case "queued":
            return "queued: no worker has taken it yet"
        case "backing off":
            return f"attempt {standing.attempt} {_in(standing.next_attempt_at)}, after: {standing.last_failure}"
        case "running":
            return f"attempt {standing.attempt} is running, its worker is silent"
        case "unreachable":
            return "Temporal does not answer: asking again"
    return standing.status


def of_reason(failed: Frame) -> str:
    """Say why a try failed, as the next try's `begin` says it."""
    return f"{failed.body.get('class')}: {failed.body.get('message')}"


def of_failure(frame: Frame) -> str:
    """Say why a try failed, and who or when is next."""
    body, words = frame.body, of_reason(frame)
    if body.get("next"):
        return f"{words}; next: {body['next']}"
    retry_at = body.get("retry_at")
    return f"{words}; next attempt {_in(retry_at)}" if isinstance(retry_at, int | float) else words


def of_speaker(frame: Frame) -> str:
    """Say who speaks, from the header of a `begin` or a `snap`."""
    body = frame.body
    speaker = f"{body.get('provider')}/{body.get('model')} · attempt {body.get('attempt')}"
    return f"{speaker} · try {body['try']}" if body.get("try", 1) != 1 else speaker


def beside_text(message: Message) -> list[str]:
    """Say what a message holds that its text does not show: a refusal, tool calls."""
    lines: list[str] = []
    for part in message.parts:
        match part:
            case RefusalPart():
                lines.append(f"the model declined: {part.text}")
            case ToolCallPart():
                lines.append(f"the model calls {part.name}({part.arguments})")
    return lines


def facts(result: TurnResult, first_text_s: float | None) -> str:
    """Say who answered, why it ended, on which attempt, with how many tokens and how soon."""
    words = [f"{result.provider}/{result.model}"] if result.provider else []
    words.append(result.finish_reason)
    if result.tries:
        words.append(f"attempt {result.tries[-1].attempt}")
    words += _counted(result.usage)
    if first_text_s is not None:
        words.append(f"first token {first_text_s:.2f} s")
    return " · ".join(words)


def _counted(usage: Usage) -> list[str]:
    counts = {"in": usage.input_tokens, "out": usage.output_tokens, "cached": usage.cache_read_tokens}
    said = [f"{count} {what}" for what, count in counts.items() if count]
    return [", ".join(said).replace(" ", " tokens ", 1)] if said else []


def proof(result: TurnResult, on_screen: str) -> tuple[bool, str]:
    """Compare a durable result with what was on screen; return whether it is the same, and the words."""
    durable = text_sha256(result.message.text)
    same = durable == result.sha256 == text_sha256(on_screen)
    if same or not on_screen:
        return True, f"✓ durable result, sha256 {durable[:16]}…" + (": the text on screen is it" if same else "")
    return False, f"✓ durable result, sha256 {durable[:16]}…: the screen was behind and now shows it"


def _in(at: float | None) -> str:
    return f"in {max(0.0, (at or 0.0) - time.time()):.1f} s"
