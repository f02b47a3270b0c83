"""How vLLM is started: the model's name, its family's parsers, what is passed on, what is refused."""

import sys
from pathlib import Path

import pytest
from trajset.builder.chat.families import family_named, family_of_model
from trajset.builder.chat.vllm_command import (
    Served,
    served,
    server_command,
    server_environment,
)
from trajset.builder.errors import ConfigError
from trajset.builder.vllm_config import VllmConfig

PYTHON = VllmConfig(vllm_python=Path(sys.executable))
QWEN3 = family_named("qwen3")
QWEN = Served("Qwen/Qwen3-32B", "Qwen/Qwen3-32B")


@pytest.mark.parametrize(
    ("model", "parsers"),
    [
        ("Qwen/Qwen3-32B", "--tool-call-parser hermes --reasoning-parser qwen3"),
        ("Qwen/Qwen3-4B-Instruct-2507", "--tool-call-parser hermes"),
        ("Qwen/Qwen2.5-7B-Instruct", "--tool-call-parser hermes"),
        ("meta-llama/Llama-3.2-3B-Instruct", "--tool-call-parser llama3_json"),
        ("mistralai/Mistral-Small-3.2-24B-Instruct-2506", "--tool-call-parser mistral"),
        ("google/gemma-2-9b-it", "--disable-uvicorn-access-log"),
    ],
)
def test_a_family_has_its_parsers(model: str, parsers: str) -> None:
    family = family_of_model(model)
    assert family is not None
    command = server_command(served(f"vllm:{model}"), family.grammar, family, PYTHON)
    assert " ".join(command).endswith(parsers)


def test_a_folder_is_called_by_its_last_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "tiny-qwen3").mkdir()
    monkeypatch.chdir(tmp_path)
    assert served("vllm:./tiny-qwen3") == Served("tiny-qwen3", "tiny-qwen3")
    assert served(f"vllm:{tmp_path}/tiny-qwen3/").name == "tiny-qwen3"


def test_a_hub_model_may_be_pinned() -> None:
    assert served("vllm:Qwen/Qwen3-32B@abc123") == Served("Qwen/Qwen3-32B", "Qwen/Qwen3-32B", "abc123")
    command = server_command(served("vllm:Qwen/Qwen3-32B@abc123"), "tags", QWEN3, PYTHON)
    assert command[command.index("--revision") + 1] == "abc123"


@pytest.mark.parametrize("teacher", ["vllm:", "vllm:./missing", "vllm:/missing/folder", "vllm:a/b/c"])
def test_what_is_no_model_is_refused(teacher: str) -> None:
    with pytest.raises(ConfigError, match="teacher: must name a model to serve"):
        served(teacher)


def test_the_command_holds_name_parsers_sizes_and_what_is_passed_on() -> None:
    options = VllmConfig(Path(sys.executable), tensor_parallel=4, vllm_args='--max-model-len 4096 --x "a b"')
    command = server_command(QWEN, "tools", QWEN3, options)
    assert command[0] == sys.executable
    text = " ".join(command)
    assert "-m vllm.entrypoints.openai.api_server --model Qwen/Qwen3-32B" in text
    assert "--served-model-name Qwen/Qwen3-32B --host 127.0.0.1" in text
    assert "--tensor-parallel-size 4 --data-parallel-size 1" in text
    assert "--enable-auto-tool-choice --tool-call-parser hermes --reasoning-parser qwen3" in text
    assert command[-4:] == ("--max-model-len", "4096", "--x", "a b")


def test_the_command_vllm_is_taken_where_no_python_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    program = tmp_path / "vllm"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("TRAJSET_VLLM_PYTHON", raising=False)
    assert server_command(QWEN, "tools", QWEN3, VllmConfig())[:3] == (str(program), "serve", "Qwen/Qwen3-32B")
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    with pytest.raises(ConfigError, match=r"--vllm-python or TRAJSET_VLLM_PYTHON"):
        server_command(QWEN, "tools", QWEN3, VllmConfig())


def test_parsers_can_be_named_or_left_out() -> None:
    named = VllmConfig(Path(sys.executable), tool_parser="pythonic", reasoning_parser="none")
    command = server_command(QWEN, "tools", QWEN3, named)
    assert "pythonic" in command
    assert "--reasoning-parser" not in command
    plain = server_command(Served("x/unknown", "x/unknown"), "tags", None, PYTHON)
    assert "--tool-call-parser" not in plain
    with pytest.raises(ConfigError, match="tool_parser: must be known for --grammar tools"):
        server_command(Served("x/unknown", "x/unknown"), "tools", None, PYTHON)


@pytest.mark.parametrize("words", ["--api-key sk-1", "--api_key=sk-1", "--hf-token sk-1", "--x 'sk-1"])
def test_keys_and_open_quotes_are_refused_and_not_repeated(words: str) -> None:
    with pytest.raises(ConfigError, match="vllm_args") as caught:
        server_command(QWEN, "tags", QWEN3, VllmConfig(Path(sys.executable), vllm_args=words))
    assert "sk-1" not in str(caught.value)


def test_a_python_that_is_not_there_is_refused() -> None:
    with pytest.raises(ConfigError, match="vllm_python: must be a program"):
        server_command(QWEN, "tags", QWEN3, VllmConfig(Path("/missing/python")))


def test_the_key_of_other_servers_is_kept_from_it() -> None:
    here = {"OPENAI_API_KEY": "sk-1", "HF_TOKEN": "hf_1", "VLLM_NO_USAGE_STATS": "0"}
    assert server_environment("OPENAI_API_KEY", here) == {"HF_TOKEN": "hf_1", "VLLM_NO_USAGE_STATS": "0"}
