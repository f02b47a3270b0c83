"""The owner's words: read from TOML, remembered in the card, checked."""

from pathlib import Path

import pytest
from trajset.builder.errors import DataError
from trajset.dataset_cards.about import About, about_in_card, read_about


def read(folder: Path, text: str) -> About:
    path = folder / "about.toml"
    path.write_text(text, "utf-8")
    return read_about(path)


def test_all_keys(tmp_path: Path) -> None:
    text = """
        title = "T"
        summary = "S"
        licence = "cc-by-4.0"
        language = ["en", "de"]
        citation = "C"
        repo = "me/t"
    """
    assert read(tmp_path, text) == About("T", "S", "cc-by-4.0", ("en", "de"), "C", "me/t")
    assert read(tmp_path, 'language = "en"') == About(language=("en",))


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('licens = "mit"', "Did you mean 'licence'"),
        ('licence = "MIT License"', "Write the Hub's identifier"),
        ('language = "english"', "Write an ISO 639 code"),
        ("language = 3", "language"),
        ("title = 3", "title: must be a text"),
        ('summary = " "', "summary: must be a text"),
        ('repo = "somewhere"', "NAME/DATASET"),
        ("title", "must be a TOML file"),
    ],
)
def test_bad_input(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(DataError) as caught:
        read(tmp_path, text)
    assert said in str(caught.value)
    assert "about.toml" in str(caught.value)


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere\.toml"):
        read_about(tmp_path / "nowhere.toml")


def test_a_readme_that_is_no_computed_card(tmp_path: Path) -> None:
    readme = tmp_path / "README.md"
    assert about_in_card(readme) is None
    readme.write_text("# Mine\n")
    assert about_in_card(readme) is None
    readme.write_text("---\nlicense: mit\n---\n# Mine\n")
    assert about_in_card(readme) is None
    readme.write_text("---\n[:\n---\n# Mine\n")
    with pytest.raises(DataError, match="YAML mapping"):
        about_in_card(readme)
    readme.write_text("---\ntrajset:\n  title: T\n---\n# T\n")
    assert about_in_card(readme) == About("T")
