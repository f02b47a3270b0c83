"""A small MediaWiki dump, and the ways in which such a file may be packed."""

import bz2
import gzip
from collections.abc import Iterable
from xml.sax.saxutils import escape

HEAD = b'<mediawiki xmlns="http://www.mediawiki.org/xml/export-0.11/" version="0.11">\n  <siteinfo/>\n'
END = b"</mediawiki>\n"


def page(number: int, text: str, title: str = "", namespace: int = 0, redirect: bool = False) -> bytes:
    title = title or f"Title {number}"
    target = '<redirect title="x" />' if redirect else ""
    return (
        f"  <page>\n    <title>{escape(title)}</title>\n    <ns>{namespace}</ns>\n    <id>{number}</id>"
        f"{target}\n    <revision>\n      <id>{number + 900}</id>\n"
        f'      <text xml:space="preserve">{escape(text)}</text>\n    </revision>\n  </page>\n'
    ).encode()


def words(number: int, count: int) -> str:
    return " ".join(f"w{number}x{place}" for place in range(count))


def articles(count: int, length: int = 250) -> list[bytes]:
    """Pages of so many words, a redirect and a talk page after every third."""
    made: list[bytes] = []
    for number in range(1, count + 1):
        made.append(page(number * 10, f"'''{words(number, length)}''' [[File:x.jpg]] {{{{stub}}}}"))
        if number % 3 == 0:
            made.append(page(number * 10 + 1, "#REDIRECT [[x]]", redirect=True))
            made.append(page(number * 10 + 2, words(number, 50), "Talk:x", 1))
    return made


def plain(pages: Iterable[bytes]) -> bytes:
    return HEAD + b"".join(pages) + END


def multistream(pages: list[bytes], per_stream: int = 4) -> bytes:
    """As dumps.wikimedia.org packs: the head, so many pages a stream, the end."""
    streams = [b"".join(pages[at : at + per_stream]) for at in range(0, len(pages), per_stream)]
    return b"".join(map(bz2.compress, [HEAD, *streams, END]))


def in_parallel(pages: list[bytes], size: int) -> bytes:
    """As pbzip2 packs: streams of so many bytes of XML, wherever that cuts."""
    text = plain(pages)
    return b"".join(bz2.compress(text[at : at + size]) for at in range(0, len(text), size))


def packings(pages: list[bytes]) -> dict[str, bytes]:
    """Contents by file name."""
    text = plain(pages)
    return {
        "wiki-pages-articles.xml": text,
        "wiki-pages-articles.xml.gz": gzip.compress(text),
        "wiki-pages-articles.xml.bz2": bz2.compress(text),
        "wiki-pages-articles-multistream.xml.bz2": multistream(pages),
        "wiki-pages-articles1.xml-p1p400.bz2": in_parallel(pages, 3001),
    }
