"""Pieces of dump files: every page once and in order, however the file is packed and wherever it is cut."""

import bz2
from pathlib import Path

import pytest
from trajset.builder.errors import DataError
from trajset.builder.wikipedia import dump_files
from trajset.builder.wikipedia.dump_files import PieceSize, dump_pieces, first_pages, is_dump_name
from trajset.builder.wikipedia.pages import read_pages
from wiki_dump import END, HEAD, articles, in_parallel, multistream, packings, plain

PAGES = articles(30)
IDS = [found.id for found in read_pages(b"".join(PAGES), "")]
SMALL = PieceSize(1000, 4000)


def ids_in(path: Path, size: PieceSize = SMALL) -> list[list[str]]:
    return [[found.id for found in read_pages(piece.xml(), piece.place)] for piece in dump_pieces(path, size)]


def flat(lists: list[list[str]]) -> list[str]:
    return [item for one in lists for item in one]


@pytest.mark.parametrize("name", packings([]))
def test_every_packing_gives_every_page_once(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_bytes(packings(PAGES)[name])
    assert is_dump_name(name)
    pieces = ids_in(path)
    assert flat(pieces) == IDS
    assert len(pieces) > 3 or name.endswith("articles.xml.bz2")
    assert flat(ids_in(path, PieceSize())) == IDS


def test_streams_may_cut_a_page_anywhere(tmp_path: Path) -> None:
    """Three short pages, cut at every length: in tags, in `<page>` itself, several streams in a page."""
    pages = articles(4, 3)
    expected = [found.id for found in read_pages(b"".join(pages), "")]
    path = tmp_path / "x.xml.bz2"
    for size in range(3, 200):
        path.write_bytes(in_parallel(pages, size))
        assert flat(ids_in(path, PieceSize(1, 1))) == expected, size


def test_streams_are_found_wherever_reading_is_cut(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "x.xml.bz2"
    path.write_bytes(multistream(PAGES))
    content = path.read_bytes()
    expected = [match.start() for match in dump_files.STREAM_START.finditer(content)]
    assert len(expected) == 1 + 13 + 1  # the head, 50 pages by fours, the end
    for size in (1, 7, 10, 64, 1000):
        monkeypatch.setattr(dump_files, "_READ", size)
        assert dump_files.stream_starts(path) == expected


def test_the_first_pages_alone(tmp_path: Path) -> None:
    path = tmp_path / "x-multistream.xml.bz2"
    path.write_bytes(multistream(PAGES))
    for count in (1, 7, len(IDS), 1000):
        found = [read_pages(piece.xml(), "") for piece in first_pages(path, count, SMALL)]
        assert [one.id for pages in found for one in pages] == IDS[:count]


def test_an_empty_wiki_has_no_pages(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_bytes(plain([]))
    assert ids_in(path) == []


def broken() -> dict[str, tuple[str, bytes, str]]:
    packed = multistream(PAGES)
    streams = packed[: packed.rindex(b"BZh9")]
    middle = len(packed) // 2
    damaged = packed[:middle] + bytes(40) + packed[middle + 40 :]
    return {
        "cut in a stream": ("x.xml.bz2", packed[:-5], "must be a whole dump"),
        "cut between streams": ("x.xml.bz2", streams, "must be a whole dump, which ends with </mediawiki>"),
        "damaged": ("x.xml.bz2", damaged, "must be whole, sound bzip2 streams"),
        "one stream, cut": ("x.xml.bz2", bz2.compress(plain(PAGES))[:-9], "must be a whole dump"),
        "gzip, cut": ("x.xml.gz", packings(PAGES)["wiki-pages-articles.xml.gz"][:-9], "must be a whole dump"),
        "no gzip": ("x.xml.gz", b"hello", "must be a sound packed file"),
        "no bzip2": ("x.xml.bz2", b"hello", "must be a sound bzip2 file"),
        "XML, cut": ("x.xml", plain(PAGES)[:-40], "must be a whole dump"),
        "other XML": ("x.xml", b"<html></html>", "must begin with a <mediawiki> element"),
        "other packed": ("x.xml.bz2", bz2.compress(b"600:1:Title"), "must begin with a <mediawiki> element"),
        "empty": ("x.xml", b"", "must begin with a <mediawiki> element"),
        "empty, packed": ("x.xml.bz2", b"", "must be a whole dump"),
    }


@pytest.mark.parametrize("case", broken())
def test_a_broken_dump_is_told(tmp_path: Path, case: str) -> None:
    name, content, words = broken()[case]
    path = tmp_path / name
    path.write_bytes(content)
    with pytest.raises(DataError) as caught:
        ids_in(path)
    assert words in str(caught.value)
    assert name in str(caught.value)


@pytest.mark.parametrize(
    "name", ["enwiki-latest-pages-articles-multistream-index.txt.bz2", "a.xml.7z", "a.xmlx", "manifest.json"]
)
def test_other_files_are_no_dumps(name: str) -> None:
    assert not is_dump_name(name)


def test_what_stands_before_the_first_page_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "x.xml"
    path.write_bytes(b"\xef\xbb\xbf<?xml version='1.0'?>\n" + HEAD + b"".join(PAGES[:2]) + END)
    assert flat(ids_in(path)) == IDS[:2]
