"""What `docs/duplex.md` says there is: theirs, ours, and the tests."""

import re
from pathlib import Path

from streaming import duplex, messages
from streaming.duplex import aio, elements

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs/duplex.md").read_text()
NAMES = PAGE.split("## Names of")[1].split("## Try it")[0]
PLACES = (duplex, aio, elements, messages)

# All that the package's documentation declares, in its order.
THEIRS = """
    DefaultChunkSize DefaultSampleRate DefaultChunkIntervalMs ErrEmptyResponse ErrSessionEnded
    BuildToolResponseElement DrainStaleMessages ExecuteAndSend SendEndOfStream SendToolResults WaitForResponse
    AudioStreamer ChunkSize ChunkIntervalMs NewAudioStreamer SendChunk StreamBurst StreamRealtime
    ResponseAction ResponseActionContinue ResponseActionComplete ResponseActionError ResponseActionToolCalls
    ProcessResponseElement String ResponseCollector NewResponseCollector Start
    ResponseCollectorConfig ToolExecutor LogPrefix ToolExecutionResult ProviderResponses ResultMessages Execute
    tool_responses tool_result_messages inputChan outputChan responseDone logPrefix DuplexProviderStage
    StreamElement MessageToolCall ToolResponse Message
    ImageStreamer NewImageStreamer SendFrame SendFrameWithDimensions StreamFramesBurst StreamFramesRealtime
    DefaultImageQuality SendImageEndOfStream VideoStreamer NewVideoStreamer SendChunkWithDimensions StreamChunksBurst
    StreamChunksRealtime VideoChunk SendVideoEndOfStream StreamPump
"""


# Names of fields that stand for themselves, without their class.
FIELDS = {"input", "output", "tool_responses", "tool_result_messages"}


def column(number: int) -> str:
    """Return a column of the table of names."""
    return "\n".join(row.split("|")[number] for row in NAMES.splitlines() if row.startswith("| `"))


def test_each_of_their_names_is_there() -> None:
    """Whoever looks for one finds it in the first column, or why it is left out."""
    assert [
        name for name in THEIRS.split() if not re.search(rf"\b{name}\b", column(1)) and f"unused `{name}`" not in NAMES
    ] == []


def test_each_of_our_names_is_there() -> None:
    """What the second column names can be imported, or is a method or a value of what can."""
    ours = set(re.findall(r"`([A-Za-z_]+(?:\.[A-Za-z_]+)?)", column(2))) - FIELDS

    assert len(ours) > 40
    assert [name for name in sorted(ours) if not _is_there(*name.split("."))] == []


def _is_there(owner: str, *member: str) -> bool:
    found = [getattr(place, owner) for place in PLACES if hasattr(place, owner)]
    return bool(found) and all(hasattr(found[0], name) for name in member)


def test_each_test_that_is_named_is_there() -> None:
    """And each of the ten findings names one."""
    rows = [row for row in NAMES.splitlines() if re.match(r"\| D\d", row)]
    sources = "".join(path.read_text() for path in (ROOT / "tests/streaming/duplex").rglob("test_*.py"))
    missing = [name for row in rows for name in re.findall(r"`(test_\w+)`", row) if f"def {name}(" not in sources]

    assert [row.split("|")[1].strip() for row in rows] == [f"D{number}" for number in range(1, 11)]
    assert all("`test_" in row.split("|")[4] for row in rows)
    assert missing == []
