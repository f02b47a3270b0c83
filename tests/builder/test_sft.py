"""trl's SFTTrainer takes a published split as it is; retrieved text and questions are masked."""

import importlib.util
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from datasets import load_from_disk
from hub_site import StubSite, python
from sample_rows import sample_row
from trajset.builder.dataset import Tables, write_dataset, write_split
from trajset.builder.hub import publish
from trajset.builder.manifest import MadeBy
from trajset.builder.schema import Row

needs_trl = pytest.mark.skipif(
    importlib.util.find_spec("trl") is None, reason="needs the extra [train]: pip install 'trajset[train]'"
)


def written_rows(folder: Path) -> list[Row]:
    """Eight rows with observations of their own, all of them in the split `f1_search`."""
    rows = [sample_row(number, text=f"Zanzibar {number} lies by the sea.") for number in range(8)]
    write_dataset(folder, Tables(rows), MadeBy("test", datetime(2026, 1, 1, tzinfo=UTC)))
    write_split(folder, "f1_search", [row.id for row in rows], {"predicate": "f1 > 0.65"})
    return rows


# `datasets` reads the Hub's address when it is imported: hence a process of its own, which stores the split.
LOAD = """
from datasets import load_dataset
load_dataset("tester/sft", split="f1_search", revision="v1.0.0").save_to_disk({out!r})
"""


def published_split(stub: StubSite, folder: Path) -> Any:
    """The split of `folder / "data"`, published and loaded at its tag."""
    publish(folder / "data", "tester/sft", "v1.0.0", site=stub.site)
    python(LOAD.format(out=str(folder / "loaded")), stub.address, folder / "home")
    return load_from_disk(str(folder / "loaded"))


def trainer_on(split: Any, model: Path, out: Path) -> Any:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import SFTConfig, SFTTrainer

    torch.manual_seed(0)
    settings = SFTConfig(
        output_dir=str(out),
        max_steps=1,
        per_device_train_batch_size=2,
        max_length=2048,
        assistant_only_loss=True,
        bf16=False,
        use_cpu=True,
        gradient_checkpointing=False,
        report_to=[],
        save_strategy="no",
        disable_tqdm=True,
    )
    return SFTTrainer(
        model=AutoModelForCausalLM.from_pretrained(model),
        args=settings,
        train_dataset=split,
        processing_class=AutoTokenizer.from_pretrained(model),
    )


def trained_and_masked(trainer: Any) -> list[tuple[str, str]]:
    """Per row the text that is in the loss and the text that is not, as the collator hands them over."""
    tokenizer, examples = trainer.processing_class, list(trainer.train_dataset)
    batch = trainer.data_collator(examples)
    found = []
    for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
        found.append((tokenizer.decode(ids[labels != -100]), tokenizer.decode(ids[labels == -100])))
    return found


@needs_trl
def test_sft_trainer_takes_a_published_split_unconverted(stub: StubSite, tmp_path: Path) -> None:
    from tiny_model import make_tiny_qwen3

    rows = written_rows(tmp_path / "data")
    texts = [message.content for row in rows for message in row.conversation.messages]
    make_tiny_qwen3(tmp_path / "model", texts, steps=0)
    trainer = trainer_on(published_split(stub, tmp_path), tmp_path / "model", tmp_path / "out")
    texts = trained_and_masked(trainer)
    assert len(texts) == len(rows)
    for row, (trained, masked) in zip(rows, texts, strict=True):
        number = row.provenance.seed
        assert f'"query": "capital {number}"' in trained
        assert "<answer>Rome</answer>" in trained
        assert "It says so." in trained
        assert f"Zanzibar {number} lies by the sea." in masked
        assert row.question.question in masked
        assert "Zanzibar" not in trained
    loss = trainer.train().training_loss
    assert 0 < loss < 20
