"""Wikitext to text: what is kept, what goes, and that patterns and parser agree."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from trajset.builder.wikipedia.rules import TextRule
from trajset.builder.wikipedia.wikitext import by_parser, plain_text

CASES = {
    "A '''b''' ''c''": "A b c",
    "[[Paris|the city]] of [[France]]s": "the city of Frances",
    'a<ref>no {{cite|x}}</ref> b<ref name=x/> c<ref name="y" />.': "a b c.",
    "{{Infobox|a={{b|c}}\n|d=[[e]]}}text": "text",
    "x<!-- [[no]] -->y": "xy",
    "[[File:a.jpg|thumb|a [[big]] house]]text [[Category:Z]]": "text",
    "[[:Category:Z]] named": "Category:Z named",
    "{{convert|5|km|mi}} away, {{nowrap|1 May}}, {{lang|fr|le ''mot''}}": "5 km away, 1 May, le mot",
    "at [https://x.org the site] and [https://y.org]": "at the site and",
    "5&nbsp;km &ndash; &lt;b&gt; &amp;lt; &#x41;&#0;": "5\u00a0km – <b> &lt; A\ufffd",
    "== Head ==\nbody\n=== More ===\nend": "body end",
    "(; born 1900) and ( , ) x": "(born 1900) and x",
    "H<sub>2</sub>O<br/>next <math>x^{2}</math>": "H2O next",
    "<gallery>\nFile:a.jpg|b\n</gallery>text": "text",
    "<nowiki>{{not a template}}</nowiki> [[a]]": "{{not a template}} a",
    "one {{unclosed [[link]] two": "one {{unclosed link two",
    "}} ]] |} text": "}} ]] |} text",
    "a__NOTOC__b": "ab",
}


@pytest.mark.parametrize("wikitext", CASES)
def test_text_as_a_reader_sees_it(wikitext: str) -> None:
    assert " ".join(plain_text(wikitext, TextRule()).split(None)) == " ".join(CASES[wikitext].split())


def test_lists_and_tables_stay_on_demand() -> None:
    wikitext = "p\n* one {{cite\n|a}} [[two]]\n# three\n{| class=x\n! h\n|-\n| a || [[b]]\n|}\nend"
    assert plain_text(wikitext, TextRule()).split() == ["p", "end"]
    assert plain_text(wikitext, TextRule(lists=True)).split() == ["p", "one", "two", "three", "end"]
    assert plain_text(wikitext, TextRule(tables=True)).split() == ["p", "h", "a", "b", "end"]


PIECES = [
    "word", " ", "\n", "[[a]]", "[[a|b c]]", "[[File:x.jpg|thumb|[[c]] d]]", "{{t}}", "{{t|{{u|v}}}}",
    "'''b'''", "{{nowrap|n {{t}} m}}", "{{convert|3|km}}", "{{nowrap|[[a|b]] c|x=y}}",
    "{{t|a={{nowrap|d}}}}", "{{lang|fr|e|f}}", "H<sub>2</sub>O", "<span class=x>y</span>",
    "[[a|<small>l</small>]]", "[//x.org m]", "[https://x.org]", "\n== H ==\n", "\n* item\n",
    "\n{|\n! h\n|-\n| c\n|}\n", "<ref>r</ref>", "<ref name=a />", "<!-- c -->", "<small>s</small>", "<br/>",
    "&nbsp;", "&ndash;", "[https://x.org label]", "(", ")", ", ", ". ", "<nowiki>[[x]]</nowiki>",
    "{{{1|d}}}", "[[Category:K]]",
]  # fmt: skip


@settings(deadline=None, max_examples=300)
@given(st.lists(st.sampled_from(PIECES), max_size=25), st.booleans(), st.booleans())
def test_patterns_and_parser_give_the_same_words(pieces: list[str], lists: bool, tables: bool) -> None:
    wikitext, rule = "".join(pieces), TextRule(lists, tables)
    assert plain_text(wikitext, rule).split() == by_parser(wikitext, rule).split()


@settings(deadline=None, max_examples=200)
@given(
    st.lists(st.sampled_from([*PIECES, "{{", "}}", "[[", "]]", "{|", "|}", "<", ">", "&", "=", "\x00", "‮"]))
)
def test_broken_markup_is_text_and_no_crash(pieces: list[str]) -> None:
    assert plain_text("".join(pieces), TextRule()).encode("utf-8") is not None
