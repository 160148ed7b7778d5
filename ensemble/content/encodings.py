"""Texts in unknown encodings: judged over all there is of one source, never text by text."""

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from charset_normalizer import from_bytes

from ensemble.errors import DataError

# What tables of posts are saved in besides Unicode, and who does so. Of two that fit equally the first is taken.
CODE_PAGES = {
    "cp1252": "Western European",
    "cp1250": "Central European",
    "cp1251": "Cyrillic",
    "koi8_r": "Cyrillic",
    "cp1256": "Arabic",
    "cp1253": "Greek",
    "cp1254": "Turkish",
    "cp1255": "Hebrew",
    "gb18030": "Chinese",
    "big5": "Chinese",
    "cp932": "Japanese",
    "cp949": "Korean",
}
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
# The letters of each, the frequent ones first: charset-normalizer needs more words than a small table has.
LETTERS = {
    "cp1252": ("éèàêçñáíóúäöüßãåøæ", "âëìîïòôõùûýÿœ"),
    "cp1250": ("ąęłżśćńáéíóčěšžřůőöü", "äâîôúýßďđğňťţşăźŕľű"),
    "cp1251": ("оеаинтсрвлкмдпуяыь", "гзбчйхжшюцщэфъёіїєґў"),
    "koi8_r": ("оеаинтсрвлкмдпуяыь", "гзбчйхжшюцщэфъё"),
    "cp1256": ("اليمنرتبهودعفسك", "ءآأؤإئةثجحخذزشصضطظغقوىپچگ"),
    "cp1253": ("αοιετσνηυρπκμλςάίέόή", "ωβγδζθξφχψύώ"),
    "cp1254": ("çöüğış", "âëîû"),
    "cp1255": ("יוהלארתבמשנ", "גדזחטךכםןסעףפץצק"),
}
LATIN = ("cp1252", "cp1250", "cp1254")
# Of double bytes: the first bytes under which the common characters are.
LEADS = {"gb18030": (0xB0, 0xD7), "big5": (0xA4, 0xC6), "cp932": (0x82, 0x97), "cp949": (0xB0, 0xC8)}
CLOSE = 0.05
WESTERN = "cp1252"  # by far the most frequent, so it need not be better
ENOUGH = 20  # so many texts that are not UTF-8 tell more than what is usual
MANY = 20_000  # pieces of a file, of which more tell nothing new
TOLERATED = 0.95  # the share of pieces that an encoding must fit: one damaged post changes nothing for the others
STRAY = "\ufffd"
FOREIGN = re.compile("[\u0400-\u04ff\u3040-\u30ff]")  # Cyrillic and Japanese, which Chinese encodings have, too
APOSTROPHE = "\u2019"
SIGNS = APOSTROPHE + "‘“”„–—…•€£°«»¡¿、。，！？「」・：（）～"  # noqa: RUF001
UNREADABLE, MISSING = "unreadable", "missing"
BETWEEN_WORDS = re.compile(rb"[\x00-\x2f]+")  # none of these bytes is part of a character in any encoding above
TELLING = re.compile(r"[^\s,;|\"]*[^\x00-\x7f\s][^\s,;|\"]*")
SAMPLE = 60_000  # bytes of words that tell; more change nothing
BLANKS = 0.3  # the share of zero bytes above which a file without a mark is UTF-16
INTACT = 4  # so many whole characters of UTF-8 for each stray byte make a damaged UTF-8 file, not one of another kind


@dataclass(frozen=True)
class Decoded:
    """A text, the encoding it was in, and what had to be assumed to read it, as ends of a sentence about its file."""

    text: str
    encoding: str
    notes: tuple[str, ...] = ()


def decode(raw: bytes, encoding: str | None = None) -> Decoded:
    """The text of a file: in ``encoding`` where one is given, else in UTF-8, UTF-16 or UTF-32 if it is that, else in
    the code page that fits its words best.

    Raises DataError, a sentence without the file's name, for bytes that are no text.
    """
    if encoding is not None:
        return Decoded(_as_told(raw, encoding), encoding)
    for mark, name in MARKS:
        if raw.startswith(mark):
            return Decoded(_as_told(raw, name), name.removesuffix("-sig"))
    if raw.count(0) > BLANKS * len(raw):
        name = "utf-16-le" if raw[1::2].count(0) >= raw[::2].count(0) else "utf-16-be"
        return Decoded(_as_told(raw, name), name, (f"read as {name}, as every other byte is zero",))
    try:
        return Decoded(raw.decode(), "utf-8")
    except UnicodeDecodeError:
        return _damaged(raw) or _in_code_page(raw)


def decode_all(
    raws: Sequence[bytes | None], usual: str | None = None, encoding: str | None = None
) -> tuple[list[str | None], list[str], tuple[str, ...]]:
    """``(texts, encodings, notes)`` of many texts of one source; None where ``raws`` has None or the encoding fails.

    Those that are not UTF-8 are judged together, so that no word depends on luck; few of them are in the ``usual``
    encoding, where the source has one. ``encoding`` says what they are in.
    """
    own = [None if raw is None else _maybe(raw, "utf-8-sig") for raw in raws]
    others = [raw for raw, text in zip(raws, own, strict=True) if raw is not None and text is None]
    page = encoding or (usual if usual and len(others) < ENOUGH else _code_page(others, usual))
    texts: list[str | None] = []
    encodings = []
    for raw, text in zip(raws, own, strict=True):
        name = "utf-8" if text is not None else MISSING if raw is None else UNREADABLE
        if name == UNREADABLE and raw is not None and page is not None:
            text = _maybe(raw, page)
            name = UNREADABLE if text is None else page
        texts.append(text)
        encodings.append(name)
    foreign = [text for text, name in zip(texts, encodings, strict=True) if text and name == page]
    assumed = page is not None and page not in (usual, encoding)
    return texts, encodings, (f"{len(foreign):,} texts are {_assumed(page, foreign)}",) if page and assumed else ()


def read_bytes(path: Path) -> bytes | None:
    """A small file; None where there is none."""
    try:
        return path.read_bytes()
    except (OSError, ValueError):  # no such file, a folder, a name too long
        return None


def _as_told(raw: bytes, encoding: str) -> str:
    try:
        return raw.decode("utf-8-sig" if encoding.lower().replace("-", "").replace("_", "") == "utf8" else encoding)
    except LookupError as error:
        raise DataError(f"no encoding is called {encoding!r}; utf-8, cp1252, cp1251, gb18030 are some") from error
    except UnicodeError as error:
        start = getattr(error, "start", len(raw))
        line = raw.count(b"\n", 0, start) + 1
        raise DataError(f"line {line} is not {encoding} (byte {start:,}); data.encoding names another") from error


def _damaged(raw: bytes) -> Decoded | None:
    """UTF-8 with stray bytes, as where posts were cut in the middle of a character; None where it is not that."""
    text = raw.decode(errors="replace")
    stray = text.count(STRAY) - raw.count(STRAY.encode())
    if sum(character > "\x7f" for character in text) < (INTACT + 1) * stray:
        return None
    return Decoded(text, "utf-8", (f"UTF-8, but for {_strays(text)}",))


def _strays(text: str) -> str:
    lines = [str(number) for number, line in enumerate(text.split("\n"), start=1) if STRAY in line]
    shown = ", ".join(lines[:5]) + (f" and {len(lines) - 5} more" if len(lines) > 5 else "")
    return f"{text.count(STRAY):,} characters, which became {STRAY} (line {shown})"


def _in_code_page(raw: bytes) -> Decoded:
    page = _code_page(raw.split(b"\n"))
    if page is None:
        raise DataError(f"neither UTF-8 nor {', '.join(CODE_PAGES)}; save it as UTF-8, or name it in data.encoding")
    text = raw.decode(page, "replace")
    strays = (f"{page}, but for {_strays(text)}",) if STRAY in text else ()
    return Decoded(text, page, (_assumed(page, [text]), *strays))


def _code_page(pieces: Sequence[bytes], usual: str | None = None) -> str | None:
    """The code page under which the words that are not ASCII look most like words, the ``usual`` one unless another is
    clearly better; None where nearly none decode."""
    telling = [piece for piece in pieces if not piece.isascii()][:MANY]
    fitting = {name: sum(_maybe(piece, name) is not None for piece in telling) for name in CODE_PAGES}
    most = max(fitting.values())
    if most < TOLERATED * len(telling) or not most:
        return None
    words = dict.fromkeys(word for piece in telling for word in BETWEEN_WORDS.split(piece) if not word.isascii())
    sample = b" ".join(words)[:SAMPLE]
    order = [name for name in CODE_PAGES if fitting[name] >= TOLERATED * most]
    fits = {name: (fitting[name] / most) ** 4 + 0.2 * (name == usual) + 0.06 * (name == WESTERN) for name in order}
    judged = [(-_share(sample.decode(name, "replace"), name) * fits[name], order.index(name)) for name in order]
    best = min(judged)[0] + CLOSE  # between those that fit about equally, the library's measures decide
    found = {
        name: (round(match.chaos, 2), -round(match.coherence, 1))
        for match in from_bytes(sample, cp_isolation=order, threshold=1.0)
        for name in match.could_be_from_charset
    }
    close = [(*found.get(order[n], (1.0, 0.0)), n) for share, n in judged if share <= best]
    return order[min(close)[-1]]


def _share(text: str, page: str) -> float:
    """How common what is not ASCII is in texts of that code page, in the places where it stands: 0 to 1."""
    common, places = 0.0, 0
    for before, character, after in zip(f" {text[:-1]}", text, f"{text[1:]} ", strict=True):
        if character > "\x7f":
            places += 1
            beside = [letter.isascii() for letter in (before, after) if letter.isalpha()]
            common += _common(character, page, beside) * (0.3 if character.isupper() and before.isalpha() else 1.0)
    return round(common / max(places, 1), 2)


def _common(character: str, page: str, beside: Sequence[bool]) -> float:
    """How common a character is. ``beside`` has True for each letter next to it that is ASCII, False for another."""
    inside = beside == [True, True]
    if character in SIGNS:
        return float(character == APOSTROPHE or not inside)
    if page in LEADS:
        low, high = LEADS[page]
        rare = 0.7 if FOREIGN.match(character) else 0.0
        return 0.0 if inside else 1.0 if low <= character.encode(page, "replace")[0] <= high else rare
    frequent, others = LETTERS[page]
    odd = beside == [False, False] if page in LATIN else True in beside  # few words mix scripts, or have three accents
    usual = 1.0 if character.lower() in frequent else 0.5 if character.lower() in others else 0.0
    return usual * (0.3 if odd else 1.0)


def _assumed(page: str, texts: Sequence[str]) -> str:
    words = dict.fromkeys(word for text in texts[:1000] for word in TELLING.findall(text))
    shown = ", ".join(f"'{word[:24]}'" for word in list(words)[:3])
    return f"not UTF-8 and read as {page} ({CODE_PAGES[page]}), so that it says {shown}; data.encoding names another"


def _maybe(raw: bytes, encoding: str) -> str | None:
    try:
        return raw.decode(encoding)
    except UnicodeDecodeError:
        return None
