"""Verdicts: what follows from the seeds, claim by claim."""

import pytest
from trajset.eval.cells import Mode
from trajset.eval.lab.claims import PERCENT, Claim, Contrast, Verdict, claims
from trajset.eval.lab.findings import MADE_UP, SeedFindings
from trajset.eval.lab.plan import STUDENTS


def seed(number: int, shift: float = 0.0, **changes: float) -> SeedFindings:
    """A seed in which every claim of the paper holds, but for what `changes` says of live F1."""
    live = {
        "base": 0.30,
        "unfiltered": 0.40,
        "standard": 0.45,
        "asp": 0.60,
        "opd": 0.58,
        "mixed": 0.61,
        "rft": 0.60,
        "grpo": 0.10,
    } | changes
    never = dict.fromkeys(STUDENTS, 0.0) | {"standard": 0.2}
    means = {}
    for model in STUDENTS:
        lost = 0.12 if model == "standard" else 0.02
        means[model, Mode.LIVE, "f1"] = live[model] + shift
        means[model, Mode.NOISY, "f1"] = live[model] + shift - lost
        means[model, Mode.CLOSED_BOOK, "f1"] = 0.1
        means[model, Mode.LIVE, "never_searches"] = never[model] + shift / 10
        means[model, Mode.LIVE, MADE_UP] = never[model] / 2
    adaptive = {(model, PERCENT): -0.05 - shift for model in STUDENTS}
    return SeedFindings(number, means, adaptive)


def by_letter(*seeds: SeedFindings) -> dict[str, Claim]:
    return {claim.letter: claim for claim in claims(seeds)}


def test_all_claims_show_where_all_seeds_agree() -> None:
    found = by_letter(seed(0), seed(1, 0.01), seed(2, -0.01))
    assert list(found) == ["a", "b", "c", "d", "e", "f"]
    assert {claim.verdict for claim in found.values()} == {Verdict.SHOWS}
    assert found["b"].contrasts[0].value == pytest.approx(0.15)
    assert found["c"].contrasts[0].value == pytest.approx(0.10)
    assert found["d"].contrasts[0].value == pytest.approx(0.05)


def test_a_claim_is_as_strong_as_its_weakest_contrast() -> None:
    found = by_letter(*(seed(number, number / 100, unfiltered=0.7) for number in range(3)))
    strict, none = found["e"].contrasts
    assert (strict.verdict, none.verdict) == (Verdict.SHOWS, Verdict.OPPOSITE)
    assert found["e"].verdict is Verdict.OPPOSITE
    assert found["b"].verdict is Verdict.SHOWS


@pytest.mark.parametrize(
    ("by_seed", "verdict"),
    [
        ((0.10, 0.11, 0.12), Verdict.SHOWS),
        ((0.01, 0.11, 0.30), Verdict.LEANS),
        ((-0.01, 0.11, 0.12), Verdict.NOT),
        ((-0.10, -0.11, -0.12), Verdict.OPPOSITE),
        ((0.2, 0.2, 0.2), Verdict.SHOWS),
        ((0.0, 0.0, 0.0), Verdict.NOT),
        ((0.2,), Verdict.LEANS),
        ((-0.2,), Verdict.NOT),
    ],
)
def test_the_verdict_of_a_contrast(by_seed: tuple[float, ...], verdict: Verdict) -> None:
    assert Contrast("", by_seed).verdict is verdict


def test_the_interval_is_students_t() -> None:
    """Mean 2, standard error 1 / sqrt(3), t(0.975, 2) = 4.3027."""
    low, high = Contrast("", (1.0, 2.0, 3.0)).interval or (0.0, 0.0)
    assert (low, high) == pytest.approx((2 - 4.30265 / 3**0.5, 2 + 4.30265 / 3**0.5), abs=1e-4)
    assert Contrast("", (1.0,)).interval is None


def test_no_seed_says_nothing() -> None:
    with pytest.raises(ValueError, match="at least one seed"):
        claims([])
