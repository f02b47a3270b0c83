"""The plots are drawn for one model and for several, and a name smuggles nothing into them."""

import dataclasses
from xml.parsers.expat import ParserCreate

import pytest
from probe_samples import closed_row, features, live_row, planted
from trajset.eval.probe import ProbeRows, probe_features
from trajset.eval.probe_options import ProbeOptions
from trajset.eval.probe_plots import probe_plots
from trajset.eval.results import Probe
from trajset.filters.report.plot import standalone


@pytest.fixture(scope="module")
def probe() -> Probe:
    values, chance = planted(60)
    rows = ProbeRows(
        [closed_row(number, float(one > 0.5)) for number, one in enumerate(chance)],
        [live_row(number, 0.5) for number in range(60)],
    )
    return probe_features(features(values), rows, ProbeOptions(draws=50))


def test_one_model_has_three_plots_and_equal_probes_equal_ones(probe: Probe) -> None:
    plots = probe_plots([probe])
    assert [plot.name for plot in plots] == ["reliability", "histogram", "adaptive"]
    for plot in plots:
        ParserCreate().Parse(standalone(plot), True)
        assert "student, demo" in plot.wide
        assert plot.alt
    assert plots == probe_plots([probe])


def test_several_models_stand_side_by_side_and_one_without_live_rows_has_no_curve(probe: Probe) -> None:
    other = dataclasses.replace(probe, model="other", curve=(), oracle_curve=(), random_curve=())
    reliability, histogram, adaptive = probe_plots([probe, other])
    assert "other, demo" in reliability.wide
    assert "other, demo" in histogram.narrow
    assert "other" not in adaptive.wide
    assert len(probe_plots([other])) == 2


def test_unknowns_and_foreign_names_are_drawn(probe: Probe) -> None:
    strange = dataclasses.replace(
        probe, model="<script>$x$\x1b[31m", constant=True, ece=None, auroc=None, components=0
    )
    for plot in probe_plots([strange]):
        ParserCreate().Parse(standalone(plot), True)
        assert "<script>" not in plot.wide
        assert "\x1b" not in plot.wide + plot.alt
