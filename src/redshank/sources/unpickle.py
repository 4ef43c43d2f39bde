"""The child process that unpickles: ``python -m redshank.sources.unpickle FILE TARGET`` writes an Arrow file.

A pickle is a program. Here it may look up only the names of an allow-list: builders of arrays and tables, and plain
data types. Nothing in the list calls what it is given, opens files, imports, or reaches the attributes of objects.
"""

from __future__ import annotations

import pickle
import sys
from typing import Any

ALLOWED = {
    "builtins": {"bool", "bytearray", "bytes", "complex", "dict", "float", "frozenset", "int", "list", "set", "slice",
                 "str", "tuple"},
    "collections": {"OrderedDict", "defaultdict", "deque"},
    "copyreg": {"_reconstructor"},
    "datetime": {"date", "datetime", "time", "timedelta", "timezone"},
    "decimal": {"Decimal"},
    "zoneinfo": {"ZoneInfo", "ZoneInfo._unpickle"},
    "numpy": {"dtype", "ndarray"},
    "numpy.core.multiarray": {"_reconstruct", "scalar"},
    "numpy._core.multiarray": {"_reconstruct", "scalar"},
    "numpy.core.numeric": {"_frombuffer"},
    "numpy._core.numeric": {"_frombuffer"},
    "pandas": {"DataFrame", "Index", "MultiIndex", "Series", "Timestamp", "Timedelta", "Period", "RangeIndex",
               "DatetimeIndex", "StringDtype", "Categorical", "CategoricalDtype"},
    "pandas.arrays": {"DatetimeArray", "TimedeltaArray", "Categorical", "IntegerArray", "FloatingArray", "BooleanArray",
                      "StringArray", "ArrowStringArray", "NumpyExtensionArray"},
    "pandas.core.arrays.numpy_": {"NumpyExtensionArray"},
    "pyarrow.lib": {"_restore_array", "type_for_alias", "py_buffer", "chunked_array", "ChunkedArray", "large_string",
                    "string"},
    "pandas.core.frame": {"DataFrame"},
    "pandas.core.series": {"Series"},
    "pandas.core.indexes.base": {"Index", "_new_Index"},
    "pandas.core.indexes.range": {"RangeIndex"},
    "pandas.core.indexes.multi": {"MultiIndex"},
    "pandas.core.indexes.datetimes": {"DatetimeIndex", "_new_DatetimeIndex"},
    "pandas.core.indexes.timedeltas": {"TimedeltaIndex"},
    "pandas.core.internals.managers": {"BlockManager", "SingleBlockManager"},
    "pandas.core.internals.blocks": {"new_block"},
    "pandas._libs.internals": {"_unpickle_block", "BlockPlacement"},
    "pandas._libs.arrays": {"__pyx_unpickle_NDArrayBacked"},
    "pandas._libs.tslibs.timestamps": {"_unpickle_timestamp", "Timestamp"},
    "pandas._libs.tslibs.timedeltas": {"_timedelta_unpickle", "Timedelta"},
    "pandas._libs.tslibs.nattype": {"_nat_unpickle"},
    "pandas._libs.tslibs.offsets": {"Second", "Minute", "Hour", "Day", "Milli", "Micro", "Nano", "MonthEnd",
                                    "MonthBegin", "Week", "BusinessDay"},
    "pandas._libs.missing": {"NAType"},
    "pandas.core.arrays.datetimes": {"DatetimeArray"},
    "pandas.core.arrays.timedeltas": {"TimedeltaArray"},
    "pandas.core.arrays.categorical": {"Categorical"},
    "pandas.core.arrays.integer": {"IntegerArray", "Int64Dtype", "Int32Dtype"},
    "pandas.core.arrays.floating": {"FloatingArray", "Float64Dtype"},
    "pandas.core.arrays.boolean": {"BooleanArray", "BooleanDtype"},
    "pandas.core.arrays.string_": {"StringArray", "StringDtype"},
    "pandas.core.arrays.string_arrow": {"ArrowStringArray"},
    "pandas.core.dtypes.dtypes": {"CategoricalDtype", "DatetimeTZDtype"},
}  # fmt: skip
NUMPY_SCALARS = {"numpy": "bool_ int8 int16 int32 int64 uint8 uint16 uint32 uint64 float16 float32 float64 datetime64"}


class SafeUnpickler(pickle.Unpickler):
    """Looks up names in the allow-list only."""

    def find_class(self, module: str, name: str) -> Any:
        """Return an allowed name; UnpicklingError for any other."""
        if name not in ALLOWED.get(module, ()) and name not in NUMPY_SCALARS.get(module, "").split():
            raise pickle.UnpicklingError(f"it asks for {module}.{name}, which is not plain data")
        return super().find_class(module, name)

    def persistent_load(self, pid: Any) -> Any:
        """Refuse references to things outside the file."""
        raise pickle.UnpicklingError("it refers to things outside the file")


def main(source: str, target: str) -> int:
    """Unpickle ``source``, write it as an Arrow file, and return the exit code."""
    _limit_memory()
    from redshank.errors import RedshankError
    from redshank.tables.native import native_table

    try:
        with open(source, "rb") as file:
            found = SafeUnpickler(file).load()
        native_table(found).collect().write_ipc(target)
    except RedshankError as error:
        return _fail(str(error))
    except MemoryError:
        return _fail("it needs more memory than is allowed")
    except Exception as error:  # noqa: BLE001  a hostile file may raise anything; the child only reports it
        return _fail(f"{type(error).__name__}: {error}")
    return 0


def _fail(reason: str) -> int:
    sys.stderr.write(" ".join(reason.split())[:300] + "\n")
    return 1


def _limit_memory() -> None:
    try:
        import resource
    except ImportError:
        return
    from redshank.sources.pickles import MEMORY_BYTES

    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_AS, (limit, hard))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], sys.argv[2]))
