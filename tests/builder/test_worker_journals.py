"""What workers leave in their folders beside the run's journal."""

from pathlib import Path

from trajset.builder.worker_journals import discard


def test_token_ids_of_workers_go_into_the_file_of_the_run(tmp_path: Path) -> None:
    for name in ("worker-m-0-0", "worker-m-1-0"):
        folder = tmp_path / "workers" / name
        folder.mkdir(parents=True)
        (folder / "token_ids.jsonl").write_text(f'{{"turn":"{name}"}}\n', "utf-8")
    (tmp_path / "token_ids.jsonl").write_text('{"turn":"here"}\n', "utf-8")
    discard(tmp_path)
    lines = (tmp_path / "token_ids.jsonl").read_text("utf-8").splitlines()
    assert lines == ['{"turn":"here"}', '{"turn":"worker-m-0-0"}', '{"turn":"worker-m-1-0"}']
    assert not (tmp_path / "workers").exists()
