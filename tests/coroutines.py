"""Coroutines in tests."""

import asyncio
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

T = TypeVar("T")


def run_in_thread(coroutine: Coroutine[object, object, T]) -> T:
    """What a coroutine returns. It has a thread of its own, for in the tests' own one the browser's event loop runs."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(asyncio.run, coroutine).result()
