"""Rejection fine-tuning: the student's own trajectories on new questions, filtered by the recipe, learnt.

    OUT/round-1/data     what the student did (`collect`), and the split that the recipe keeps of it
    OUT/round-1/model    SFT on what is kept, with rows of `--data` mixed in
    OUT/round-2/...      the same with that model

A round's dataset is a dataset like any other: it can be filtered anew, judged, published. A run that was
killed goes on in the middle of whatever it was doing. The method is that of RFT (arXiv 2308.01825), with the
paper's filter (arXiv 2604.04651).
"""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from statistics import fmean

import orjson

from ..builder.chat.choice import grammar_of, settled
from ..builder.collect import Collected
from ..builder.collect_run import run_collect
from ..builder.config import CollectConfig, published_values
from ..builder.dataset import LocalDataset, Tables, write_dataset
from ..builder.errors import ConfigError, DataError, Problem, TooFewRowsError
from ..builder.identity import content_hash, derived_seed
from ..builder.journal import FILE_NAME
from ..builder.manifest import MANIFEST, RAW, MadeBy
from ..builder.prompts import load_prompt
from ..builder.questions import load_questions
from ..builder.schema import Question, Row
from ..builder.shards import write_file
from ..filters.engines import accepted_ids
from ..filters.recipes import Recipe, load_recipe
from ..filters.splits import make_split
from .lineage import Lineage
from .named_split import NamedSplit, open_split
from .options import SftConfig, outcome_options
from .render import Refused, Renderer
from .rft_options import RftConfig
from .run_folder import RunFolder
from .search_options import search_facts
from .sft import SftJob, run_sft, target_of
from .stages import close_stages
from .student_model import find_student
from .training_run import Audience, Ended, new_lineage, run_folder


@dataclass(frozen=True, slots=True)
class Round:
    """One round: its number from 1, its folder, the student that samples."""

    number: int
    folder: Path
    student: str
    revision: str | None

    @property
    def data(self) -> Path:
        """The dataset of what the student did."""
        return self.folder / "data"

    @property
    def model(self) -> Path:
        """The run of the training on it."""
        return self.folder / "model"


def train_rft(config: RftConfig, audience: Audience, card: Callable[[Path], object]) -> Ended:
    """All rounds, or the rest of them. `card` writes a dataset's card.

    Raises:
        ConfigError, DataError, RecipeError: a setting, the data or the recipe is wrong; a round keeps too
            little.
        ServiceError, StorageError: a server, the Hub or the disk refuses.
    """
    if (processes := int(os.environ.get("WORLD_SIZE", "1"))) > 1:
        fix = "Start it as one; a round's training may be run by several with `trajset train sft`."
        raise ConfigError(str(Problem("processes", "must be one for rft, which samples", processes, fix)))
    split = open_split(config.data)
    recipe = _recipe(config, split)
    student = find_student(config.model, config.model_revision)
    target = target_of(student, config.rendering)
    questions = _new_questions(config, split)
    lineage = dataclasses.replace(
        new_lineage("rft", split.to_json(), student.to_json(), outcome_options(config)),
        target=target.to_json(),
        inputs={
            "recipe": {"name": recipe.name, "hash": recipe.hash},
            "questions": {"count": len(questions), "hash": content_hash(questions)},
            "search": search_facts(config.search),
        },
    )
    with run_folder(config, lineage) as folder:
        if folder.earlier and folder.is_complete:
            return Ended(folder.earlier, nothing_to_do=True)
        file = folder.path / "questions.jsonl"
        write_file(file, b"".join(orjson.dumps(one) + b"\n" for one in questions))
        audience.say(f"{len(questions):,} questions that the rows are not about")
        rounds, lineages = list(_rounds(config, folder)), list[Lineage]()
        for one in rounds:
            kept = _kept(config, one, recipe, file, card)
            if kept is None:
                return Ended(dataclasses.replace(lineage, state="stopped"))
            audience.say(_told(one, kept))
            ended = run_sft(_job(config, one, kept, split), audience)
            if ended.interrupted:
                return ended
            lineages.append(ended.lineage)
        models = [one.model for one in rounds]
        return Ended(close_stages(folder, lineage, models, lineages))


def _recipe(config: RftConfig, split: NamedSplit) -> Recipe:
    """The recipe of the split, as its manifest has it, or the one that is asked for.

    Raises:
        DataError: the split was cut by none.
        RecipeError: no such recipe.
    """
    if config.recipe is not None:
        return load_recipe(config.recipe)
    if split.split.recipe is None:
        fix = "Name a split that a recipe cut, or give --recipe."
        raise DataError(str(Problem("data", "must be a split with a recipe", split.name, fix)))
    return Recipe.from_json(split.split.recipe)


def _rounds(config: RftConfig, folder: RunFolder) -> Iterator[Round]:
    student, revision = config.model, config.model_revision
    for number in range(1, config.rounds + 1):
        one = Round(number, folder.path / f"round-{number}", student, revision)
        yield one
        student, revision = str(one.model), None


def _new_questions(config: RftConfig, split: NamedSplit) -> list[Question]:
    """The questions that no row of the split is about.

    Raises:
        DataError: there is none.
    """
    known = {row.question.question_id for row in split.rows()}
    asked = {row.question.question for row in split.rows()}
    given = load_questions(config.questions, None, config.fitting.seed, config.fields)
    new = [one for one in given if one.question_id not in known and one.question not in asked]
    if not new:
        fix = "Name questions that the rows are not about."
        raise DataError(str(Problem("questions", "must not all be those of --data", config.questions, fix)))
    return new


@dataclass(frozen=True, slots=True)
class Kept:
    """What a round keeps: the split that the recipe cut, and which of its rows can be learnt from.

    A student's own rows may break the grammar: those are left out.
    """

    split: NamedSplit
    able: frozenset[str]


def _kept(
    config: RftConfig, one: Round, recipe: Recipe, questions: Path, card: Callable[[Path], object]
) -> Kept | None:
    """What is kept of what the student did in a round; None where sampling was interrupted.

    Raises:
        RecipeError: the recipe cannot run.
        TooFewRowsError: less than `min_kept` rows are kept.
    """
    if not (one.data / MANIFEST).is_file():
        settings = settled(_collect_config(config, one, questions))
        done = run_collect(settings)
        if done.interrupted or not done.complete:
            return None
        _write(settings, done)
    dataset = LocalDataset.open(one.data)
    if recipe.name not in dataset.splits:
        if not accepted_ids(dataset, recipe):
            raise TooFewRowsError(str(_too_few(config, one, dataset, 0)))
        make_split(one.data, recipe)
        card(one.data)
    split = open_split(f"{one.data}:{recipe.name}")
    renderer = Renderer(target_of(find_student(one.student, one.revision), config.rendering))
    rendered = renderer.rows(split.rows())
    able = frozenset(each.row_id for each in rendered if not isinstance(each, Refused))
    if len(able) < config.min_kept:
        raise TooFewRowsError(str(_too_few(config, one, dataset, len(able))))
    return Kept(split, able)


def _too_few(config: RftConfig, one: Round, dataset: LocalDataset, kept: int) -> Problem:
    found = f"{kept:,} of {dataset.manifest.split(RAW).rows:,}"
    fix = "Sample more (--limit, --samples), begin with a better student, or lower --min-kept."
    rule = f"must keep at least {config.min_kept:,} rows that keep to the grammar (min_kept)"
    return Problem(f"round {one.number}", rule, found, fix)


def _collect_config(config: RftConfig, one: Round, questions: Path) -> CollectConfig:
    """`trajset collect` with the student as teacher."""
    sampling, search = config.sampling, config.search
    return CollectConfig(
        questions=str(questions),
        index=search.index,
        out=one.data,
        teacher=f"vllm:{one.student}" if sampling.vllm else one.student,
        teacher_revision=one.revision,
        policy=search.policy,
        grammar=config.rendering.grammar,
        k=search.k,
        samples=sampling.samples,
        limit=sampling.limit,
        temperature=sampling.temperature,
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        max_tokens=sampling.max_tokens,
        max_turns=search.max_turns,
        seed=derived_seed(config.fitting.seed, "rft", one.number),
        resume=(one.data / FILE_NAME).is_file(),
        local=sampling.local,
        retrieval=search.retrieval,
    )


def _write(settings: CollectConfig, done: Collected) -> None:
    prompt = load_prompt(settings.policy, grammar_of(settings))
    told = {prompt.id: prompt.published}
    made = MadeBy("collect", datetime.now(UTC), published_values(settings), told)
    write_dataset(settings.out, Tables(done.rows()), made)


def _told(one: Round, kept: Kept) -> str:
    """What a round's rows are like."""
    split = kept.split
    raw = split.dataset.table(RAW, ["f1", "n_searches"]).to_pydict()
    scored = [value for value in raw["f1"] if value is not None]
    broken = split.split.rows - len(kept.able)
    return (
        f"round {one.number}: {len(raw['f1']):,} trajectories, mean F1 {fmean(scored) if scored else 0:.3f}, "
        f"{fmean(raw['n_searches']):.2f} searches each; {split.split.name} keeps {split.split.rows:,} "
        f"({split.split.rows / len(raw['f1']):.1%})"
    ) + (f", of which {broken:,} break the grammar and are left out" if broken else "")


def _job(config: RftConfig, one: Round, kept: Kept, split: NamedSplit) -> SftJob:
    """SFT on what is kept and on as many rows of the first split as `mix` says."""
    number = min(round(config.mix * len(kept.able)), split.split.rows)
    seed = derived_seed(config.fitting.seed, "mix", one.number)
    drawn = frozenset(random.Random(seed).sample(range(split.split.rows), number))

    def rows() -> Iterator[Row]:
        yield from (row for row in kept.split.rows() if row.id in kept.able)
        yield from (row for place, row in enumerate(split.rows()) if place in drawn)

    mixed = {"name": split.name, "fingerprint": split.fingerprint, "rows": number}
    own = kept.split.to_json() | {"able": len(kept.able), "mixed": mixed}
    dataset = own | {"fingerprint": content_hash([kept.split.fingerprint, mixed, seed])}
    stage = SftConfig(
        data=f"{one.data}:{kept.split.split.name}",
        model=one.student,
        out=one.model,
        model_revision=one.revision,
        resume=True,
        rendering=config.rendering,
        fitting=config.fitting,
        lora=dataclasses.replace(config.lora, lora_merge=True),
    )
    return SftJob(stage, rows, dataset)
