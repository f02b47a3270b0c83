"""The files of a model folder that are the model: what is copied and published, nothing of this machine."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

from ..builder.errors import DataError, Problem
from ..builder.shards import storage

_MODEL = re.compile(
    r"config\.json|generation_config\.json|chat_template\.jinja|special_tokens_map\.json|added_tokens\.json"
    r"|tokenizer[\w.-]*|vocab\.(json|txt)|merges\.txt"
    r"|adapter_config\.json|(adapter_)?model(-\d{5}-of-\d{5})?\.safetensors|model\.safetensors\.index\.json"
)
_CARRIES_WEIGHTS = re.compile(r"(adapter_)?model(-\d{5}-of-\d{5})?\.safetensors")


def model_files(folder: Path) -> list[str]:
    """Names of the files that make the model: weights, configuration, tokenizer.

    `training_args.bin` and optimizer states are not among them: they hold paths, and are for resuming only.

    Raises:
        DataError: there are no weights in the folder.
    """
    names = sorted(file.name for file in folder.iterdir()) if folder.is_dir() else []
    found = [name for name in names if _MODEL.fullmatch(name)]
    if not any(_CARRIES_WEIGHTS.fullmatch(name) for name in found):
        fix = "Name the folder of a finished training run, or one of its checkpoints."
        raise DataError(str(Problem("model", "must be a folder with weights", str(folder), fix)))
    return found


def copy_model(source: Path, target: Path) -> None:
    """Copy a model's files into a folder.

    Raises:
        DataError: see `model_files`.
        StorageError: the disk does not take them.
    """
    with storage(target):
        target.mkdir(parents=True, exist_ok=True)
        for name in model_files(source):
            shutil.copyfile(source / name, target / name)
