"""How much memory an element holds, about: what bounds on memory are counted in. Pure."""

from dataclasses import fields, is_dataclass
from operator import attrgetter
from sys import getsizeof

from pydantic import BaseModel

from streaming.duplex.elements import StreamElement

PLACE_BYTES = 128
"""An element's place in a queue, and what the allocator rounds up."""

_of_element = attrgetter(*(field.name for field in fields(StreamElement)))


def weight(element: StreamElement) -> int:
    """Return about how many bytes an element holds, and its place in a queue."""
    total = PLACE_BYTES + getsizeof(element)
    todo = [value for value in _of_element(element) if value]
    while todo:
        value = todo.pop()
        total += getsizeof(value)
        if not isinstance(value, str | bytes):
            todo.extend(_contents(value))
    return total


def _contents(value: object) -> list[object]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    if isinstance(value, list | tuple):
        return list(value)
    if is_dataclass(value):
        return [content for name in value.__dataclass_fields__ if (content := getattr(value, name))]
    return [vars(value)] if isinstance(value, BaseModel) else []
