"""What is watched: a column and how the rows of a step become one value, or arithmetic over such values."""

from __future__ import annotations

from typing import Any

from pydantic import Field, field_validator, model_validator

from redshank.errors import ConfigError
from redshank.sources.base import read_aggregation
from redshank.specs.base import Spec
from redshank.specs.expression import MOST_CHARACTERS, Expression, Input


class MeasureSpec(Spec):
    """One value to watch: a column and how the rows of a step become one value, or an expression over measures.

    As a text: ``"cpu"``, ``"mean(cpu)"``, ``"count"``. ``expression``: such as ``"sum(errors) / sum(requests)"``.
    ``name``: of the series; None = the text.
    """

    column: str | None = Field(default=None, min_length=1)
    agg: str | None = None
    expression: str | None = Field(default=None, max_length=MOST_CHARACTERS)
    name: str | None = Field(default=None, min_length=1, max_length=200)

    @model_validator(mode="before")
    @classmethod
    def _of_text(cls, given: Any) -> Any:
        if not isinstance(given, str):
            return given
        agg, bracket, rest = given.partition("(")
        if bracket and rest.endswith(")"):
            return {"agg": agg.strip(), "column": rest[:-1].strip() or None}
        return {"agg": "count"} if given == "count" else {"column": given}

    @field_validator("agg")
    @classmethod
    def _known(cls, given: str | None) -> str | None:
        if given is not None:
            try:
                return read_aggregation(given)
            except ConfigError as error:
                raise ValueError(str(error).removeprefix("agg: ")) from None
        return given

    @field_validator("expression")
    @classmethod
    def _readable(cls, given: str | None) -> str | None:
        if given is not None:
            _inputs_of(given)
        return given

    @model_validator(mode="after")
    def _one_thing(self) -> MeasureSpec:
        if self.expression is not None and (self.column is not None or self.agg is not None):
            raise ValueError("an expression has no column or agg beside it; write agg(column) within")
        if self.expression is None and self.column is None and self.agg != "count":
            raise ValueError("must name a column, or be count")
        return self

    @property
    def title(self) -> str:
        """The name of its series."""
        return self.name or self.expression or str(Input(self.column, self.agg))

    @property
    def inputs(self) -> tuple[Input, ...]:
        """What it is made of, names of other measures not yet replaced."""
        if self.expression is None:
            return (Input(self.column, self.agg),)
        return Expression.parse(self.expression).inputs


def _inputs_of(text: str) -> None:
    """Raise ValueError when an expression or one of its aggregations is wrong."""
    try:
        for each in Expression.parse(text).inputs:
            if each.agg is not None:
                read_aggregation(each.agg)
    except ConfigError as error:
        raise ValueError(str(error).removeprefix("expression: ").removeprefix("agg: ")) from None
