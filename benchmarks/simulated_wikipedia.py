"""A Wikipedia dump that means nothing: seeded, as large as wanted, with the markup that costs the time.

    python benchmarks/simulated_wikipedia.py FOLDER [--articles 300000]

Writes `simulated-pages-articles-multistream.xml.bz2` (100 pages a stream, as dumps.wikimedia.org has it) and
`articles/*.parquet`, the same articles as plain text with the columns of wikimedia/wikipedia. Words follow
Zipf's law. An article has an infobox, sections, links, references with citation templates, a table in one of
four, a list, categories, some HTML and external links; for ten articles there are four redirects, one talk
page and a few disambiguations. Both give the same passages.
"""

from __future__ import annotations

import argparse
import bz2
import random
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from xml.sax.saxutils import escape

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

PAGES_PER_STREAM = 100
_ROWS_PER_FILE = 100_000
_WORDS = 50_000
_SENTENCES = 200_000
_WORDS_PER_SENTENCE = 20
_SENTENCES_PER_ARTICLE = 18
"""Mean; 360 words, or three to four passages, which is what an article of the DPR corpus has."""

HEAD = '<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11" xml:lang="en">\n'
SITE = "  <siteinfo><sitename>Simulated</sitename><dbname>simwiki</dbname></siteinfo>\n"
END = "</mediawiki>\n"


@dataclass(frozen=True, slots=True)
class Article:
    """One article both ways."""

    number: int
    title: str
    wikitext: str
    plain: str


class Articles:
    """A pool of sentences, from which articles are drawn."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        rng = np.random.default_rng(seed)
        lengths = rng.integers(2, 11, _WORDS)
        letters = rng.choice(list("aabcdeeefghiijklmnoopqrrssttuvwxyz"), int(lengths.sum()))
        ends = np.cumsum(lengths)
        self._words = ["".join(letters[end - size : end]) for end, size in zip(ends, lengths, strict=True)]
        ranks = np.minimum(rng.zipf(1.2, (_SENTENCES, _WORDS_PER_SENTENCE)), _WORDS * 1000) % _WORDS
        self._plain = [" ".join(self._words[rank] for rank in row).capitalize() + "." for row in ranks]
        self._marked = [self._mark(text) for text in self._plain]

    def article(self, number: int) -> Article:
        """The article of that number; the same for the same seed when asked for in the same order."""
        draw = self._random
        picks = [
            draw.randrange(_SENTENCES) for _ in range(1 + int(draw.expovariate(1 / _SENTENCES_PER_ARTICLE)))
        ]
        title = f"{self._some(2).title()} {number}"
        return Article(
            number,
            title,
            self._page(title, picks),
            "\n\n".join([title, *(self._plain[pick] for pick in picks)]),
        )

    def _some(self, count: int) -> str:
        return " ".join(self._random.choice(self._words) for _ in range(count))

    def _mark(self, sentence: str) -> str:
        words = sentence.split(" ")
        for place in (5, 11):
            if self._random.random() < 0.2:
                words[place] = self._odd(words[place])
        words[3] = f"[[{self._some(2)}|{words[3]}]]"
        words[9] = f"[[{words[9]}]]"
        words[13] = f"''{words[13]}''"
        if self._random.random() < 0.6:
            words[-1] += self._reference()
        return " ".join(words)

    def _odd(self, word: str) -> str:
        """The word in markup that only a parser reads, of which most articles have some."""
        forms = (f"{{{{nowrap|{word}}}}}", f"<small>{word}</small>", f"[https://{word}.org {word}]")
        return self._random.choice(forms)

    def _reference(self) -> str:
        name = self._some(1)
        return (
            f"<ref>{{{{cite web |url=https://{name}.org/{self._some(1)} |title={self._some(6)} "
            f"|last={self._some(1)} |date=2019-05-01 |access-date=2020-06-02 "
            f"|publisher=[[{self._some(2)}]]}}}}</ref>"
        )

    def _page(self, title: str, picks: list[int]) -> str:
        rows = "".join(f"| key{row} = {self._some(2)}\n" for row in range(8))
        parts = [f"{{{{Infobox thing\n| name = {title}\n{rows}}}}}\n'''{title}''' <!-- lead -->\n"]
        for place, pick in enumerate(picks):
            if place % 6 == 5:
                parts.append(f"\n\n== {self._some(2)} ==\n[[File:{self._some(1)}.jpg|thumb|A [[picture]]]]\n")
            parts.append(self._marked[pick] + " ")
        if self._random.random() < 0.25:
            cells = "".join(f"|-\n| {self._some(2)} || {self._some(1)} || 12\n" for _ in range(6))
            parts.append(f'\n{{| class="wikitable"\n! one !! two !! three\n{cells}|}}\n')
        links = "".join(f"* [[{self._some(2)}]]\n" for _ in range(3))
        return "".join(parts) + f"\n== See also ==\n{links}{{{{reflist}}}}\n[[Category:{self._some(2)}]]\n"


def page_xml(number: int, title: str, text: str, namespace: int = 0, redirect: str = "") -> str:
    """A `<page>` element as dumps have it."""
    target = f'\n    <redirect title="{redirect}" />' if redirect else ""
    return (
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{namespace}</ns>\n"
        f"    <id>{number}</id>{target}\n    <revision>\n      <id>{number + 10**9}</id>\n"
        "      <timestamp>2026-01-01T00:00:00Z</timestamp>\n"
        f'      <text bytes="{len(text)}" xml:space="preserve">{escape(text)}</text>\n'
        "    </revision>\n  </page>\n"
    )


def pages_around(article: Article) -> Iterator[str]:
    """The article's page, then those that are no articles."""
    number = article.number
    yield page_xml(number * 10, article.title, article.wikitext)
    if number % 5 < 2:
        yield page_xml(
            number * 10 + 1, f"{article.title} (old)", f"#REDIRECT [[{article.title}]]", 0, article.title
        )
    if number % 10 == 3:
        yield page_xml(number * 10 + 2, f"Talk:{article.title}", "Talk. " * 20, 1)
    if number % 50 == 7:
        yield page_xml(
            number * 10 + 3,
            f"Name {number}",
            f"'''Name''' may refer to:\n* [[{article.title}]]\n{{{{hndis}}}}",
        )


def write_simulated(folder: Path, articles: int, seed: int = 0) -> tuple[Path, Path]:
    """Paths of the dump and of the folder of Parquet files."""
    dump, parquet = folder / "simulated-pages-articles-multistream.xml.bz2", folder / "articles"
    parquet.mkdir(parents=True)
    pool = Articles(seed)
    pages: list[str] = []
    rows: list[Article] = []
    with dump.open("wb") as file:
        file.write(bz2.compress((HEAD + SITE).encode()))
        for number in range(1, articles + 1):
            article = pool.article(number)
            rows.append(article)
            pages.extend(pages_around(article))
            if len(pages) >= PAGES_PER_STREAM or number == articles:
                file.write(bz2.compress("".join(pages).encode()))
                pages.clear()
            if len(rows) >= _ROWS_PER_FILE or number == articles:
                _write_rows(parquet / f"train-{number:07d}.parquet", rows)
                rows.clear()
        file.write(bz2.compress(END.encode()))
    return dump, parquet


def _write_rows(path: Path, rows: list[Article]) -> None:
    columns = {
        "id": [str(row.number * 10) for row in rows],
        "url": [f"https://en.wikipedia.org/wiki/{row.number}" for row in rows],
        "title": [row.title for row in rows],
        "text": [row.plain for row in rows],
    }
    pq.write_table(pa.table(columns), path, compression="zstd", row_group_size=10_000)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--articles", type=int, default=300_000)
    args = parser.parse_args()
    print(*write_simulated(args.folder, args.articles))


if __name__ == "__main__":
    main()
