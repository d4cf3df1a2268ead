"""A message of a provider, in a text frame or a binary one, as the JSON object that it has to be. Pure."""

from streaming.duplex.errors import NotTheWireError
from streaming.errors import NotTheWire
from streaming.jsontext import JsonObject, loads


def object_of(message: str | bytes) -> JsonObject:
    """Return a message as an object.

    Raises:
        NotTheWireError: it is none.
    """
    try:
        value = loads(message.encode("utf-8", "surrogatepass") if isinstance(message, str) else message)
    except NotTheWire as error:
        raise NotTheWireError(str(error)) from None
    if not isinstance(value, dict):
        raise NotTheWireError("a message is not a JSON object")
    return value
