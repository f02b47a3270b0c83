"""The split that a training run is about: found, pinned, described without a word about this machine."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from ..builder.dataset import LocalDataset
from ..builder.errors import DataError, Problem
from ..builder.hub_client import THE_HUB, HubSite
from ..builder.identity import content_hash, text_hash
from ..builder.manifest import Split
from ..builder.refs import DatasetRef, open_ref
from ..builder.schema import JsonObject, Question, Row
from ..builder.sealed import refuse_sealed
from ..builder.world.questions import DATASET as DEMO_WORLD

PRESETS = {"standard": "f1_only", "asp": "f1_search"}
"""The split that each preset of the paper trains on."""


@dataclass(frozen=True, slots=True)
class NamedSplit:
    """A split of a dataset at a revision. `repo` and `commit` are None for a folder that is on no Hub."""

    dataset: LocalDataset
    split: Split
    repo: str | None
    commit: str | None

    @property
    def name(self) -> str:
        """As everybody may see it: `REPO@COMMIT:SPLIT`, or the folder's own name and the split."""
        place = f"{self.repo}@{self.commit}" if self.repo else self.dataset.path.resolve().name
        return f"{place}:{self.split.name}"

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits over the split's shards: the same rows in the same order, the same digits."""
        return content_hash([shard.sha256 for shard in self.split.shards])

    def rows(self) -> Iterator[Row]:
        """The rows, in order.

        Raises:
            DataError: one is about a benchmark with a canary.
        """
        return refuse_sealed(self.dataset.rows(self.split.name), "trained on")

    def _question_sets(self) -> set[str]:
        return set(self.dataset.table(self.split.name, ["dataset"]).column("dataset").unique().to_pylist())

    def to_json(self) -> JsonObject:
        """What lineage records."""
        recipe = self.split.recipe or {}
        return {
            "name": self.name,
            "repo": self.repo,
            "commit": self.commit,
            "split": self.split.name,
            "fingerprint": self.fingerprint,
            "rows": self.split.rows,
            "recipe": recipe.get("name"),
            "recipe_hash": recipe.get("hash"),
            "simulated": DEMO_WORLD in self._question_sets(),
        }


def open_split(data: str, preset: str | None = None, site: HubSite = THE_HUB) -> NamedSplit:
    """The split that `data` names, or else the preset's.

    Raises:
        DataError: no such dataset, revision or split (the message lists those that exist), no split is named,
            or another than the preset's.
        HubError: the Hub cannot be reached, or refuses.
    """
    ref = DatasetRef.parse(data)
    wanted = ref.split or (PRESETS[preset] if preset else None)
    if preset and wanted != PRESETS[preset]:
        fix = f"Leave :{wanted} or --preset out."
        problem = Problem("preset", f"must agree with the split: {preset} is {PRESETS[preset]}", data, fix)
        raise DataError(str(problem))
    if wanted is None:
        there = open_ref(ref, site).splits
        fix = f"Add :SPLIT; there are: {', '.join(there)}."
        raise DataError(str(Problem("data", "must name the split to learn from", data, fix)))
    dataset = open_ref(DatasetRef(ref.repo, ref.revision, ref.path, wanted), site)
    split = dataset.manifest.split(wanted)
    if not split.rows:
        raise DataError(str(Problem("data", "must hold at least one row", data, "Choose another split.")))
    return NamedSplit(dataset, split, *_origin(ref, dataset))


def _origin(ref: DatasetRef, dataset: LocalDataset) -> tuple[str | None, str | None]:
    """Repository and commit of what was downloaded. A folder is what it holds now, whatever it came from."""
    return (ref.repo, dataset.revision) if ref.repo else (None, None)


def split_questions(split: NamedSplit) -> tuple[Question, ...]:
    """The distinct questions of a split's rows, in order."""
    return tuple({row.question.question_id: row.question for row in split.rows()}.values())


def sampled(questions: Sequence[Question], limit: int | None, seed: int) -> tuple[Question, ...]:
    """That many of the questions, by seed and id: a smaller sample is the beginning of a larger one."""
    if limit is None:
        return tuple(questions)
    return tuple(sorted(questions, key=lambda one: text_hash(f"{seed}:{one.question_id}", 64))[:limit])
