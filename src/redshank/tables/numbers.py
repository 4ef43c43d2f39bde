"""Numbers written as text: decimal comma, thousands separators, per cent, and the marks of a missing value."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import polars as pl

_MISSING = """
    NA na N/A n/a NaN nan NAN NULL null Null None none NONE - -- --- ? #N/A #NA . nil Nil NIL missing Missing
    undefined <NA> #NULL! #DIV/0! #VALUE! #REF! (null) \\N n.a. N.A. n/d N/D ND nd * .. ... \u2014 \u2013 k.A. s/d
"""
MISSING = tuple(_MISSING.split())
_SPACES = r"\s\u00a0\u202f'\u2019_"
_PADDING = " \t\u00a0$€£¥₹₽₩"  # around numbers: spaces and currencies
_MONEY = r"(?:[$€£¥₹₽₩]|(?:R|US|A|C|NZ|HK)\$|USD|EUR|GBP|JPY|CHF|SEK|NOK|DKK|PLN|CZK|INR|BRL|CNY|AUD|CAD|Fr\.|kr\.?|zł)"
_UNIT = (
    r"(?:[numkMGTµ]?(?:s|B|b|g|V|A|W|Hz|Pa|m|l|L|Wh|bit)|[KMGT]iB|min|ms|h|d|°|°C|°F|°K|[kMG]bps|hPa|bar|mbar|ppm|ppb|dB"
    r"|dBm|rpm|km/h|m/s|mph|lux|lx|req/s|IOPS|cm|mm|%)"
)
_AFFIXED = (
    rf"^[-+\u2212(]?\s*(?:{_MONEY}\s*)?[-+\u2212]?[\d.,][\d.,\s'\u2019\u00a0\u202f]*(?:[eE][-+]?\d+)?\s*{{0}}\)?$"
)
_SHAPES = {  # thousands and decimal mark -> what such a number looks like
    (",", "."): r"^\s*[-+]?\d{1,3}(?:,\d{2,3})*,\d{3}(?:\.\d*)?\s*$",
    (".", ","): r"^\s*[-+]?\d{1,3}(?:\.\d{3})+(?:,\d*)?\s*$",
    (" ", "."): rf"^\s*[-+]?\d{{1,3}}(?:[{_SPACES}]\d{{3}})+(?:\.\d*)?\s*$",
    (" ", ","): rf"^\s*[-+]?\d{{1,3}}(?:[{_SPACES}]\d{{3}})+(?:,\d*)?\s*$",
    ("", ","): r"^\s*[-+]?(?:\d+,\d*|,\d+)(?:[eE][-+]?\d+)?\s*$",
}
_TRUE, _FALSE = ("true", "yes", "on"), ("false", "no", "off")
READABLE = 0.9  # share of the values of a column that must be numbers


@dataclass(frozen=True)
class NumberStyle:
    """How the numbers of one column are written; ``thousands`` " " stands for any space, apostrophe or underscore."""

    thousands: str = ""
    decimal: str = "."
    is_padded: bool = False
    is_percent: bool = False
    is_flag: bool = False
    unit: str = ""
    is_affixed: bool = False

    def values(self, column: pl.Expr) -> pl.Expr:
        """Return float64 of a text column; null when missing or not a number."""
        if self.is_flag:
            text = column.str.strip_chars().str.to_lowercase()
            return pl.when(text.is_in(_TRUE)).then(1.0).when(text.is_in(_FALSE)).then(0.0).otherwise(None)
        if self.is_affixed:
            column = _bare(column, self.unit)
        if self.is_padded or self.is_percent:
            column = column.str.strip_chars(_PADDING).str.strip_chars_end("%").str.strip_chars_end()
        if self.thousands == " ":
            column = column.str.replace_all(rf"[{_SPACES}]", "")
        elif self.thousands:
            column = column.str.replace_all(self.thousands, "", literal=True)
        if self.decimal == ",":
            column = column.str.replace(",", ".", literal=True)
        return column.cast(pl.Float64, strict=False)

    def __str__(self) -> str:
        marks = f"decimal {self.decimal!r}" + (f", thousands {self.thousands!r}" if self.thousands else "")
        if self.is_flag:
            return "yes/no as 1/0"
        return marks + (", per cent" if self.is_percent else "") + (f", unit {self.unit}" if self.unit else "")


def _bare(column: pl.Expr, unit: str) -> pl.Expr:
    """Text without the signs of money, the unit and accounting brackets, with a plain minus in front."""
    column = column.str.strip_chars().str.replace("\u2212", "-", literal=True)
    column = column.str.replace(r"^\((.+)\)$", "-$1")
    if unit:
        column = column.str.strip_suffix(unit)
    return column.str.replace(rf"^([-+]?)\s*{_MONEY}\s*", "$1").str.replace(rf"\s*{_MONEY}$", "").str.strip_chars()


def _affixes(texts: pl.Series) -> str | None:
    """The unit behind all numbers, "" for none; None when the texts are not numbers with such things around them.

    A unit must be the same everywhere: 5 MB and 5 GB are not to be compared as 5 and 5.
    """
    if bool(texts.str.contains(_AFFIXED.format(rf"(?:{_MONEY})?")).all()):
        return ""
    if not bool(texts.str.contains(_AFFIXED.format(_UNIT)).all()):
        return None
    units = texts.str.extract(rf"({_UNIT})\)?$", 1).unique().to_list()
    return str(units[0]) if len(units) == 1 and units[0] else None


def is_missing(column: pl.Expr) -> pl.Expr:
    """Whether a text stands for no value."""
    return column.is_null() | column.is_in(MISSING) | (column.str.strip_chars() == "")


def decimal_mark(columns: Iterable[pl.Series], separator: str | None) -> str | None:
    """Return the decimal mark that settles numbers such as 1,234 in all columns; None when nothing settles it.

    A column with 0,5 or 1.234,5 settles for the comma, one with 1,234.5 or 12.5 for the point; a file separated by
    semicolons has a decimal comma when nothing says otherwise.
    """
    comma = point = any_comma = False
    for column in columns:
        texts = column.drop_nulls()
        any_comma |= bool(texts.str.contains(r"\d,\d").any())
        alone = texts.str.contains(_SHAPES["", ","])
        comma |= bool((alone & ~texts.str.contains(_SHAPES[",", "."])).any())
        comma |= bool(texts.str.contains(r"^\s*[-+]?\d{1,3}(?:\.\d{3})+,\d+\s*$").any())
        point |= bool(texts.str.contains(r"^\s*[-+]?\d[\d,]*\.(?:\d{1,2}|\d{4,})\s*$").any())
    if comma != point:
        return "," if comma else "."
    return "," if separator == ";" and any_comma and not point else None


def number_style(texts: pl.Series, decimal: str | None, *, readable: float = READABLE) -> NumberStyle | None:
    """Return how the numbers of a text column are written, from a sample; None when it holds no numbers."""
    texts = texts.filter(~pl.select(is_missing(pl.lit(texts))).to_series()) if len(texts) else texts
    if texts.is_empty():
        return None
    if decimal is None and not texts.cast(pl.Float64, strict=False).has_nulls():
        return NumberStyle()
    is_percent = bool(texts.str.strip_chars_end().str.ends_with("%").all())
    unit = None if is_percent else _affixes(texts)
    if unit is not None:
        bare = pl.select(_bare(pl.lit(texts), unit)).to_series()
        inner = None if bool((bare == texts).all()) else number_style(bare, decimal, readable=readable)
        if inner and not inner.is_flag:
            return replace(inner, unit=unit, is_affixed=True)
    is_padded = bool((texts.str.strip_chars(_PADDING) != texts).any())
    best: tuple[float, NumberStyle] | None = None
    for style in _candidates(texts, decimal, is_padded=is_padded, is_percent=is_percent):
        values = pl.select(style.values(pl.lit(texts))).to_series()
        share = float(values.is_not_null().mean() or 0.0)  # type: ignore[arg-type]
        if best is None or share > best[0]:
            best = (share, style)
    return best[1] if best and best[0] >= readable and best[0] > 0 else None


def _candidates(texts: pl.Series, decimal: str | None, *, is_padded: bool, is_percent: bool) -> list[NumberStyle]:
    """The styles worth a try, the likeliest first."""
    bare = texts.str.strip_chars(_PADDING).str.strip_chars_end("%").str.strip_chars_end()
    found = []
    for (thousands, mark), shape in _SHAPES.items():
        if (decimal is None or decimal == mark) and bool(bare.str.contains(shape).any()):
            found.append(NumberStyle(thousands, mark, is_padded, is_percent))
    plain = NumberStyle("", ".", is_padded, is_percent)
    if decimal == ",":
        dotted = any(style.thousands == "." for style in found)
        return [*([NumberStyle(".", ",", is_padded, is_percent)] if dotted else []), *found, plain, _flags()]
    return [plain, *found, _flags()]


def _flags() -> NumberStyle:
    return NumberStyle(is_flag=True)
