"""Go through the steps of a longer method, whoever does them."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from redshank.client.request import Give, Step

Answer = TypeVar("Answer")


@dataclass
class Walk(Generic[Answer]):
    """Where a longer method stands. ``next`` gives the step to do; then ``tell`` what came of it, or ``fail``."""

    steps: Generator[Any, Any, Any]
    result: Any = None
    open: list[Any] = field(default_factory=list)  # streams that are to be closed in the end
    _answer: Any = None
    _trouble: BaseException | None = None

    def next(self) -> Step | Give[Answer] | None:
        """Return the next step; None at the end, when ``result`` is what the method returns."""
        answer, trouble = self._answer, self._trouble
        self._answer = self._trouble = None
        try:
            step: Step | Give[Answer] = self.steps.send(answer) if trouble is None else self.steps.throw(trouble)
        except StopIteration as end:
            self.result = end.value
            return None
        return step

    def tell(self, answer: Any) -> None:
        """Say what came of the step."""
        self._answer = answer

    def fail(self, trouble: BaseException) -> None:
        """Raise an error where the step stands."""
        self._trouble = trouble
