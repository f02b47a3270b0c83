"""MediaWiki dump files: which files are dumps, and how their bytes are divided into pieces of whole pages.

A file of many bzip2 streams (`-multistream`, or several files put together) is divided by compressed bytes,
so that every process unpacks its own pieces and a finished piece is never read again. Streams are found by
the ten bytes that begin one; no index file is needed. A file of one stream, a gzip file and plain XML can
only be read from the start: one process unpacks and cuts them.
"""

from __future__ import annotations

import bz2
import gzip
import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, cast

from ..errors import DataError, Problem

STREAM_START = re.compile(rb"BZh[1-9]1AY&SY")
"""Head of a bzip2 stream and of its first block: ten bytes, so chance does not bring them about."""
_HEAD_BYTES = 10

_READ = 1 << 20
_OPEN, _CLOSE, _END = b"<page>", b"</page>", b"</mediawiki>"
_DUMP_NAME = re.compile(r"\.xml(?:-p\d+p\d+)?(?:\.bz2|\.gz)?\Z")
_AGAIN = "Download the dump again and compare its checksum."


@dataclass(frozen=True, slots=True)
class PieceSize:
    """Bytes from which on a piece is full: of the packed file, and of XML where one process unpacks it all.
    8 MiB packed are some 30 MB of XML and some 10,000 passages."""

    packed: int = 8 << 20
    xml: int = 32 << 20


@dataclass(frozen=True, slots=True)
class StreamRange:
    """The pages that begin in bytes `start` to `end` of a file of bzip2 streams, both at the head of one."""

    path: Path
    start: int
    end: int

    @property
    def place(self) -> str:
        """File and bytes, for messages."""
        return f"{self.path} bytes {self.start}-{self.end}"

    def xml(self) -> bytes:
        """The whole pages, and what stands between them.

        In a multistream dump pages end with a stream; in a file that was packed in parallel they need not, so
        the last one's rest is fetched from the streams that follow.

        Raises:
            DataError: the file is damaged or cut off.
        """
        with self.path.open("rb") as file:
            text = _unpack(_bytes(file, self.start, self.end), self.place)
            if (begin := _page_begin(text)) < 0:
                return b""
            end = text.rfind(_CLOSE) + len(_CLOSE) if text.rfind(_CLOSE) >= begin else begin
            return text[begin:end] + _last_page(text[end:], file, self)


@dataclass(frozen=True, slots=True)
class XmlText:
    """Whole pages that are unpacked already."""

    place: str
    text: bytes

    def xml(self) -> bytes:
        """The pages."""
        return self.text

    def pages(self) -> int:
        """How many."""
        return self.text.count(_CLOSE)


DumpPiece = StreamRange | XmlText


def is_dump_name(name: str) -> bool:
    """Whether a file's name says that it is a MediaWiki XML dump, plain or packed."""
    return bool(_DUMP_NAME.search(name))


def dump_pieces(path: Path, size: PieceSize) -> Iterator[DumpPiece]:
    """The file in pieces, in order; the same pieces every time.

    Raises:
        DataError: not a dump, or one that is cut off.
    """
    check_head(path)
    starts = stream_starts(path) if path.suffix == ".bz2" else []
    if len(starts) > 1:
        _check_end(path, starts)
        yield from _ranges(path, starts, size.packed)
    else:
        yield from _texts(path, size.xml)


def first_pages(path: Path, count: int, size: PieceSize) -> Iterator[XmlText]:
    """The same for the first `count` pages alone, of which only what is needed is read.

    Raises:
        DataError: not a dump, or one that is cut off before.
    """
    check_head(path)
    left = count
    for piece in _texts(path, size.xml):
        yield XmlText(piece.place, _head(piece.text, left))
        left -= piece.pages()
        if left <= 0:
            return


def stream_starts(path: Path) -> list[int]:
    """Where the file's bzip2 streams begin, in bytes; reads the file once without unpacking it."""
    starts: list[int] = []
    with path.open("rb") as file:
        before, at = b"", 0
        while block := file.read(_READ):
            # A head that is cut by the end of a block is found in the next, which begins with its first part.
            window, offset = before + block, at - len(before)
            starts += [offset + match.start() for match in STREAM_START.finditer(window)]
            before, at = window[-(_HEAD_BYTES - 1) :], at + len(block)
    return starts


def check_head(path: Path) -> None:
    """Raises:
    DataError: the file does not begin as a MediaWiki dump does.
    """
    head = next(_blocks(path), b"")[:2000].lstrip(b"\xef\xbb\xbf \r\n\t")
    if b"<mediawiki" not in head:
        fix = "Give a pages-articles dump in XML, or name what it is with --kind."
        raise _bad(
            str(path), "must begin with a <mediawiki> element", head[:60].decode("utf-8", "replace"), fix
        )


def _check_end(path: Path, starts: list[int]) -> None:
    """Told at once instead of after hours. The end may lie in several streams."""
    text, end = b"", path.stat().st_size
    with path.open("rb") as file:
        for start in reversed(starts):
            text = _unpack(_bytes(file, start, end), str(path)) + text
            if len(text.rstrip()) >= len(_END):
                break
            end = start
    if not text.rstrip().endswith(_END):
        raise _cut_off(path)


def _ranges(path: Path, starts: list[int], size: int) -> Iterator[StreamRange]:
    first = starts[0]
    for start in starts[1:]:
        if start - first >= size:
            yield StreamRange(path, first, start)
            first = start
    yield StreamRange(path, first, path.stat().st_size)


def _page_begin(text: bytes) -> int:
    """Where the first `<page>` begins, be it cut off by the end of the text; -1 without one."""
    if (begin := text.find(_OPEN)) >= 0:
        return begin
    cut = [length for length in range(1, len(_OPEN)) if text.endswith(_OPEN[:length])]
    return len(text) - cut[0] if cut else -1


def _last_page(rest: bytes, file: BinaryIO, piece: StreamRange) -> bytes:
    """The page that begins in a piece's rest and ends behind the piece; nothing where none begins."""
    if (begin := _page_begin(rest)) < 0:
        return b""
    page = bytearray(rest[begin:])
    for block in _following(file, piece):
        page += block
        if not page.startswith(_OPEN):
            return b""
        if (end := page.find(_CLOSE)) >= 0:
            return bytes(page[: end + len(_CLOSE)])
    raise _cut_off(piece.path)


def _following(file: BinaryIO, piece: StreamRange) -> Iterator[bytes]:
    """The unpacked bytes behind a piece, block by block."""
    file.seek(piece.end)
    with bz2.open(file, "rb") as unpacked:
        yield from _read_all(cast("BinaryIO", unpacked), piece.path)


def _texts(path: Path, size: int) -> Iterator[XmlText]:
    for number, text in enumerate(_cut_at_pages(path, size)):
        yield XmlText(f"{path} piece {number}", text)


def _head(text: bytes, pages: int) -> bytes:
    """The text up to the end of so many pages; all of it where it has fewer."""
    end = -1
    for _ in range(pages):
        if (end := text.find(_CLOSE, end + 1)) < 0:
            return text
    return text[: end + len(_CLOSE)]


def _cut_at_pages(path: Path, size: int) -> Iterator[bytes]:
    """Runs of whole pages, from the first `<page>` to the last `</page>`."""
    waiting = bytearray()
    begun = False
    for block in _blocks(path, min(size, _READ)):
        waiting += block
        if not begun and (first := waiting.find(_OPEN)) >= 0:
            del waiting[:first]
            begun = True
        if begun and len(waiting) >= size and (end := waiting.rfind(_CLOSE)) >= 0:
            end += len(_CLOSE)
            yield bytes(waiting[:end])
            del waiting[:end]
    if not waiting.rstrip().endswith(_END):
        raise _cut_off(path)
    if begun and (end := waiting.rfind(_CLOSE)) >= 0:
        yield bytes(waiting[: end + len(_CLOSE)])


def _blocks(path: Path, size: int = _READ) -> Iterator[bytes]:
    opener = {".bz2": bz2.open, ".gz": gzip.open}.get(path.suffix)
    with cast("BinaryIO", opener(path, "rb")) if opener else path.open("rb") as file:
        yield from _read_all(file, path, size)


def _read_all(file: BinaryIO, path: Path, size: int = _READ) -> Iterator[bytes]:
    try:
        while block := file.read(size):
            yield block
    except EOFError as error:
        raise _cut_off(path) from error
    except (gzip.BadGzipFile, zlib.error, ValueError) as error:
        raise _bad(str(path), "must be a sound packed file", str(error), _AGAIN) from error
    except OSError as error:
        if error.errno is not None:
            raise
        raise _bad(str(path), "must be a sound bzip2 file", str(error), _AGAIN) from error


def _unpack(packed: bytes, place: str) -> bytes:
    try:
        return bz2.decompress(packed)
    except (ValueError, OSError) as error:
        rule = "must be whole, sound bzip2 streams"
        raise _bad(place, rule, str(error), _AGAIN) from error


def _bytes(file: BinaryIO, start: int, end: int) -> bytes:
    file.seek(start)
    return file.read(end - start)


def _cut_off(path: Path) -> DataError:
    return _bad(str(path), "must be a whole dump, which ends with </mediawiki>", "a file cut off", _AGAIN)


def _bad(place: str, rule: str, value: object, fix: str) -> DataError:
    return DataError(str(Problem(place, rule, value, fix)))
