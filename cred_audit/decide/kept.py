"""Remember what was made of the last value: one audit asks about the same facts again and again."""

from collections.abc import Callable
from functools import wraps
from typing import TypeVar

Given = TypeVar("Given")
Made = TypeVar("Made")


def of_the_last(make: Callable[[Given], Made]) -> Callable[[Given], Made]:
    """Return a function that keeps its result for the value that it was last called with.

    The value is known by identity: facts hold mappings, so they have no hash, and comparing them takes long.
    """
    kept: list[tuple[Given, Made]] = []

    @wraps(make)
    def made(value: Given) -> Made:
        for known, result in kept:
            if known is value:
                return result
        result = make(value)
        kept[:] = [(value, result)]
        return result

    return made
