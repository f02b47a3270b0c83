"""The small files of a model that runs in this process: what it is, how it talks, which version it is.

No weights are read here, so a run can say what it will do before anything large is loaded.
"""

from __future__ import annotations

import hashlib
import importlib.util
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

import orjson
from huggingface_hub import snapshot_download

from ..errors import ConfigError, DataError, HubError, MissingExtraError, Problem
from ..hub_client import THE_HUB, hub_errors
from .families import Draw

EXTRA = "local"
_SMALL = ("*.json", "*.jinja", "tokenizer.model")
_TAIL = 1 << 20


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """A folder with a model's configuration and tokenizer. `place` is what its weights are loaded by."""

    folder: Path
    place: str
    revision: str

    @property
    def name(self) -> str:
        """What rows call the model: its name at the Hub, or the folder's own."""
        return self.folder.resolve().name if self.is_folder else self.place

    @property
    def is_folder(self) -> bool:
        """Whether the weights lie here too, and not at the Hub."""
        return self.place == str(self.folder)

    @property
    def model_type(self) -> str:
        """`model_type` of config.json, empty where there is none."""
        return str(self._json("config.json").get("model_type", ""))

    @property
    def template(self) -> str:
        """The text of the chat template, empty where there is none."""
        file = self.folder / "chat_template.jinja"
        if file.is_file():
            return file.read_text("utf-8")
        template = self._json("tokenizer_config.json").get("chat_template", "")
        return template if isinstance(template, str) else orjson.dumps(template).decode()

    @property
    def draw(self) -> Draw | None:
        """The sampling in generation_config.json, None where it names no temperature."""
        values = self._json("generation_config.json")
        if not isinstance(values.get("temperature"), int | float):
            return None
        return Draw(float(values["temperature"]), float(values.get("top_p", 1.0)), values.get("top_k"))

    def _json(self, name: str) -> dict[str, Any]:
        file = self.folder / name
        if not file.is_file():
            return {}
        try:
            return cast("dict[str, Any]", orjson.loads(file.read_bytes()))
        except orjson.JSONDecodeError as error:
            rule = f"must hold JSON in {name} ({error})"
            problem = Problem("teacher", rule, str(self.folder), "Get the file anew.")
            raise ConfigError(str(problem)) from error


def require_local(teacher: str) -> None:
    """Whether a model can run in this process.

    Raises:
        MissingExtraError: torch or transformers is not installed.
    """
    if any(importlib.util.find_spec(name) is None for name in ("torch", "transformers")):
        purpose = f"running {teacher} in this process (give --base-url for a model behind a server)"
        raise MissingExtraError(EXTRA, purpose)


def find_files(teacher: str, revision: str | None) -> ModelFiles:
    """The files of a model folder, or of a model at the Hub (its small ones are fetched into the cache).

    Raises:
        ConfigError: there is no such folder and no such model that can be fetched.
    """
    if Path(teacher).is_dir():
        return _of_folder(Path(teacher))
    try:
        with hub_errors(teacher):
            folder = Path(
                snapshot_download(
                    teacher, revision=revision, allow_patterns=list(_SMALL), endpoint=THE_HUB.endpoint
                )
            )
    except (HubError, DataError) as error:
        rule = f"must be a folder with a model or a model at the Hub ({error.__cause__ or error})"
        fix = "For a model behind a server give --base-url, such as http://127.0.0.1:8000/v1."
        raise ConfigError(str(Problem("teacher", rule, teacher, fix))) from error
    return ModelFiles(folder, teacher, folder.name)  # the cache names a snapshot's folder by its commit


def _of_folder(folder: Path) -> ModelFiles:
    if not (folder / "config.json").is_file():
        fix = "Name a folder that save_pretrained wrote, with the tokenizer in it."
        raise ConfigError(str(Problem("teacher", "must hold a config.json", str(folder), fix)))
    return ModelFiles(folder, str(folder), _fingerprint(folder))


def _fingerprint(folder: Path) -> str:
    """Sixteen hex digits over the small files, and of every weight file its size and last MiB: gigabytes are
    not read, and training changes all of them."""
    digest = hashlib.sha256()
    for path in sorted(folder.iterdir()):
        if path.suffix in (".json", ".jinja", ".model", ".safetensors", ".bin"):
            size = path.stat().st_size
            digest.update(f"{path.name} {size}\n".encode())
            with path.open("rb") as file:
                file.seek(max(0, size - _TAIL))
                digest.update(file.read())
    return digest.hexdigest()[:16]
