"""The I/O corner of bidirectional sessions: collector, pacing, session runner."""

from streaming.duplex.aio.audio import AudioStreamer
from streaming.duplex.aio.channel import Channel, ElementReceiver, ElementSender
from streaming.duplex.aio.collector import ResponseCollector, ResponseCollectorConfig
from streaming.duplex.aio.images import ImageStreamer
from streaming.duplex.aio.pump import Pump
from streaming.duplex.aio.reconnects import Reconnects
from streaming.duplex.aio.sending import (
    execute_and_send,
    send_end_of_stream,
    send_image_end_of_stream,
    send_tool_results,
    send_video_end_of_stream,
)
from streaming.duplex.aio.session import RealtimeSession
from streaming.duplex.aio.videos import VideoChunk, VideoStreamer
from streaming.duplex.aio.waiting import Drained, EndedWhileDrainingError, drain_stale_messages, wait_for_response

__all__ = [
    "AudioStreamer",
    "Channel",
    "Drained",
    "ElementReceiver",
    "ElementSender",
    "EndedWhileDrainingError",
    "ImageStreamer",
    "Pump",
    "RealtimeSession",
    "Reconnects",
    "ResponseCollector",
    "ResponseCollectorConfig",
    "VideoChunk",
    "VideoStreamer",
    "drain_stale_messages",
    "execute_and_send",
    "send_end_of_stream",
    "send_image_end_of_stream",
    "send_tool_results",
    "send_video_end_of_stream",
    "wait_for_response",
]
