"""Scores and search-use metadata of a trajectory, as pure functions of what stands in the row.

Answer scores follow the official HotpotQA evaluation script (Yang et al. 2018, `hotpot_evaluate_v1.py`):
lower case, punctuation and articles removed, white space folded; the best gold answer counts.
Cover match is the "cover exact match" of R1-Searcher and Search-R1: the normalised gold answer occurs as
text in the normalised prediction. All functions need the conversation alone, so a dataset can be re-scored
without sampling again.
"""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence

from .asking import parse_question
from .prompts import neutralise, parse_turn
from .schema import (
    EVIDENCE_NAME,
    Conversation,
    FirstAction,
    JsonObject,
    Message,
    Outcome,
    Question,
    Scores,
    SearchUse,
    Trajectory,
)

SCORER = "hotpot-1"
"""Normaliser id and version, kept in every row."""

CLOSED_ANSWERS = frozenset({"yes", "no", "noanswer"})
"""Answers that only match themselves: against any other text their F1 is 0."""

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_NO_PUNCTUATION = str.maketrans("", "", string.punctuation)


def normalise(text: str) -> str:
    """Lower case, without punctuation and articles, white space folded (HotpotQA's `normalize_answer`)."""
    return _folded(_plain(text))


def _plain(text: str) -> str:
    return text.lower().translate(_NO_PUNCTUATION)


def _folded(plain: str) -> str:
    return " ".join(_ARTICLES.sub(" ", plain).split())


def exact_match(prediction: str, golds: Sequence[str]) -> bool:
    """Whether the normalised prediction equals a normalised gold answer."""
    return normalise(prediction) in {normalise(gold) for gold in golds}


def string_f1(prediction: str, golds: Sequence[str]) -> float:
    """Token F1 in [0, 1] of the best gold answer; 0 when exactly one side is yes, no or noanswer.

    Raises:
        ValueError: no gold answers (there is nothing to be best of).
    """
    normalised = normalise(prediction)
    return max(_pair_f1(normalised, normalise(gold)) for gold in golds)


def cover_match(prediction: str, golds: Sequence[str]) -> bool:
    """Whether a normalised gold answer occurs as text in the normalised prediction."""
    normalised = normalise(prediction)
    return any(gold in normalised for gold in map(normalise, golds) if gold)


def _pair_f1(prediction: str, gold: str) -> float:
    if prediction != gold and (prediction in CLOSED_ANSWERS or gold in CLOSED_ANSWERS):
        return 0.0
    predicted, wanted = prediction.split(), gold.split()
    same = sum((Counter(predicted) & Counter(wanted)).values())
    if same == 0:
        return 0.0
    precision, recall = same / len(predicted), same / len(wanted)
    return 2 * precision * recall / (precision + recall)


def score_answer(outcome: Outcome, golds: Sequence[str]) -> Scores:
    """Null where the rollout did not complete or nothing is known to compare with; no answer scores 0."""
    if not golds or not outcome.stop_reason.completed:
        return Scores(None, None, None, SCORER)
    if outcome.answer is None:
        return Scores(0.0, False, False, SCORER)
    answer, wanted = normalise(outcome.answer), [normalise(gold) for gold in golds]
    f1 = max(_pair_f1(answer, gold) for gold in wanted)
    return Scores(f1, answer in wanted, any(gold in answer for gold in wanted if gold), SCORER)


# Phrases by which a model says that it speaks from memory. Matched in model-written text only.
_CUES = re.compile(
    r"\b(?:"
    r"i (?:recall|remember|believe|already know)\b(?! (?:to|searching))"
    r"|as far as i (?:know|recall|remember|am aware|can remember)"
    r"|to (?:the best of )?my (?:best )?(?:knowledge|recollection|memory)"
    r"|from (?:my )?(?:own )?(?:memory|general knowledge|prior knowledge|background knowledge)"
    r"|(?:based on|according to|using|relying on) (?:my|general|prior|common|background)"
    r" (?:own )?(?:prior |general |background |existing |internal )?(?:knowledge|memory|training)"
    r"|my (?:training data|internal knowledge|own knowledge|prior knowledge)"
    r"|off the top of my head|if (?:i recall|memory serves)"
    r"|it(?:'s| is) (?:well[- ]known|common knowledge|commonly known)"
    r"|i'?m (?:fairly |pretty |quite )(?:sure|certain|confident)"
    r")",
    re.IGNORECASE,
)


def memory_cues(texts: Iterable[str]) -> tuple[str, ...]:
    """The memory phrases in the given texts, lower case, in order, repeats kept."""
    return tuple(match[0].lower() for text in texts for match in _CUES.finditer(text))


def model_texts(messages: Iterable[Message]) -> list[str]:
    """Reasoning and content of the messages that the model wrote, in order."""
    return [
        text
        for message in messages
        if message.is_model
        for text in (message.reasoning_content, message.content)
        if text
    ]


def observations(messages: Iterable[Message]) -> list[str]:
    """The retrieved texts and those handed over with the question, in order."""
    return [text for message in messages if (text := _evidence_in(message)) is not None]


def _evidence_in(message: Message) -> str | None:
    if message.name == EVIDENCE_NAME:
        return parse_question(message)[1]
    return message.content if message.is_observation else None


def answer_in_evidence(texts: Iterable[str], golds: Sequence[str]) -> bool | None:
    """Whether a gold answer stands as whole words in retrieved text, both normalised.

    None where that says nothing: no gold answer but yes/no ones, or ones that normalise to nothing.
    """
    wanted = [gold for gold in map(normalise, golds) if gold and gold not in CLOSED_ANSWERS]
    if not wanted:
        return None
    return any(_has_words(text, wanted) for text in texts)


def _has_words(text: str, wanted: Sequence[str]) -> bool:
    """Whether a normalised answer stands in a text. Most texts lack its longest word and need no folding."""
    plain = _plain(text)
    near = [gold for gold in wanted if max(gold.split(), key=len) in plain]
    return bool(near) and any(f" {gold} " in f" {_folded(plain)} " for gold in near)


def evidence_recall(searches: Iterable[JsonObject], titles: Sequence[str] | None) -> float | None:
    """Share of the supporting titles that were retrieved; None where the question has none."""
    if not titles:
        return None
    found = {title for search in searches for title in search["titles"]}
    return sum(title in found for title in set(titles)) / len(set(titles))


def handed_over(messages: Iterable[Message], titles: Sequence[str] | None) -> tuple[str, ...]:
    """The supporting titles whose passages were handed over with the question."""
    texts = [parse_question(message)[1] for message in messages if message.name == EVIDENCE_NAME]
    headings = {line for text in texts for line in _HEADING.findall(text or "")}
    return tuple(title for title in titles or () if neutralise(title) in headings)


_HEADING = re.compile(r"^\[\d+\] (.*)$", re.MULTILINE)


def _first_action(conversation: Conversation, searches: Sequence[JsonObject]) -> FirstAction | None:
    """A call is a search when the record of searches has its query: calls of other tools are neither."""
    searched = {search["query"] for search in searches}
    for message in filter(lambda message: message.is_model, conversation.messages):
        turn = parse_turn(message, conversation.grammar)
        if any((call.query or "") in searched for call in turn.calls):
            return "search"
        if turn.answer is not None and not turn.calls:
            return "answer"
    return None


def search_use(conversation: Conversation, searches: Sequence[JsonObject], question: Question) -> SearchUse:
    """How the model searched, from the conversation and the record of its searches (`SearchCall.to_json`)."""
    messages = conversation.messages
    cues = memory_cues(model_texts(messages))
    evidence = observations(messages)
    given = handed_over(messages, question.supporting_titles)
    return SearchUse(
        n_turns=sum(message.is_model for message in messages),
        n_searches=len(searches),
        n_failed_searches=sum(search["error"] is not None for search in searches),
        first_action=_first_action(conversation, searches),
        queries=tuple(search["query"] for search in searches),
        searches=tuple(searches),
        answer_in_evidence=answer_in_evidence(evidence, question.gold_answers),
        evidence_recall=evidence_recall([*searches, {"titles": given}], question.supporting_titles),
        n_memory_cues=len(cues),
        memory_cues=cues,
    )


def score(trajectory: Trajectory) -> tuple[Scores, SearchUse]:
    """Both groups of derived columns of a trajectory."""
    searches = [call.to_json() for call in trajectory.searches]
    return (
        score_answer(trajectory.outcome, trajectory.question.gold_answers),
        search_use(trajectory.conversation, searches, trajectory.question),
    )
