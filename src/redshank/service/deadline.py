"""Work that somebody else may never end: waited for only so long."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TypeVar

from redshank.errors import SourceError

Result = TypeVar("Result")


def within(seconds: float, work: Callable[[], Result], give_up: Callable[[], None], what: str) -> Result:
    """Return what ``work`` returns, or raise what it raises; SourceError when it takes longer.

    It runs in a thread of its own, that is left behind then; ``give_up`` is to make it end.
    """
    answer: list[Result] = []
    raised: list[BaseException] = []

    def worked() -> None:
        try:
            answer.append(work())
        except BaseException as error:  # noqa: BLE001 - raised again in the thread that waits
            raised.append(error)

    thread = threading.Thread(target=worked, name="redshank-look", daemon=True)
    thread.start()
    thread.join(seconds)
    if raised:
        raise raised[0]
    if not answer:
        give_up()
        raise SourceError(f"{what}: did not answer within {seconds:g} s")
    return answer[0]
