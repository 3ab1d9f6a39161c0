"""What tests run in a thread of its own: in theirs is the event loop of the browser, which allows no other."""

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def in_thread(function: Callable[..., T], *args: object, **kwargs: object) -> T:
    """What a function returns."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(function, *args, **kwargs).result()


def run_in_thread(coroutine: Coroutine[object, object, T]) -> T:
    """What a coroutine returns, as `asyncio.run` does."""
    return in_thread(asyncio.run, coroutine)
