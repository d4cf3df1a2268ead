"""Bidirectional (voice) sessions: elements, state machine and wires; no I/O but in `aio`."""

from streaming.duplex.elements import StreamElement
from streaming.duplex.errors import EmptyResponseError, PartialSampleError, SessionEndedError, SlowConsumerError
from streaming.duplex.pacing import DEFAULT_CHUNK_INTERVAL_MS, DEFAULT_CHUNK_SIZE, DEFAULT_SAMPLE_RATE
from streaming.duplex.responses import ResponseAction, process_response_element
from streaming.duplex.tools import ToolExecutionResult, ToolExecutor, build_tool_response_element

__all__ = [
    "DEFAULT_CHUNK_INTERVAL_MS",
    "DEFAULT_CHUNK_SIZE",
    "DEFAULT_SAMPLE_RATE",
    "EmptyResponseError",
    "PartialSampleError",
    "ResponseAction",
    "SessionEndedError",
    "SlowConsumerError",
    "StreamElement",
    "ToolExecutionResult",
    "ToolExecutor",
    "build_tool_response_element",
    "process_response_element",
]
