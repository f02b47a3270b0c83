"""The laboratory's tasks, its folder, and what the base is told."""

import dataclasses
from pathlib import Path

import pytest
from trajset.builder.config import TeacherKnobs, WorldConfig
from trajset.builder.errors import ConfigError, DataError
from trajset.builder.scoring import exact_match
from trajset.builder.world.world import World, generate
from trajset.eval.lab.lessons import known_answers, memory_rows, shuffled, wordings
from trajset.eval.lab.places import End, Places
from trajset.eval.lab.plan import METHODS, STUDENTS, plan, ready
from trajset.eval.lab.sizes import SMOKE, Sizes


def test_every_task_comes_after_what_it_needs() -> None:
    tasks = plan(3)
    names = [task.name for task in tasks]
    assert len(names) == len(set(names)) == 3 + 3 * (1 + len(METHODS) + len(STUDENTS))
    for place, task in enumerate(tasks):
        assert set(task.needs) <= set(names[:place]), task


def test_tasks_begin_when_what_they_need_is_there() -> None:
    tasks, done = plan(2), set[str]()
    assert [task.name for task in ready(tasks, frozenset(), frozenset())] == ["inputs"]
    order: list[str] = []
    while len(done) < len(tasks):
        able = ready(tasks, frozenset(done), frozenset())
        assert able, "nothing can begin"
        order.append(able[0].name)
        done.add(able[0].name)
    assert order.index("asp-1") < order.index("rft-1") < order.index("exam-rft-1")
    first = ready(tasks, frozenset({"inputs"}), frozenset({"rows-0"}))
    assert [task.name for task in first] == ["rows-1", "base"]


@pytest.fixture(scope="module")
def world() -> World:
    config = WorldConfig(
        entities=400, questions=200, lookalikes=0.0, filler=0, one_hop=1.0, comparison=0.0, seed=1
    )
    return generate(config, "plain")


def test_the_memory_is_a_part_of_the_facts_and_a_part_of_it_is_wrong(world: World) -> None:
    knobs = TeacherKnobs(known=0.5, known_wrongly=0.25)
    known = known_answers(world, knobs)
    golds = {question.question_id: question.gold_answers for question in world.questions}
    wrong = sum(not exact_match(answer, golds[name]) for name, answer in known.items())
    assert 0.4 < len(known) / len(world.questions) < 0.6
    assert 0.15 < wrong / len(known) < 0.35
    assert known_answers(world, dataclasses.replace(knobs, known=0.0)) == {}


def test_every_known_fact_is_told_in_all_wordings_without_a_tool(world: World) -> None:
    knobs = TeacherKnobs(known=0.5, known_wrongly=0.25)
    rows = list(memory_rows(world, knobs, 4))
    known = known_answers(world, knobs)
    assert len(rows) == 4 * len(known)
    for row in rows[:40]:
        system, user, said = row.conversation.messages
        assert row.provenance.policy == "closed_book"
        assert row.conversation.tools == ()
        assert "search tool" in system.content
        assert said.content == f"<answer>{known[row.question.question_id]}</answer>"
        assert row.outcome.answer == known[row.question.question_id]
        asked = {one.content for one in (user,)}
        original = next(q for q in world.questions if q.question_id == row.question.question_id)
        assert asked <= set(wordings(world, original))
    assert rows == list(memory_rows(world, knobs, 4))
    mixed = shuffled(rows, 0)
    assert mixed != rows
    assert sorted(row.id for row in mixed) == sorted(row.id for row in rows)


def test_a_folder_goes_on_with_its_own_sizes_and_with_more_seeds(tmp_path: Path) -> None:
    places = Places(tmp_path / "lab")
    places.enter(SMOKE, 2)
    places.enter(SMOKE, 3)
    with pytest.raises(ConfigError, match=r"--seeds.*fewer than the 3"):
        places.enter(SMOKE, 2)
    with pytest.raises(ConfigError, match="sizes that the folder was begun with"):
        places.enter(Sizes(), 3)


def test_a_folder_of_another_kind_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine", "utf-8")
    with pytest.raises(ConfigError, match="must be a laboratory or empty"):
        Places(tmp_path).enter(SMOKE, 1)
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_what_is_done_is_remembered(tmp_path: Path) -> None:
    places, (task, *_) = Places(tmp_path), plan(1)
    assert places.end(task.name) is None
    places.finish(task, End(1.5, "too few rows"))
    assert places.end(task.name) == End(1.5, "too few rows")
    (tmp_path / "done" / f"{task.name}.json").write_text("{", "utf-8")
    with pytest.raises(DataError, match="JSON object"):
        places.end(task.name)
