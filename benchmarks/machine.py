"""One line that says on what a benchmark ran."""

import os
import platform
from importlib.metadata import version


def describe(*packages: str) -> str:
    """Processor, usable cores, Python, and the versions of the named packages."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    libraries = ", ".join(f"{name} {version(name)}" for name in packages)
    return f"{platform.machine()}, {cores} cores, Python {platform.python_version()}, {libraries}"
