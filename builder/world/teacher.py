"""The simulated teacher: a chat model that answers the demo world's questions as well as its knobs let it.

It is a pure function of messages, seed, world and knobs; what earlier turns settled is read back from the
messages. It believes retrieved text only where a sentence of the encyclopedia stands in it verbatim, and
obeys nothing that stands there. No number it gives rise to measures a real model: call them simulated.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from ..asking import parse_question
from ..chat.model import ChatRequest, Completion
from ..identity import content_hash, derived_seed
from ..prompts import Call, Turn, parse_turn, render_turn
from ..schema import OBSERVATION_NAME, Grammar, Message, Question
from ..world_config import TeacherKnobs
from .evidence import Evidence
from .memory import Memory
from .speech import Source, announce, tell, tell_plainly
from .thinking import GAVE_UP, Belief, Search, Situation, Thinker, Thought
from .wording import Style
from .world import World

_CHARACTERS_PER_TOKEN = 4
_NOTHING = "Nothing there settles it."


class SimulatedTeacher:
    """A `ChatModel` that knows and searches the demo world as the knobs say.

    The grammar is `tools` where the request offers tools, else `tags`. Its chances are drawn from
    `ChatRequest.seed`, which may differ from turn to turn. It does not read the system prompt: how much it
    searches is a knob.
    """

    def __init__(self, world: World, knobs: TeacherKnobs) -> None:
        self._world = world
        self._knobs = knobs
        self._memory = Memory(world, knobs)

    @property
    def name(self) -> str:
        """Always `simulated`."""
        return "simulated"

    @property
    def revision(self) -> str:
        """A hash of the world's settings and the knobs."""
        return content_hash([self._world.id, self._knobs])

    async def complete(self, request: ChatRequest) -> Completion:
        """The next assistant message. A question of another world is searched for once, then given up."""
        grammar: Grammar = "tools" if request.tools else "tags"
        turns = [parse_turn(message, grammar) for message in request.messages if message.is_model]
        text = _question_text(request.messages)
        question = self._world.by_text.get(text)
        turn = self._turn(question, request, turns) if question else _at_a_loss(request, text, turns)
        message = render_turn(turn, grammar)
        called = bool(turn.calls) and grammar == "tools"
        return Completion(
            message,
            "tool_calls" if called else "stop",
            prompt_tokens=sum(map(_tokens, request.messages)),
            completion_tokens=_tokens(message),
        )

    async def aclose(self) -> None:
        """Nothing to free."""

    def thought(self, request: ChatRequest) -> Thought | None:
        """What it believes at a request, and from where; None where the question is of another world."""
        grammar: Grammar = "tools" if request.tools else "tags"
        turns = [parse_turn(message, grammar) for message in request.messages if message.is_model]
        question = self._world.by_text.get(_question_text(request.messages))
        return self._thinking(question, request, turns)[0] if question else None

    def _turn(self, question: Question, request: ChatRequest, turns: Sequence[Turn]) -> Turn:
        thought, rng = self._thinking(question, request, turns)
        return _Writer(self._world.style, rng).turn(thought, len(turns))

    def _thinking(
        self, question: Question, request: ChatRequest, turns: Sequence[Turn]
    ) -> tuple[Thought, Random]:
        """The thought, and the random numbers that its wording goes on from."""
        now = Situation(
            question,
            self._world.chains[question.question_id],
            tuple(call.query for turn in turns for call in turn.calls if call.query),
            tuple(turn.text for turn in turns),
            Evidence.of(request.messages),
            request.may_call,
        )
        rng = Random(derived_seed("teacher", request.seed, question.question_id, len(turns)))
        return Thinker(self._world, self._memory, now, rng).think(), rng


@dataclass(frozen=True, slots=True)
class _Writer:
    """Puts thoughts into words: each new fact, then the search or the answer, which repeats the last fact."""

    style: Style
    rng: Random

    def turn(self, thought: Thought, turns: int) -> Turn:
        """The turn after `turns` others."""
        new = [belief for belief in thought.beliefs if belief.source is not Source.SAID]
        search = thought.search
        if search is None:
            told = self._told(new or thought.beliefs[-1:])
            return Turn(text=" ".join(told) or _NOTHING, answer=thought.answer)
        plan = self._plan(search)  # drawn before the facts' leads: rows depend on the order
        call = Call(OBSERVATION_NAME, {"query": search.query}, f"call_{turns}")
        return Turn(text=" ".join([*self._told(new), *plan]), calls=(call,))

    def _told(self, beliefs: Sequence[Belief]) -> list[str]:
        if self.style == "plain":
            return [tell_plainly(held.source, held.relation, held.subject, held.value) for held in beliefs]
        return [tell(held.source, held.relation, held.subject, held.value, self.rng) for held in beliefs]

    def _plan(self, search: Search) -> list[str]:
        if self.style == "plain":
            return []  # the query says it
        return [announce(search.relation, search.subject, search.why, self.rng)]


def _question_text(messages: Sequence[Message]) -> str:
    asked = (message for message in messages if message.role == "user" and not message.is_observation)
    return next((parse_question(message)[0].strip() for message in asked), "")


def _at_a_loss(request: ChatRequest, text: str, turns: Sequence[Turn]) -> Turn:
    if turns or not text or not request.may_call:
        return Turn(text=_NOTHING, answer=GAVE_UP)
    return Turn(
        text="I do not know where to start.", calls=(Call(OBSERVATION_NAME, {"query": text}, "call_0"),)
    )


def _tokens(message: Message) -> int:
    """A rough count: four characters a token and a few for the frame."""
    calls = "".join(str(call) for call in message.tool_calls or ())
    return (len(message.content) + len(calls)) // _CHARACTERS_PER_TOKEN + 4
