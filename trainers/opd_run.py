"""`trajset train opd`: from its options to a distilled student, and the dataset of what it wrote on the way.

OUT/rollouts        all rollouts of the run, scored, one row each (live runs)
OUT/rollout-steps   the same, step by step, while the run goes on
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from trl.trainer.distillation_config import DistillationConfig

from ..builder.chat.openai_client import Endpoint
from ..builder.errors import ConfigError, Problem
from ..builder.identity import content_hash
from ..builder.prompts import load_prompt
from ..builder.questions import load_questions
from ..builder.retrieval.opening import open_index
from ..builder.schema import JsonObject, Question
from ..builder.world.questions import DATASET as DEMO_WORLD
from .arguments import common_arguments, lora_config, precision_of, with_others
from .audit_lines import audit_lines
from .chat_tokenizer import open_tokenizer
from .completions import Live, Replay
from .continuation import open_continuation
from .kept_rollouts import WriteCard, close_rollouts, made_by, step_store
from .lineage import Lineage
from .live import LiveSettings, Writer
from .live_chat import Room
from .named_split import open_split, sampled, split_questions
from .opd import LocalTeacher, OpdParts, OpdTrainer, opd_trainer
from .opd_options import OpdConfig, TeacherOptions
from .options import outcome_options
from .recorded import Recorded
from .render import Renderer
from .run_book import RunBook
from .search_options import search_facts
from .sft import limits_of, target_of
from .step_store import StepStore
from .student_model import StudentFiles, find_student, loading
from .target import Target
from .teacher_server import TeacherServer
from .training_data import Preparation, TrainingData, prepare
from .training_run import Audience, Ended, fit, new_lineage, run_folder, with_audit, with_target


class RecordedOpd(Recorded, OpdTrainer):
    """The trainer, keeping account of what it sees."""

    def compute_loss(
        self, model: Any, inputs: Any, return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """The loss of a batch."""
        tokens = int(inputs["prompt_mask"].sum() + inputs["completion_mask"].sum())
        learnt = int((inputs["completion_mask"] * inputs["tool_mask"]).sum())
        self.book.see(len(inputs["prompt_ids"]), tokens, learnt)
        return super().compute_loss(model, inputs, return_outputs, num_items_in_batch)


@dataclass(frozen=True, slots=True)
class Distilled:
    """What a run is about: the student, how it is spoken to, and the questions (None in a replay)."""

    config: OpdConfig
    student: StudentFiles
    target: Target
    questions: tuple[Question, ...] | None


def train_opd(config: OpdConfig, audience: Audience, card: WriteCard) -> Ended:
    """Distil, or go on with a run. `card` writes a dataset's card.

    Raises:
        ConfigError: options that do not go together, other tokens, no such model, an unusable template, a
            taken folder, too little memory.
        DataError: no such questions, dataset, split or index; the audit refuses the rows of a replay.
        ServiceError, StorageError: a server, the Hub or the disk refuses.
    """
    _check_source(config)
    about = _about(config)
    lineage = _lineage(about)
    with run_folder(config, lineage) as folder:
        store = step_store(folder.path)
        if folder.earlier and folder.is_complete:
            _close_rollouts(about, folder.path, card)
            return Ended(folder.earlier, nothing_to_do=True)
        rows = None if about.questions is not None else _rows(about, folder.work)
        if rows is not None:
            for line in audit_lines(rows.audit, about.target):
                audience.say(line)
            lineage = with_audit(lineage, about.target, rows.audit.to_json())
        trainer = _trainer(about, folder.path, store, rows)
        book = RunBook(folder, lineage, audience.say)
        book.merge = config.lora.use_peft and config.lora.lora_merge
        trainer.book = book
        ended = fit(trainer, book, about.target, audience)
        if not ended.interrupted and trainer.is_world_process_zero():
            _close_rollouts(about, folder.path, card)
        return ended


def _check_source(config: OpdConfig) -> None:
    """See that the options say what is distilled on.

    Raises:
        ConfigError: they do not, or twice.
    """
    if (config.questions is None) is (config.data is None):
        fix = "Give --data, or --questions in its place."
        raise ConfigError(str(Problem("data", "must be given, or questions", config.data, fix)))
    if config.replay and config.data is None:
        fix = "Give --data, or leave --replay out."
        raise ConfigError(str(Problem("replay", "must have rows", config.questions, fix)))
    if not config.replay and not config.search.index:
        fix = "Name the index that the student searches in, or replay the rows (--replay)."
        raise ConfigError(str(Problem("index", "must be given for live rollouts", (), fix)))


def asked_questions(config: OpdConfig) -> tuple[Question, ...]:
    """The questions of the rows, or those that are given; a sample where there is a limit."""
    rollouts, seed = config.rollouts, config.fitting.seed
    if config.questions is not None:
        return tuple(load_questions(config.questions, rollouts.limit, seed, config.fields))
    return sampled(split_questions(open_split(str(config.data))), rollouts.limit, seed)


def _about(config: OpdConfig) -> Distilled:
    student = find_student(config.model, config.model_revision)
    target = target_of(student, config.rendering)
    if config.replay:
        return Distilled(config, student, target, None)
    prompt = load_prompt(config.search.policy, target.grammar, force_answer=config.rollouts.force_answer)
    return Distilled(config, student, open_continuation(target, prompt).target, asked_questions(config))


def _lineage(about: Distilled) -> Lineage:
    config = about.config
    found = new_lineage("opd", _dataset(about), about.student.to_json(), outcome_options(config))
    inputs: JsonObject = {}
    if about.questions is not None:
        asked = {"count": len(about.questions), "hash": content_hash(about.questions)}
        inputs = {"search": search_facts(config.search), "questions": asked}
    return replace(with_target(found, about.target), teacher=teacher_facts(config.teaching), inputs=inputs)


def _dataset(about: Distilled) -> JsonObject:
    """What lineage records of the rows, or of the questions."""
    if about.config.data is not None:
        return open_split(about.config.data).to_json()
    questions = about.questions or ()
    sets = sorted({question.dataset for question in questions})
    return {
        "name": f"questions of {', '.join(sets)}",
        "kind": "questions",
        "split": "questions",
        "fingerprint": content_hash(questions),
        "rows": len(questions),
        "simulated": DEMO_WORLD in sets,
    }


def teacher_facts(teaching: TeacherOptions) -> JsonObject:
    """What lineage records of the teacher."""
    if teaching.teacher_url is None:
        return find_student(teaching.teacher, teaching.teacher_revision).to_json()
    server = TeacherServer(Endpoint(teaching.teacher), teaching.teacher_top_k)
    return {"name": server.name, "revision": teaching.teacher_revision, "source": "server"}


def _rows(about: Distilled, work: Path) -> TrainingData:
    """The rows of a replay, rendered and audited."""
    config = about.config
    how = Preparation(
        Renderer(about.target, limits_of(about.student, config.rendering)),
        work,
        seed=config.fitting.seed,
        allow_truncation=config.rendering.allow_truncation,
    )
    return prepare(open_split(str(config.data)).rows(), how)


def _trainer(about: Distilled, out: Path, store: StepStore, rows: TrainingData | None) -> RecordedOpd:
    config = about.config
    source: Live | Replay
    if rows is not None:
        source, settings = Replay(rows.train), None
    else:
        student = Writer(about.student.files.name, about.student.files.revision)
        source = Live(about.questions or (), student, config.rollouts.samples, store)
        settings = _live_settings(config)
    parts = OpdParts(
        about.student.place,
        about.target,
        _teacher(config.teaching),
        source,
        settings,
        lora_config(config.lora),
    )
    with loading(about.student.files.name):
        return opd_trainer(_arguments(about, out), parts, RecordedOpd)


def _teacher(teaching: TeacherOptions) -> LocalTeacher | TeacherServer:
    if teaching.teacher_url is not None:
        endpoint = Endpoint(
            teaching.teacher,
            teaching.teacher_url,
            teaching.api_key_env,
            teaching.teacher_timeout,
            teaching.teacher_retries,
        )
        return TeacherServer(endpoint, teaching.teacher_top_k)
    files = find_student(teaching.teacher, teaching.teacher_revision)
    return LocalTeacher(files.place, open_tokenizer(files.place, files.commit).inner)


def _live_settings(config: OpdConfig) -> LiveSettings:
    search, rollouts = config.search, config.rollouts
    return LiveSettings(
        open_index(search.index, search.retrieval),
        Room(rollouts.max_tokens, rollouts.max_completion_length, rollouts.max_completion_length << 8),
        search.policy,
        search.k,
        search.max_turns,
        rollouts.force_answer,
    )


def _arguments(about: Distilled, out: Path) -> DistillationConfig:
    """TRL's config."""
    config = about.config
    fitting, rollouts, teaching = config.fitting, config.rollouts, config.teaching
    arguments = common_arguments(fitting, out, about.student.commit) | {
        "beta": teaching.beta,
        "max_completion_length": rollouts.max_completion_length,
        "temperature": rollouts.temperature,
        "top_p": rollouts.top_p,
        "top_k": rollouts.top_k,
        "use_vllm": rollouts.use_vllm,
        "vllm_mode": rollouts.vllm_mode,
    }
    if teaching.teacher_url is None:
        files = find_student(teaching.teacher, teaching.teacher_revision)
        precision = {"bf16": "bfloat16", "fp16": "float16", "fp32": "float32"}[precision_of(fitting)]
        arguments["teacher_model_init_kwargs"] = {"dtype": precision, "revision": files.commit}
    return with_others(DistillationConfig, arguments, fitting.trainer_arg)


def _close_rollouts(about: Distilled, out: Path, card: WriteCard) -> None:
    """All rollouts as a dataset, in place of the files of the steps."""
    if about.questions is None:
        return
    config = about.config
    prompt = load_prompt(
        config.search.policy, about.target.grammar, force_answer=config.rollouts.force_answer
    )
    close_rollouts(out, made_by("opd", outcome_options(config), prompt), card)
