"""Hand events over to a sink: what it took, what it will never take, and what is to be tried again."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from redshank.errors import SinkError
from redshank.sinks.base import Notification, Sink
from redshank.store.records import Delivery

Tell = Callable[[Sequence[Delivery], Sink], Sequence[Notification]]


@dataclass
class Handed:
    """What became of deliveries: ``taken``, ``dead`` with the reason, or ``failed`` with ``error`` for now."""

    taken: list[Delivery] = field(default_factory=list)
    dead: list[tuple[Delivery, str]] = field(default_factory=list)
    failed: list[Delivery] = field(default_factory=list)
    error: Exception | None = None


def hand_over(sink: Sink, due: Sequence[Delivery], tell: Tell, progress: Callable[[], object] = lambda: None) -> Handed:
    """Deliver; events that the sink will never take are found by halving, and the others are delivered.

    ``progress`` is called before each call of the sink. What fails for now ends the work: the rest is ``failed``.
    """
    handed = Handed()
    waiting = [list(due)]
    while waiting:
        batch = waiting.pop()
        progress()
        try:
            sink.notify(tell(batch, sink))
        except SinkError as error:
            waiting += _rest(batch, error, handed)
        except Exception as error:  # noqa: BLE001 - whatever a sink raises must not end the deliveries
            _fail(batch, error, handed)
        else:
            handed.taken += batch
        if handed.error is not None:
            handed.failed += [delivery for part in reversed(waiting) for delivery in part]
            break
    return handed


def _rest(batch: list[Delivery], error: SinkError, handed: Handed) -> list[list[Delivery]]:
    """Note what is known of a batch; return the parts that are to be tried, the first last."""
    if error.refused:
        for delivery in batch:
            reason = error.refused.get(delivery.event.id)
            if reason is None:
                handed.taken.append(delivery)
            else:
                handed.dead.append((delivery, reason))
        return []
    handed.taken += batch[: error.delivered]
    rest = batch[error.delivered :]
    if not error.permanent:
        _fail(rest, error, handed)
        return []
    if len(rest) <= 1:
        handed.dead += [(delivery, str(error)) for delivery in rest]
        return []
    half = (len(rest) + 1) // 2
    return [rest[half:], rest[:half]]


def _fail(batch: list[Delivery], error: Exception, handed: Handed) -> None:
    handed.failed += batch
    handed.error = error
