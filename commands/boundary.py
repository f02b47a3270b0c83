"""Where a failure becomes one message and an exit code (see `builder.errors` for the codes)."""

from __future__ import annotations

import errno
import sys
import tomllib
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Any, cast

import orjson
from cyclopts import App, ArgumentCollection
from cyclopts.config import Dict
from rich.console import Console
from rich.markup import escape

from ..builder.errors import ConfigError, Problem, StorageError, TrajsetError

INTERRUPTED = 130
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_IN_THE_WAY = (errno.ENOTDIR, errno.EISDIR, errno.EEXIST, errno.ENAMETOOLONG)
_STORAGE = (*_FULL, *_IN_THE_WAY, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO)
_errors = Console(stderr=True, highlight=False, emoji=False)  # START:END:STEP holds no emoji


def guarded(command: Callable[[], object], *, debug: bool) -> int:
    """Run a command; its exit code. What is neither the user's nor a server's fault goes through."""
    try:
        command()
    except TrajsetError as error:
        return _fail(error, error.exit_code, debug)
    except OSError as error:
        if error.errno not in _STORAGE:
            raise
        return _fail(_storage(error), StorageError.exit_code, debug)
    except KeyboardInterrupt:
        _errors.print("Interrupted. What was finished is kept.")
        return INTERRUPTED
    return 0


def _storage(error: OSError) -> StorageError:
    """What the disk refused where no stage said so itself."""
    fix = "Free space." if error.errno in _FULL else "Mend its rights, or name another place."
    problem = Problem(error.filename or "disk", "must be readable and writable", error.strerror, fix)
    wrapped = StorageError(str(problem))
    wrapped.__cause__ = error
    return wrapped


def options_from(path: Path) -> Callable[..., None]:
    """A TOML file as a source of options for whichever command runs; what it does not know is an error.

    cyclopts' own reader of flat files leaves out keys that are also names of commands (`index`, `world`).

    Raises:
        ConfigError: it cannot be read, or is no TOML.
    """
    return options_in(_read_toml(path), str(path))


def options_in(values: dict[str, Any], source: str) -> Callable[..., None]:
    """Values by option name as a source of options for whichever command runs."""

    def fill(app: App, commands: tuple[str, ...], arguments: ArgumentCollection) -> None:
        nested: dict[str, Any] = {name: _as_text(value) for name, value in values.items()}
        for command in reversed(commands):
            nested = {command: nested}
        Dict(nested, source=source)(app, commands, arguments)

    return fill


def _as_text(value: Any) -> Any:
    """Tables of tables as JSON (`eval.tables` reads them); any other value as it is."""
    tables = cast("dict[str, Any]", value) if isinstance(value, dict) else {}
    nested = bool(tables) and all(isinstance(table, dict) for table in tables.values())
    return orjson.dumps(tables).decode() if nested else value


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        rule = f"must name a TOML file that can be read ({error.strerror})"
        raise ConfigError(str(Problem("--config", rule, str(path), "Check the path."))) from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(
            str(Problem("--config", f"must be TOML ({error})", str(path), "Mend the file."))
        ) from error


def _fail(error: Exception, exit_code: int, debug: bool) -> int:
    if debug:
        traceback.print_exception(error)
    else:
        _say(str(error))
    return exit_code


def _say(text: str) -> None:
    _errors.print(f"[bold red]error:[/] {escape(text)}", soft_wrap=True)


def plain_warning(
    message: Warning | str, category: type[Warning], filename: str, lineno: int, line: str | None = None
) -> str:
    """A warning as one line for a user (`warnings.formatwarning`), without the place in the code."""
    return f"warning: {message}\n"


def report_bug(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
    """The last resort (`sys.excepthook`): a bug of trajset, without traceback unless --debug is given."""
    if "--debug" in sys.argv:
        sys.__excepthook__(kind, error, trace)
    else:
        _say(f"a bug in trajset: {kind.__name__}: {error}. Please report it with the output of --debug.")
