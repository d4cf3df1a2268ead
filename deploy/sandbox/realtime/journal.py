"""What the fake providers were sent, and what became of each connection: for tests to look at."""

from dataclasses import dataclass, field

from pydantic import JsonValue

JsonObject = dict[str, JsonValue]


@dataclass
class ConnectionRecord:
    """One connection, from its handshake on.

    Attributes:
        number: Its place among the server's connections, from 0.
        session: The number of the session it belongs to: what one API key does, over all its connections.
        wire: Which provider it is spoken to as.
        received: The client's messages in order; sound in them is replaced by its size, as in "<640 bytes>".
        audio: The sound the client sent, all together, as PCM16.
        tool_results: What the client gave as results, by call id; more than one entry is a result sent twice.
        handles_given: The handles with which another connection could go on.
        handle_used: The handle with which this one went on, or tried to.
        sent: How many messages went to the client.
        closed: The close code as the socket has it; 1006 where there was no closing handshake, None while it is open.
        close_reason: The words that came with it.
        kept: Whether messages and sound are kept at all; the rest always is.
    """

    number: int
    session: int
    wire: str
    kept: bool = True
    received: list[JsonObject] = field(default_factory=list)
    audio: bytearray = field(default_factory=bytearray)
    tool_results: dict[str, list[JsonValue]] = field(default_factory=dict)
    handles_given: list[str] = field(default_factory=list)
    handle_used: str | None = None
    sent: int = 0
    closed: int | None = None
    close_reason: str = ""

    def took(self, message: JsonObject) -> None:
        """Records a message of the client; the wire has put sizes in the place of sound."""
        if self.kept:
            self.received.append(message)

    def heard(self, sound: bytes) -> None:
        """Records sound of the client."""
        if self.kept:
            self.audio += sound

    def result(self, call_id: str, output: JsonValue) -> None:
        """Records the result of a tool call."""
        self.tool_results.setdefault(call_id, []).append(output)


@dataclass
class Journal:
    """All connections of one server, oldest first.

    Attributes:
        connections: One record each, the refused handshakes not among them.
        refused: The HTTP status of each refused handshake.
        failures: What the fake itself did wrong; `serve` raises them in the end.
        kept: Whether the connections' messages and sound are kept; a long demo would fill the memory with them.
    """

    kept: bool = True
    connections: list[ConnectionRecord] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)
    failures: list[Exception] = field(default_factory=list)

    def open(self, session: int, wire: str) -> ConnectionRecord:
        """Adds a connection."""
        record = ConnectionRecord(len(self.connections), session, wire, self.kept)
        self.connections.append(record)
        return record

    @property
    def received(self) -> list[JsonObject]:
        """The messages of all connections, one connection after the other."""
        return [message for record in self.connections for message in record.received]

    @property
    def audio(self) -> bytes:
        """The sound of all connections, one connection after the other."""
        return b"".join(record.audio for record in self.connections)

    @property
    def tool_results(self) -> dict[str, list[JsonValue]]:
        """The results given on all connections, by call id."""
        found: dict[str, list[JsonValue]] = {}
        for record in self.connections:
            for call_id, outputs in record.tool_results.items():
                found.setdefault(call_id, []).extend(outputs)
        return found
