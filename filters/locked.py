"""The settings that close a DuckDB connection.

They are set after the data is registered: from then on the connection opens no file, loads no extension, sees
no Python variable, writes no temporary file, and cannot be opened again.
"""

from __future__ import annotations

import duckdb

LOCKED = (
    "SET python_enable_replacements = false",
    "SET temp_directory = ''",
    "SET autoinstall_known_extensions = false",
    "SET autoload_known_extensions = false",
    "SET allow_community_extensions = false",
    "SET enable_external_access = false",
    "SET disabled_filesystems = 'LocalFileSystem'",
    "SET lock_configuration = true",
)


def lock(connection: duckdb.DuckDBPyConnection) -> None:
    """Close the connection; what is registered stays readable."""
    for setting in LOCKED:
        connection.execute(setting)
