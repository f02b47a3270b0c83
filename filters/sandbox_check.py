"""Whether SQL only reads the relations that it is given: the statement's type and every node of its tree.

The type alone does not tell: DuckDB counts `WITH x AS (COPY … TO 'file') SELECT 1` among the SELECTs. So the
tree is read as DuckDB's own parser made it (`json_serialize_sql`), and what is not known to be harmless is
refused: kinds of query and of FROM item, table functions, and functions that do more than compute. The closed
connection (`locked`) would refuse most of it again.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Iterator
from typing import Any

import duckdb

from ..builder.errors import InputError, Problem, unknown

Node = dict[str, Any]

QUERIES = frozenset({"SELECT_NODE", "SET_OPERATION_NODE", "RECURSIVE_CTE_NODE", "CTE_NODE"})
SOURCES = frozenset(
    {"BASE_TABLE", "SUBQUERY", "JOIN", "TABLE_FUNCTION", "EMPTY", "EXPRESSION_LIST", "PIVOT", "SHOW_REF"}
)
SHOWN = frozenset({"DESCRIBE", "SUMMARY"})
TABLE_FUNCTIONS = frozenset({"range", "generate_series", "unnest", "json_each", "json_tree", "repeat_row"})
VOLATILE_BUT_HARMLESS = frozenset(
    {"random", "setseed", "uuid", "uuidv4", "uuidv7", "gen_random_uuid", "error"}
)
"""Of the functions that are not functions of their arguments, those that touch nothing."""
FORBIDDEN = frozenset(
    {"current_setting", "getenv", "getvariable", "pg_sleep", "write_log", "variant_bytes_to_variant"}
    | {"finalize", "combine", "to_aggregate_state", "json_serialize_plan"}
)
"""Scalar functions that read settings, wait, plan other SQL, or take raw bytes for the engine's own state."""

_READS_ONLY = "Write SELECT, FROM, WITH, VALUES, DESCRIBE or SUMMARIZE."
_OUT_OF_REACH = "Files, catalogs and settings are out of reach."


def check(connection: duckdb.DuckDBPyConnection, sql: str, relations: Collection[str]) -> None:
    """Refuse all but one query that reads only these relations.

    Raises:
        InputError: the rule that it breaks.
        duckdb.Error: it is no SQL.
    """
    _check_statement(connection, sql)
    nodes = list(_nodes(_tree(connection, sql)))
    named = _named_queries(connection, nodes) | {name.lower() for name in relations}
    effects = FORBIDDEN | (_more_than_computing(connection) - VOLATILE_BUT_HARMLESS)
    for node in nodes:
        _check_kind(node)
        _check_function(node, effects)
        if node.get("type") == "BASE_TABLE":
            _check_table(node, named, relations)


def _check_statement(connection: duckdb.DuckDBPyConnection, sql: str) -> None:
    kinds = [statement.type.name for statement in connection.extract_statements(sql)]
    if kinds == ["MULTI"]:
        fix = "A PIVOT names its values: PIVOT … ON column IN ('a', 'b') USING …"
        raise _refused("must be a single statement", "PIVOT without IN", fix)
    if len(kinds) != 1:
        raise _refused("must be a single statement", f"{len(kinds)} of them", _READS_ONLY)
    if kinds != ["SELECT"]:
        raise _refused("must only read", kinds[0], _READS_ONLY)


def _tree(connection: duckdb.DuckDBPyConnection, sql: str) -> Node:
    (text,) = connection.execute("SELECT json_serialize_sql(?)", [sql]).fetchall()[0]
    try:
        tree: Node = json.loads(text)
    except RecursionError:
        raise _refused("must be nested less deeply", sql, "Split it with WITH.") from None
    if tree["error"]:
        raise _refused("must only read", tree.get("error_message"), _READS_ONLY)
    return tree


def _nodes(tree: Node) -> Iterator[Node]:
    waiting: list[Any] = [tree]
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict):
            yield value
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)


def _named_queries(connection: duckdb.DuckDBPyConnection, nodes: Collection[Node]) -> set[str]:
    """Names given by WITH; none may hide that a catalog of the engine is meant elsewhere in the query."""
    names = {entry["key"].lower() for node in nodes for entry in node.get("cte_map", {}).get("map", ())}
    views = "SELECT view_name FROM duckdb_views() WHERE internal AND schema_name <> 'information_schema'"
    if taken := names & {name for (name,) in connection.execute(views).fetchall()}:
        fix = "Give that part of the query another name."
        raise _refused("must not name a part of itself like a catalog", min(taken), fix)
    return names


def _more_than_computing(connection: duckdb.DuckDBPyConnection) -> set[str]:
    """Functions that are not functions of their arguments, and macros that read catalogs."""
    query = (
        "SELECT DISTINCT function_name FROM duckdb_functions() "
        "WHERE stability = 'VOLATILE' OR (function_type = 'macro' AND macro_definition ILIKE '%FROM %')"
    )
    return {name.lower() for (name,) in connection.execute(query).fetchall()}


def _check_kind(node: Node) -> None:
    kind = node.get("type")
    if "info_type" in node or (isinstance(kind, str) and kind.endswith("_NODE") and kind not in QUERIES):
        raise _refused("must only read", node.get("info_type", kind), _READS_ONLY)
    if "sample" in node and "class" not in node and kind not in SOURCES | QUERIES:
        raise _refused("must read the dataset's tables", kind, _OUT_OF_REACH)
    if kind == "SHOW_REF" and node["show_type"] not in SHOWN and node["table_name"] != '"tables"':
        raise _refused("may only SHOW TABLES or DESCRIBE", node["table_name"], "Write DESCRIBE rows.")


def _check_function(node: Node, effects: Collection[str]) -> None:
    if node.get("type") == "TABLE_FUNCTION":
        name = str(node["function"].get("function_name", "")).lower()
        if name not in TABLE_FUNCTIONS:
            rule = f"must be one of {', '.join(sorted(TABLE_FUNCTIONS))} in FROM"
            raise InputError(str(Problem("function", rule, name, _OUT_OF_REACH)))
    name = str(node.get("function_name", "")).lower()
    if name in effects or name.startswith("__internal"):
        raise InputError(str(Problem("function", "must only compute", name, _OUT_OF_REACH)))


def _check_table(node: Node, named: Collection[str], relations: Collection[str]) -> None:
    name, schema = node["table_name"], node["schema_name"].lower()
    if schema not in ("", "main") or node["catalog_name"].lower() not in ("", "memory"):
        full = ".".join(part for part in (node["catalog_name"], node["schema_name"], name) if part)
        raise InputError(str(Problem("table", "must be one of the dataset's", full, _OUT_OF_REACH)))
    if name.lower() not in named:
        raise InputError(f"{unknown('table', name, relations)} {_OUT_OF_REACH}")


def _refused(rule: str, value: object, fix: str) -> InputError:
    return InputError(str(Problem("sql", rule, value, fix)))
