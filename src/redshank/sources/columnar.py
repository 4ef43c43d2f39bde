"""Parquet, Arrow (Feather) and workbooks: tables that know their types."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import polars as pl

from redshank.errors import ConfigError, SourceError, did_you_mean
from redshank.sources.base import Query
from redshank.sources.content import Content
from redshank.tables.raw import RawTable

PARQUET = (".parquet", ".pq")
ARROW = (".arrow", ".feather", ".ipc")
EXCEL = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")


def parquet(content: Content) -> RawTable:
    """Return a Parquet file, read in a stream of the columns that are needed."""
    where = f"parquet {content.name}"
    with content.path.open("rb") as file:
        file.seek(0, 2)
        file.seek(max(0, file.tell() - 4))
        if file.read(4) != b"PAR1":
            raise SourceError(f"{where}: is cut in the middle: its index at the end is missing, so nothing can be read")
    with _read(where):
        frame = pl.scan_parquet(content.path, glob=False)
        return _table(where, content, frame)


def arrow(content: Content) -> RawTable:
    """Return an Arrow or Feather file."""
    where = f"arrow {content.name}"
    with _read(where):
        if content.head(6) == b"ARROW1":
            return _table(where, content, pl.scan_ipc(content.path, glob=False))
        return _table(where, content, pl.read_ipc_stream(content.path).lazy())


def excel(content: Content, query: Query) -> RawTable:
    """Return a sheet of a workbook: the one asked for, else the first with rows."""
    where = f"excel {content.name}"
    import fastexcel

    try:
        book = fastexcel.read_excel(str(content.path))
    except fastexcel.FastExcelError as error:
        raise SourceError(f"{where}: cannot be read: {_first_line(error)}") from error
    names = list(book.sheet_names)
    if query.sheet is not None and query.sheet not in names:
        raise ConfigError(f"{where}: {did_you_mean('sheet', query.sheet, names)}", field="sheet")
    for name in [query.sheet] if query.sheet is not None else names:
        try:
            sheet = book.load_sheet(name, header_row=None, dtypes="string")
            table = _with_types(book, name, sheet.to_polars())
        except (fastexcel.FastExcelError, pl.exceptions.PolarsError) as error:
            raise SourceError(f"{where}: sheet {name!r} cannot be read: {_first_line(error)}") from error
        if table is not None and len(table):
            raw = _table(where, content, table.lazy())
            raw.first_line = 2
            if len(names) > 1:
                raw.notes.append(f"sheet {name!r} of {len(names)} read (--sheet sets it)")
            return raw
    raise SourceError(f"{where}: must hold a sheet with rows, got none")


def _with_types(book: object, name: str | None, texts: pl.DataFrame) -> pl.DataFrame | None:
    """The sheet from its header on: the first row with as many filled cells as the table is wide."""
    import fastexcel

    assert isinstance(book, fastexcel.ExcelReader)
    assert name is not None
    if texts.is_empty():
        return None
    filled = texts.select(pl.sum_horizontal(pl.all().is_not_null())).to_series()
    widest = int(filled.head(50).max() or 0)  # type: ignore[arg-type]
    header = int((filled >= widest).arg_max() or 0)
    table: pl.DataFrame = book.load_sheet(name, header_row=header).to_polars()
    return table.filter(~pl.all_horizontal(pl.all().is_null())) if table.width else None


def _table(where: str, content: Content, frame: pl.LazyFrame) -> RawTable:
    return RawTable(where=where, frame=flattened(frame), label=content.label, notes=list(content.notes))


def flattened(frame: pl.LazyFrame) -> pl.LazyFrame:
    """Return the frame with fields of records as columns, named by their dotted paths; lists are left out."""
    while True:
        schema = frame.collect_schema()
        if not any(isinstance(dtype, pl.Struct) for dtype in schema.values()):
            break
        columns = []
        for name, dtype in schema.items():
            if isinstance(dtype, pl.Struct):
                columns += [pl.col(name).struct.field(f.name).alias(f"{name}.{f.name}") for f in dtype.fields]
            else:
                columns.append(pl.col(name))
        frame = frame.select(columns)
    plain = [name for name, dtype in schema.items() if not dtype.is_nested() and dtype not in (pl.Binary, pl.Object)]
    return frame.select(plain)


@contextmanager
def _read(where: str) -> Iterator[None]:
    try:
        yield
    except (pl.exceptions.PolarsError, OSError) as error:
        raise SourceError(f"{where}: cannot be read: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
