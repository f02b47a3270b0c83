"""Which pages of a dump are articles."""

import pytest
from trajset.builder.errors import DataError
from trajset.builder.wikipedia.pages import Dropped, is_disambiguation, not_an_article, read_pages
from wiki_dump import page


def reason(xml: bytes, keep: bool = False) -> Dropped | None:
    (found,) = read_pages(xml, "here")
    return not_an_article(found, keep)


def test_a_page_as_the_dump_has_it() -> None:
    (found,) = read_pages(page(12, "a < b & [[c]] é", "T & é"), "here")
    assert (found.id, found.title, found.text) == ("12", "T & é", "a < b & [[c]] é")
    assert not_an_article(found, keep_disambiguation=False) is None


def test_redirects_and_other_namespaces_are_no_articles() -> None:
    assert reason(page(1, "x", redirect=True)) is Dropped.REDIRECT
    assert reason(page(1, "x", "Template:x", 10)) is Dropped.NAMESPACE


@pytest.mark.parametrize(
    "text",
    [
        "{{disambiguation}}",
        "{{Disambig|geo}}",
        "{{hndis|x}}",
        "{{Place name disambiguation}}",
        "__DISAMBIG__",
    ],
)
def test_disambiguation_pages_by_template(text: str) -> None:
    assert reason(page(1, text)) is Dropped.DISAMBIGUATION
    assert reason(page(1, text), keep=True) is None


def test_an_article_that_links_to_one_is_an_article() -> None:
    assert reason(page(1, "[[a]]{{disambiguation needed|date=May}} {{about|b||c (disambiguation)}}")) is None


def test_disambiguation_pages_in_plain_text() -> None:
    assert is_disambiguation("Mercury (disambiguation)", "")
    assert (
        is_disambiguation("Mercury", "Mercury most often refer to:\n\nMercury may refer to:\nA planet")
        is False
    )
    assert is_disambiguation("Mercury", "Mercury may refer to:\n\nMercury (planet), a planet")
    assert not is_disambiguation("Mercury", "Mercury is a planet. The name may refer to a god as well.")


@pytest.mark.parametrize("xml", [b"<page><title>x</page>", b"<page>&bomb;</page>", b"<page>\x00</page>"])
def test_what_is_no_xml_is_told_with_its_place(xml: bytes) -> None:
    with pytest.raises(DataError, match=r"dump\.xml piece 3: must be well-formed XML"):
        list(read_pages(xml, "dump.xml piece 3"))


def test_a_page_needs_an_id() -> None:
    with pytest.raises(DataError, match="every page must have an id and a title"):
        list(read_pages(b"<page><title>x</title></page>", "here"))
