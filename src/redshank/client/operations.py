"""Methods that are written once and are blocking on a ``Client`` and awaited on an ``AsyncClient``.

A method under ``@operation`` returns the request to send, one under ``@script`` is a generator of several, one under
``@stream`` is a generator that also gives items. What they are on a group depends on how the group talks.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from functools import update_wrapper
from typing import Any, Concatenate, Generic, ParamSpec, TypeVar, overload

from redshank.client.asynchronous import Asynchronous
from redshank.client.blocking import Blocking
from redshank.client.request import Flow, Request, Steps

Mode = TypeVar("Mode", Blocking, Asynchronous)
Parameters = ParamSpec("Parameters")
Answer = TypeVar("Answer")


class Group(Generic[Mode]):
    """Methods that belong together, and what they talk to the server with."""

    def __init__(self, via: Mode) -> None:
        """Talk by ``via``."""
        self._via: Mode = via

    def __repr__(self) -> str:
        """Return the name and the server."""
        return f"<{type(self).__name__.lower()} of {self._via.url}>"


class operation(Generic[Parameters, Answer]):  # noqa: N801 - stands above methods as a decorator
    """A method that is one request."""

    def __init__(self, make: Callable[Concatenate[Any, Parameters], Request[Answer]]) -> None:
        """Keep what makes the request."""
        self._make = make
        self.__doc__, self.__name__ = make.__doc__, make.__name__

    @overload
    def __get__(self, group: Group[Blocking], owner: Any = None) -> Callable[Parameters, Answer]: ...
    @overload
    def __get__(self, group: Group[Asynchronous], owner: Any = None) -> Callable[Parameters, Awaitable[Answer]]: ...
    @overload
    def __get__(self, group: None, owner: Any = None) -> Any: ...
    def __get__(self, group: Any, owner: Any = None) -> Any:
        """Return the method of a group."""
        if group is None:
            return self
        return _called(self._make, lambda *given, **named: group._via.ask(self._make(group, *given, **named)))


class script(Generic[Parameters, Answer]):  # noqa: N801
    """A method that is several requests."""

    def __init__(self, make: Callable[Concatenate[Any, Parameters], Steps[Answer]]) -> None:
        """Keep what makes the steps."""
        self._make = make
        self.__doc__, self.__name__ = make.__doc__, make.__name__

    @overload
    def __get__(self, group: Group[Blocking], owner: Any = None) -> Callable[Parameters, Answer]: ...
    @overload
    def __get__(self, group: Group[Asynchronous], owner: Any = None) -> Callable[Parameters, Awaitable[Answer]]: ...
    @overload
    def __get__(self, group: None, owner: Any = None) -> Any: ...
    def __get__(self, group: Any, owner: Any = None) -> Any:
        """Return the method of a group."""
        if group is None:
            return self
        return _called(self._make, lambda *given, **named: group._via.follow(self._make(group, *given, **named)))


class stream(Generic[Parameters, Answer]):  # noqa: N801
    """A method that gives one item after the other."""

    def __init__(self, make: Callable[Concatenate[Any, Parameters], Flow[Answer]]) -> None:
        """Keep what makes the steps and gives the items."""
        self._make = make
        self.__doc__, self.__name__ = make.__doc__, make.__name__

    @overload
    def __get__(self, group: Group[Blocking], owner: Any = None) -> Callable[Parameters, Iterator[Answer]]: ...
    @overload
    def __get__(self, group: Group[Asynchronous], owner: Any = None) -> Callable[Parameters, AsyncIterator[Answer]]: ...
    @overload
    def __get__(self, group: None, owner: Any = None) -> Any: ...
    def __get__(self, group: Any, owner: Any = None) -> Any:
        """Return the method of a group."""
        if group is None:
            return self
        return _called(self._make, lambda *given, **named: group._via.items(self._make(group, *given, **named)))


def _called(make: Callable[..., Any], call: Callable[..., Any]) -> Callable[..., Any]:
    """The call with name and docstring of the method as it was written."""
    return update_wrapper(call, make)
