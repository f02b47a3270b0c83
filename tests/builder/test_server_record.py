"""The record of the servers that a run started."""

from pathlib import Path

from trajset.builder.server_record import ServerStart, record_start, server_versions


def test_each_server_is_named_once(tmp_path: Path) -> None:
    assert server_versions(tmp_path) is None
    worker = tmp_path / "workers" / "worker-0"
    worker.mkdir(parents=True)
    for folder, version in ((tmp_path, "0.32.0"), (tmp_path, "0.32.0"), (worker, None)):
        record_start(folder, ServerStart("vllm", version, "m", ("vllm", "serve", "m"), 3.0, 7))
    assert server_versions(tmp_path) == "vllm 0.32.0, vllm ?"


def test_a_line_that_was_cut_short_keeps_no_dataset_from_being_written(tmp_path: Path) -> None:
    record_start(tmp_path, ServerStart("vllm", "0.32.0", "m", ("vllm",), 3.0, 7))
    with (tmp_path / "servers.jsonl").open("ab") as file:
        file.write(b'{"server":"vllm","ver')
    assert server_versions(tmp_path) == "vllm 0.32.0"
