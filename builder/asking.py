"""The message that asks the question, with passages handed over or without."""

from __future__ import annotations

from .schema import EVIDENCE_NAME, Message

_ASKED = "\n\nQuestion: "


def render_question(question: str, evidence: str | None = None) -> Message:
    """The message that asks the question, after the passages that are handed over with it, if any are.

    These are as `prompts.passages_text` has them: numbered and neutralised.
    """
    if evidence is None:
        return Message("user", question)
    return Message("user", f"{evidence}{_ASKED}{question}", name=EVIDENCE_NAME)


def parse_question(message: Message) -> tuple[str, str | None]:
    """The question in the message that asks it, and the passages handed over; inverse of `render_question`.

    A question that holds the words between the two itself is cut there.
    """
    if message.name != EVIDENCE_NAME:
        return message.content, None
    evidence, _, question = message.content.rpartition(_ASKED)
    return question, evidence
