"""Public question sets in their exact layouts from a stub of the Hub; any other layout through a mapping."""

import io
import json
import os
import subprocess
import sys
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hub_state import Hub
from hub_stub import running
from trajset.builder.canary import encrypt
from trajset.builder.corpus import read_passages
from trajset.builder.errors import DataError
from trajset.builder.identity import text_hash
from trajset.builder.pooled import open_corpus
from trajset.builder.question_fields import hop_count, page_title, title_texts
from trajset.builder.question_sources import public_sets, question_facts, reading_of
from trajset.builder.questions import load_questions, load_typed_questions
from trajset.builder.retrieval.tantivy_index import build_index
from trajset.builder.retrieval_config import IndexConfig
from trajset.builder.schema import Question
from trajset.builder.source_config import QuestionFields
from trajset.filters.decontaminate_sets import read_sets

NONE = QuestionFields()
HOTPOT = {
    "id": "h1",
    "question": "Which magazine was first?",
    "answer": "Ann's",
    "type": "comparison",
    "level": "medium",
    "supporting_facts": {"title": ["A", "B", "A"], "sent_id": [0, 0, 1]},
    "context": {"title": ["A", "B", "C"], "sentences": [["a."], ["b."], ["c."]]},
}
TWO_WIKI = {
    "id": "w1",
    "question": "Whose father?",
    "answer": "Ann",
    "type": "bridge_comparison",
    "supporting_facts": {"title": ["A", "B", "C", "D"], "sent_id": [0, 0, 0, 0]},
    "context": {"title": ["A"], "sentences": [["a."]]},
    "evidences": [["A", "director", "B"], ["C", "director", "D"], ["B", "born", "1"], ["D", "born", "2"]],
}
MUSIQUE = {
    "id": "3hop1__1_2_3",
    "paragraphs": [
        {"idx": 0, "title": "A", "paragraph_text": "…", "is_supporting": True},
        {"idx": 1, "title": "N", "paragraph_text": "…", "is_supporting": False},
        {"idx": 2, "title": "B", "paragraph_text": "…", "is_supporting": True},
        {"idx": 3, "title": "B", "paragraph_text": "…", "is_supporting": True},
    ],
    "question": "Who?",
    "question_decomposition": [{"id": 1, "question": "?", "answer": "x", "paragraph_support_idx": 0}],
    "answer": "Ann",
    "answer_aliases": ["Anna"],
    "answerable": True,
}
FRAMES_LINKS = (
    "['https://en.wikipedia.org/wiki/James_Buchanan', 'https://en.wikipedia.org/wiki/%C3%85land#History']"
)
FRAMES = ["Prompt", "Answer", "wikipedia_link_1", "wikipedia_link_11+", "reasoning_types", "wiki_links"]
TRIVIA = {
    "question": "Who?",
    "question_id": "tc_1",
    "question_source": "http://www.triviacountry.com/",
    "entity_pages": {"doc_source": [], "filename": [], "title": [], "wiki_context": []},
    "search_results": {"title": [], "url": []},
    "answer": {
        "aliases": ["Annie", "Ann"],
        "normalized_aliases": ["annie", "ann"],
        "matched_wiki_entity_name": "",
        "type": "WikipediaEntity",
        "value": "Ann",
    },
}
ANSWER = TRIVIA["answer"]
assert isinstance(ANSWER, dict)
TRIVIA_WEB = TRIVIA | {"answer": ANSWER | {"aliases": ["Ann", "Anna"]}}


CANARY = "a canary of our own"
BROWSECOMP = {
    "problem": encrypt("Who wrote it?", CANARY),
    "answer": encrypt("Ann", CANARY),
    "problem_topic": "Art",
    "canary": CANARY,
}
PLUS = public_sets()["browsecomp-plus"].cipher
assert PLUS is not None
assert PLUS.canary is not None
BROWSECOMP_PLUS = {
    "query_id": "769",
    "query": encrypt("Which place?", PLUS.canary),
    "answer": encrypt("Oslo", PLUS.canary),
    "gold_docs": [{"docid": encrypt("5412", PLUS.canary), "text": encrypt("It is Oslo.", PLUS.canary)}],
    "negative_docs": [{"docid": encrypt("7", PLUS.canary), "text": "not even base64"}],
}
LONGSEAL = {
    "question": "When?",
    "answer": "1999",
    "question_types": ["advanced reasoning", "temporal"],
    "canary": "another canary",
    "12_docs": [{"title": "T", "text": "t"}],
}


def parquet(*records: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(list(records)), file)
    return file.getvalue()


def jsonl(*records: dict[str, Any]) -> bytes:
    return "".join(json.dumps(record) + "\n" for record in records).encode()


SPLITS = ("train", "validation")


def configured(names: Sequence[str], content: bytes) -> dict[str, bytes]:
    """A repository whose card says where the splits of each config lie."""
    lines = ["---", "configs:"]
    for name in names:
        lines += [f"- config_name: {name}", "  data_files:"]
        for split in SPLITS:
            lines += [f"  - split: {split}", f"    path: {name}/{split}-*.parquet"]
    shards = {f"{name}/{split}-00000-of-00001.parquet": content for name in names for split in SPLITS}
    return {"README.md": "\n".join([*lines, "---", ""]).encode(), **shards}


def repositories() -> dict[str, dict[str, bytes]]:
    """Every repository of the public sets, with a record or two."""
    cells = ["Age?", "old", "x", "", "Tabular | Time", FRAMES_LINKS]
    nq = parquet({"question": "when was", "answer": ["a", "b"]})
    bamboogle = parquet({"Question": "Who was?", "Answer": "James"})
    return {
        "hotpotqa/hotpot_qa": configured(["distractor", "fullwiki"], parquet(HOTPOT)),
        "framolfese/2WikiMultihopQA": {
            f"data/{split}-00000-of-00001.parquet": parquet(TWO_WIKI) for split in SPLITS
        },
        "dgslibisey/MuSiQue": {
            f"musique_ans_v1.0_{split}.jsonl": jsonl(MUSIQUE) for split in ("train", "dev")
        },
        "chiayewken/bamboogle": {"data/test-00000-of-00001.parquet": bamboogle},
        "google/frames-benchmark": {"test.tsv": "\n".join(map("\t".join, [FRAMES, cells])).encode()},
        "google-research-datasets/nq_open": configured(["nq_open"], nq),
        "smolagents/browse_comp": {"data/test-00000-of-00001.parquet": parquet(BROWSECOMP)},
        "Tevatron/browsecomp-plus": {"data/test-00000-of-00001.parquet": parquet(BROWSECOMP_PLUS)},
        "vtllms/sealqa": {
            "README.md": b"---\nconfigs:\n- config_name: longseal\n  data_files:\n  - split: test\n"
            b"    path: longseal.parquet\n---\n",
            "longseal.parquet": parquet(LONGSEAL),
        },
        "mandarjoshi/trivia_qa": configured(["rc", "rc.nocontext"], parquet(TRIVIA, TRIVIA_WEB)),
    }


def hub() -> Hub:
    made = Hub()
    for name, files in repositories().items():
        stored = {path: made.store(content, lfs=False) for path, content in files.items()}
        made.create(name).add("data", "", stored)
    return made


SCRIPT = """
    import dataclasses, json, sys
    from trajset.builder.questions import load_typed_questions
    from trajset.filters.decontaminate_sets import read_sets

    for name in sys.argv[1:]:
        (typed,) = load_typed_questions(name)
        print(json.dumps([*dataclasses.astuple(typed.question), typed.type]))
    for known in read_sets(["bamboogle", "dev=hotpotqa:validation"]):
        print(json.dumps([known.name, known.source.split("@")[0], *known.questions]))
"""
WANTED = {
    "hotpotqa:train": ["h1", "hotpotqa", "Which magazine was first?", ["Ann's"], 2, ["A", "B"], "comparison"],
    "hotpotqa-fullwiki:validation": [
        "h1", "hotpotqa", "Which magazine was first?", ["Ann's"], 2, ["A", "B"], "comparison"
    ],
    "2wikimultihopqa:validation": [
        "w1", "2wikimultihopqa", "Whose father?", ["Ann"], 4, ["A", "B", "C", "D"], "bridge_comparison"
    ],
    "musique:validation": ["3hop1__1_2_3", "musique", "Who?", ["Ann", "Anna"], 3, ["A", "B"], None],
    "bamboogle": [text_hash("Who was?"), "bamboogle", "Who was?", ["James"], 2, None, None],
    "frames": [
        text_hash("Age?"), "frames", "Age?", ["old"], 2, ["James Buchanan", "Åland"], "Tabular | Time"
    ],
    "nq:validation": [text_hash("when was"), "nq", "when was", ["a", "b"], None, None, None],
    "triviaqa:train": ["tc_1", "triviaqa", "Who?", ["Ann", "Annie", "Anna"], None, None, None],
    "hf:hotpotqa/hotpot_qa:fullwiki/train": [
        "h1", "hotpot_qa", "Which magazine was first?", ["Ann's"], 2, ["A", "B"], "comparison"
    ],
    "browsecomp": [text_hash("Who wrote it?"), "browsecomp", "Who wrote it?", ["Ann"], None, None, "Art"],
    "browsecomp-plus": ["769", "browsecomp-plus", "Which place?", ["Oslo"], 1, ["5412"], None],
    "longseal": [
        text_hash("When?"), "longseal", "When?", ["1999"], None, None, "advanced reasoning | temporal"
    ],
}  # fmt: skip


def test_public_sets_from_the_hub(tmp_path: Path) -> None:
    """In a process of its own, because huggingface_hub reads `HF_ENDPOINT` once, when it is imported."""
    with running(hub()) as endpoint:
        env = os.environ | {"HF_ENDPOINT": endpoint, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(tmp_path)}
        command = [sys.executable, "-c", textwrap.dedent(SCRIPT), *WANTED]
        done = subprocess.run(command, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-3000:]
    *lines, bamboogle, dev = map(json.loads, done.stdout.splitlines())
    assert dict(zip(WANTED, lines, strict=True)) == WANTED
    assert bamboogle == ["bamboogle", "hf:chiayewken/bamboogle", "Who was?"]
    assert dev == ["dev", "hf:hotpotqa/hotpot_qa", "Which magazine was first?"]


def test_every_public_set_is_tried() -> None:
    assert {name.split(":")[0] for name in WANTED} - {"hf"} == set(public_sets())


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("hotpotqa", "Name one: hotpotqa:train, hotpotqa:validation."),
        ("hotpotqa:test", "split of hotpotqa with answers: must be one that exists; got 'test'"),
        ("hotpot", "Did you mean 'hotpotqa'?"),
        ("questions.jsonl", "source: must exist"),
    ],
)
def test_a_name_that_is_none(text: str, words: str) -> None:
    with pytest.raises(DataError) as caught:
        reading_of(text, NONE).open()
    assert words in str(caught.value)


def test_a_file_wins_over_a_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "nq").mkdir()
    (tmp_path / "nq" / "mine.jsonl").write_text('{"question": "Who?", "answer": "Ann"}\n')
    assert [question.dataset for question in load_questions("nq")] == ["nq"]
    assert question_facts("nq", NONE) == {}


def test_what_a_manifest_says() -> None:
    assert question_facts("hotpotqa@v1:train", NONE) == {
        "questions-source": "hf:hotpotqa/hotpot_qa@v1:distractor/train",
        "questions-licence": "cc-by-sa-4.0",
    }
    assert question_facts("triviaqa:train", NONE)["questions-licence"] == "unknown"
    assert question_facts("hf:me/mine:train", NONE) == {"questions-source": "hf:me/mine:train"}
    given = QuestionFields(questions_licence="mit")
    assert question_facts("hf:me/mine:train", given)["questions-licence"] == "mit"


def write(path: Path, *records: dict[str, Any]) -> str:
    path.write_bytes(jsonl(*records))
    return str(path)


def test_a_copy_of_a_public_set_is_read_in_its_layout(tmp_path: Path) -> None:
    place = write(tmp_path / "copy.jsonl", {"Prompt": "Who?", "Answer": "Ann", "wiki_links": FRAMES_LINKS})
    (typed,) = load_typed_questions(f"frames={place}", fields=QuestionFields(type_field="Prompt"))
    assert (typed.question.dataset, typed.type) == ("frames", "Who?")
    assert typed.question.supporting_titles == ("James Buchanan", "Åland")
    own = write(tmp_path / "own.jsonl", {"question": "Who?", "answer": "Ann"})
    assert load_questions(f"mine={own}")[0].dataset == "mine"


def test_questions_with_a_canary_come_with_it_and_not_to_everybody(tmp_path: Path) -> None:
    for name, record in (("browsecomp", BROWSECOMP), ("longseal", LONGSEAL)):
        place = f"{name}={write(tmp_path / f'{name}.jsonl', record)}"
        (typed,) = load_typed_questions(place)
        assert typed.canary == record["canary"]
        with pytest.raises(DataError, match="trajset eval"):
            load_questions(place)
    plain = {key: value for key, value in LONGSEAL.items() if key != "canary"}
    assert load_questions(f"longseal={write(tmp_path / 'old.jsonl', plain)}")[0].question == "When?"


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"canary": None}, "must have its canary in the column 'canary'"),
        ({"problem": "Who wrote it?"}, "must hold problem, answer encrypted with its canary"),
        ({"problem": encrypt(" ", CANARY)}, "must hold a question and an answer, once decrypted"),
    ],
)
def test_what_is_wrong_with_an_encrypted_record_is_told_without_its_text(
    tmp_path: Path, change: dict[str, Any], words: str
) -> None:
    place = write(tmp_path / "bad.jsonl", BROWSECOMP | change)
    with pytest.raises(DataError) as caught:
        load_typed_questions(f"browsecomp={place}")
    assert words in str(caught.value)
    assert "Ann" not in str(caught.value)


def test_an_encrypted_set_can_be_compared_with(tmp_path: Path) -> None:
    place = write(tmp_path / "copy.jsonl", BROWSECOMP)
    (found,) = read_sets([f"browsecomp={place}"])
    assert found.questions == ("Who wrote it?",)


@pytest.mark.parametrize("record", [HOTPOT, MUSIQUE], ids=["hotpotqa", "musique"])
def test_supporting_passages_of_a_record(tmp_path: Path, record: dict[str, Any]) -> None:
    place = write(tmp_path / "one.jsonl", record)
    (typed,) = load_typed_questions(place, passages=True)
    assert {passage.title for passage in typed.passages} == {"A", "B"}
    assert load_typed_questions(place)[0].passages == ()


def test_original_hotpotqa_contexts_and_gold_documents(tmp_path: Path) -> None:
    original = HOTPOT | {"context": [["A", ["One. ", "Two."]], ["C", ["No."]]]}
    (typed,) = load_typed_questions(write(tmp_path / "one.jsonl", original), passages=True)
    assert [(one.title, one.text) for one in typed.passages] == [("A", "One. Two.")]
    place = write(tmp_path / "plus.jsonl", BROWSECOMP_PLUS)
    (typed,) = load_typed_questions(f"browsecomp-plus={place}", passages=True)
    assert [(one.title, one.text) for one in typed.passages] == [("5412", "It is Oslo.")]


def test_any_layout_through_a_mapping(tmp_path: Path) -> None:
    record = {
        "meta": {"key": 7, "steps": [{"page": "A"}, {"page": "B"}, {"page": "A"}], "kind": "chain"},
        "ask": {"text": "Who?"},
        "gold": {"main": "Ann", "also": ["Anna", "Ann"]},
        "dotted.name": "x",
    }
    fields = QuestionFields(
        question_field="ask.text",
        answer_field=("gold.main", "gold.also", "dotted.name"),
        id_field="meta.key",
        titles_field="meta.steps.page",
        hops_field="meta.steps",
        type_field="meta.kind",
    )
    (typed,) = load_typed_questions(write(tmp_path / "mine.jsonl", record), fields=fields)
    assert typed.question == Question("7", "mine", "Who?", ("Ann", "Anna", "x"), 3, ("A", "B"))
    assert typed.type == "chain"


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        (QuestionFields(question_field="ask.txt"), ["mine.jsonl:1", "'ask.txt'", "-field", "mean 'text'"]),
        (QuestionFields(question_field="ask.text.more"), ["--question-field", "got 'Who?'"]),
        (QuestionFields(question_field="ask.text", answer_field=("gold",)), ["'gold' must be a text or"]),
        (
            QuestionFields(question_field="ask.text", answer_field=("gold.main",), titles_field="gold.n"),
            ["expected titles, found int"],
        ),
        (
            QuestionFields(question_field="ask.text", answer_field=("gold.main",), hops_field="gold.half"),
            ["expected a number of hops, found float"],
        ),
    ],
)  # fmt: skip
def test_a_mapping_that_does_not_fit_is_told(
    tmp_path: Path, fields: QuestionFields, words: list[str]
) -> None:
    record = {"ask": {"text": "Who?"}, "gold": {"main": "Ann", "n": 3, "half": 0.5}}
    with pytest.raises(DataError) as caught:
        load_questions(write(tmp_path / "mine.jsonl", record), fields=fields)
    assert [word for word in words if word not in str(caught.value)] == []


def test_titles_in_every_form() -> None:
    assert title_texts(["A", "B", "A"]) == ("A", "B")
    assert title_texts([["A", 0], ["B", 1]]) == ("A", "B")
    assert title_texts('[["A", 0], ["B", 1]]') == ("A", "B")
    assert title_texts([{"title": "A"}, {"title": "B"}]) == ("A", "B")
    assert title_texts({"title": ["A"], "sent_id": [0]}) == ("A",)
    assert title_texts("A | B") == ("A", "B")
    assert title_texts("") == ()
    assert title_texts(None) is None
    assert page_title("https://en.m.wikipedia.org/wiki/AC/DC?x=1#y") == "AC/DC"
    assert page_title("https://example.org/AC_DC") == "https://example.org/AC_DC"
    with pytest.raises(TypeError, match="expected a list in the text"):
        title_texts("[A, B")


def test_hops_in_every_form() -> None:
    forms = (
        3,
        [1, 2, 3],
        {"fact": ["a", "b", "c"], "relation": ["x", "y", "z"]},
        "3",
        "3hop1__1_2_3",
        "[1, 2, 3]",
    )
    assert {hop_count(form) for form in forms} == {3}
    assert (hop_count(None), hop_count("bridge")) == (None, None)
    with pytest.raises(TypeError, match="expected a number of hops"):
        hop_count(True)


@pytest.mark.parametrize(
    ("name", "count"), [("hotpotqa_train500_contexts.json.gz", 500), ("musique_train100.json.gz", 100)]
)
def test_real_files_through_a_mapping_as_by_their_layout(shared_data: Path, name: str, count: int) -> None:
    source = str(shared_data / "retrieval" / name)
    known = load_questions(source)
    musique = name.startswith("musique")
    fields = QuestionFields(
        question_field="question",
        answer_field=("answer", "answer_aliases") if musique else ("answer",),
        hops_field="id" if musique else None,
        titles_field=None if musique else "supporting_facts",
    )
    assert load_questions(source, fields=fields) == known
    assert len(known) == count


def test_real_musique_hops_are_those_of_the_ids(shared_data: Path) -> None:
    questions = load_questions(str(shared_data / "retrieval" / "musique_100.json.gz"))
    assert {question.hops for question in questions} == {2, 3, 4}
    assert all(question.question_id.startswith(f"{question.hops}hop") for question in questions)


def test_real_answers_without_ids(shared_data: Path) -> None:
    source = str(shared_data / "retrieval" / "hotpotqa_dev_answers.json.gz")
    fields = QuestionFields(question_field="question", answer_field=("answer",), type_field="type")
    typed = load_typed_questions(source, limit=50, seed=1, fields=fields)
    assert typed == load_typed_questions(source, limit=50, seed=1)
    assert {each.type for each in typed} == {"bridge", "comparison"}


def test_the_passages_of_records_make_a_corpus(tmp_path: Path) -> None:
    other = HOTPOT | {"id": "h2", "question": "Which came last?"}
    place = write(tmp_path / "two.jsonl", HOTPOT, other)
    pooled = open_corpus(f"pooled:hotpotqa={place}")
    assert pooled.name == "hotpotqa-pooled"
    assert [(one.title, one.text) for one in read_passages(pooled)] == [("A", "a."), ("B", "b."), ("C", "c.")]
    longseal = LONGSEAL | {"30_docs": [{"title": "T", "text": "t"}, {"title": "U", "text": None}]}
    corpus = open_corpus(f"pooled:longseal={write(tmp_path / 'seal.jsonl', longseal)}")
    assert [one.title for one in read_passages(corpus)] == ["T"]
    musique = open_corpus(f"pooled:{write(tmp_path / 'm.jsonl', MUSIQUE)}")
    assert [one.title for one in read_passages(musique)] == ["A", "N", "B"]
    assert musique.fingerprint() != corpus.fingerprint()
    index = build_index(f"pooled:hotpotqa={place}", tmp_path / "index", IndexConfig())
    assert (index.manifest.passages, index.manifest.corpus.split("@")[0]) == (3, "hotpotqa-pooled")


def test_encrypted_passages_make_none(tmp_path: Path) -> None:
    place = write(tmp_path / "plus.jsonl", BROWSECOMP_PLUS)
    with pytest.raises(DataError, match="must not be encrypted"):
        open_corpus(f"pooled:browsecomp-plus={place}")
