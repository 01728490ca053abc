"""Rows of a Parquet file. What the file says of its own size is checked before a page is unpacked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from typing import Any

from sure_math.problems.sources.encoded_text import InputError
from sure_math.problems.sources.limits import Limits, beyond

BATCH_ROWS = 256
BATCH_BYTES = 64 * 2**20
"""Of the largest column of a batch, if all rows are equally large."""
LARGE_BYTES, MOST_PACKED = 256 * 2**20, 1000
"""A column of a row group that has more bytes must not shrink by a larger factor: usual texts shrink by 2 to 20."""


def rows_per_batch(file: Any, name: str, limits: Limits, columns: Collection[str] | None = None) -> int:
    """Return how many rows are read at once, from what the file says of its columns.

    Args:
        file: a `pyarrow.parquet.ParquetFile`.
        columns: the columns that are read; None: all.

    Raises:
        InputError: a column is too large for its rows, or there are too many rows.
    """
    metadata = file.metadata
    if metadata.num_rows > limits.rows:
        raise beyond(name, f"has {metadata.num_rows:,} rows", metadata.num_rows, limits, "rows")
    rows = BATCH_ROWS
    for group in (metadata.row_group(number) for number in range(metadata.num_row_groups)):
        for column in (group.column(number) for number in range(group.num_columns)):
            if columns is not None and column.path_in_schema.partition(".")[0] not in columns:
                continue
            count, size = max(group.num_rows, 1), column.total_uncompressed_size
            where = f"{name}, column {column.path_in_schema[:60]}"
            if size > count * limits.row_characters:
                raise beyond(where, f"has {size // count:,} bytes a row", size // count + 1, limits, "row_characters")
            if column.num_values > count * limits.list_items:
                items = column.num_values // count
                raise beyond(where, f"has {items:,} items a row", items + 1, limits, "list_items")
            if size > LARGE_BYTES and size > MOST_PACKED * max(column.total_compressed_size, 1):
                raise InputError(
                    f"{where}: {column.total_compressed_size:,} bytes unpack to {size:,}, as in a file that is made to "
                    "fill the memory; leave the column out of the file, or write it again without compression"
                )
            rows = max(1, min(rows, BATCH_BYTES * count // max(size, 1)))
    return rows


def text_columns(schema: Any) -> list[str]:
    """Name the columns of texts. Read as dictionaries (`read_dictionary`), a text that stands in many rows is read
    once, and its length is seen before it is copied.
    """
    import pyarrow as pa

    return [field.name for field in schema if pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]


def small_parts(batch: Any) -> Iterator[Any]:
    """Cut a batch of rows so that the texts of a part have at most `BATCH_BYTES` if all rows have the longest ones."""
    longest = sum(_longest(column) for column in batch.columns)
    rows = max(1, BATCH_BYTES // max(longest, 1))
    for start in range(0, len(batch), rows):
        yield batch.slice(start, rows)


def refuse_long_texts(column: Any, where: str, name: str, limits: Limits) -> None:
    """Refuse a column of a batch with a text that is too long, before the texts become Python's.

    Raises:
        InputError: a text has more bytes than the limit has characters of four bytes.
    """
    longest = _longest(column)
    if longest > 4 * limits.text_characters:
        what = f"the column {name[:60]} holds a text of {longest:,} bytes"
        raise beyond(where, what, longest, limits, "text_characters")


def _longest(column: Any) -> int:
    import pyarrow as pa
    import pyarrow.compute as pc

    kind = column.type
    if pa.types.is_dictionary(kind):
        return _longest(column.dictionary)
    if pa.types.is_string(kind) or pa.types.is_large_string(kind):
        return pc.max(pc.binary_length(column)).as_py() or 0
    if pa.types.is_struct(kind):
        return max((_longest(column.field(number)) for number in range(kind.num_fields)), default=0)
    if pa.types.is_map(kind):
        return max(_longest(column.keys), _longest(column.items))
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _longest(column.flatten())
    return 0
