"""Where a column lies in a Parquet file, for tests that watch what is downloaded."""

from pathlib import Path

import pyarrow.parquet as pq


def bytes_of(shard: Path, column: str) -> tuple[int, int]:
    """First byte, and the byte after the last, of a column in a file of one row group."""
    group = pq.read_metadata(shard).row_group(0)
    every = [group.column(number) for number in range(group.num_columns)]
    chunks = [chunk for chunk in every if chunk.path_in_schema.split(".")[0] == column]
    starts = [chunk.dictionary_page_offset or chunk.data_page_offset for chunk in chunks]
    ends = [start + chunk.total_compressed_size for start, chunk in zip(starts, chunks, strict=True)]
    return min(starts), max(ends)
