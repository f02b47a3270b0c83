"""Any text put into Markdown shows as it is and breaks nothing around it."""

from hypothesis import example, given
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.tree import SyntaxTreeNode
from trajset.dataset_cards import markdown

COMMONMARK = MarkdownIt("commonmark").enable("table").enable("strikethrough")

printable = st.text(st.characters(exclude_categories=["C", "Z"], include_characters=" \n|`"), max_size=12)


def shown(node: SyntaxTreeNode) -> str:
    return node.content if node.type in ("text", "code_inline") else "".join(map(shown, node.children))


def cells(source: str) -> list[str]:
    tree = SyntaxTreeNode(COMMONMARK.parse(f"| a | b |\n|---|---|\n| {source} | end |\n"))
    (table,) = tree.children
    assert table.type == "table"
    return [shown(cell) for cell in table.children[1].children[0].children]


@given(printable)
@example("a|b\\|c <b>bold</b> [x](y) **z** &amp; ~~q~~ `code`")
@example("\\")
def test_text_in_a_cell(value: str) -> None:
    assert cells(markdown.text(value)) == [" ".join(value.split()), "end"]


@given(printable)
@example("a|b `c` ``d <e>")
@example("`")
@example("x\\")
def test_code_in_a_cell(value: str) -> None:
    line = " ".join(value.split())
    assert cells(markdown.code(value)) == [line or "(empty)", "end"]


@given(st.text(st.characters(exclude_categories=["C"], include_characters="\n`~"), max_size=20))
@example("```\nend\n```")
def test_a_block_holds_any_text(value: str) -> None:
    first, last = SyntaxTreeNode(COMMONMARK.parse(f"{markdown.block(value, 'text')}\n\nend")).children
    assert (first.type, first.content) == ("fence", value.rstrip() + "\n")
    assert last.type == "paragraph"


def test_numbers() -> None:
    assert markdown.count(1234567) == "1,234,567"
    assert markdown.percent(0.12345) == "12.3%"
    assert markdown.percent(None) == markdown.decimal(None) == "–"
    assert markdown.decimal(2.5) == "2.50"
