"""`probe.json` gives back what was written, and says what is wrong with a file that is damaged."""

import dataclasses
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import orjson
import pytest
from probe_samples import closed_row, features, live_row, planted
from trajset.builder.errors import DataError
from trajset.eval.probe import ProbeRows, probe_features
from trajset.eval.probe_options import ProbeOptions
from trajset.eval.results import Probe
from trajset.eval.results_json import (
    ProbeFile,
    probe_from_json,
    probe_to_json,
    read_probe,
    versions_here,
    write_probe,
)


@pytest.fixture(scope="module")
def probe() -> Probe:
    values, chance = planted(60)
    rows = ProbeRows(
        [closed_row(number, float(one > 0.5)) for number, one in enumerate(chance)],
        [live_row(number, 0.5) for number in range(60)],
    )
    return probe_features(features(values), rows, ProbeOptions(draws=50))


def test_a_probe_comes_back_equal(probe: Probe) -> None:
    assert probe_from_json(probe_to_json(probe)) == probe
    assert probe_from_json(orjson.loads(orjson.dumps(probe_to_json(probe)))) == probe
    constant = dataclasses.replace(probe, ece=None, auroc=None, brier=None, constant=True, curve=())
    assert probe_from_json(probe_to_json(constant)) == constant


def test_a_file_comes_back_equal(probe: Probe, tmp_path: Path) -> None:
    file = ProbeFile(probe, "trajset probe", datetime(2026, 1, 2, tzinfo=UTC), versions_here())
    write_probe(tmp_path / "probe.json", file)
    assert read_probe(tmp_path) == read_probe(tmp_path / "probe.json") == file
    assert "scikit-learn" in file.versions


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"ece": "0.1"}, r"probe\.ece: Input should be a valid number"),
        ({"bins": [{"low": 0.0}]}, r"probe\.bins\.0\.high: "),
        ({"layer": None}, r"probe\.layer: "),
        ({"eec": 0.1}, r"probe\.eec: must be a field that this trajset knows"),
    ],
)
def test_a_damaged_probe_is_refused(probe: Probe, change: dict[str, object], said: str) -> None:
    with pytest.raises(DataError, match=said):
        probe_from_json(probe_to_json(probe) | change)


def test_what_is_no_probe_is_refused(probe: Probe, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="probe: must be JSON"):
        probe_from_json(np.zeros(2))
    with pytest.raises(DataError, match="must be a file of `trajset probe`"):
        read_probe(tmp_path)
    (tmp_path / "probe.json").write_bytes(b'{"probe": ')
    with pytest.raises(DataError, match=r"probe\.json: must be JSON"):
        read_probe(tmp_path)
    file = ProbeFile(probe, "x", datetime(2026, 1, 2, tzinfo=UTC), made_by="somebody")
    write_probe(tmp_path / "probe.json", file)
    with pytest.raises(DataError, match="made_by: must be 'trajset probe'"):
        read_probe(tmp_path)
