"""What is not language in a post: links, names, marks of retweets and hashtags, damage."""

import html
import re
from html.entities import html5

ENTITY = re.compile(r"&(?:#\d{1,7}|#x[\da-f]{1,6}|[a-z]\w{1,30});", re.IGNORECASE | re.ASCII)
# C0, C1, zero width (not the joiner of emoji and Indic letters), marks of direction, half characters, lost ones
DAMAGE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u200e\u200f\u2028-\u202e\u2060\u2066-\u2069\ufeff\ud800-\udfff\ufffd]")
LINK = re.compile(r"https?:[!-~]*…?|\bht{1,2}(?:ps?)?…|\bwww\.[!-~]+", re.IGNORECASE)
ADDRESS = re.compile(r"(?<![\w.+-])[\w.+-]++@(?:[\w-]++\.)+\w{2,}", re.ASCII)
SITE = re.compile(
    r"(?<![\w.-])(?:[\w-]++\.)+(?:[a-z]{2,6}/[!-~]*|(?:com|net|org)(?:\.[a-z]{2})?(?!\.?[\w-]))",
    re.IGNORECASE | re.ASCII,
)
MENTION = re.compile(r"(?<!\w)(?:[@\uff20]\w+)+:?", re.ASCII)
HASH = re.compile(r"[#\uff03](?=\w)")
RETWEET = re.compile(r"(?<!\w)RT(?!\w):?")
PASSES = 4


def clean(text: str) -> str:
    """``text`` with its words, punctuation and emoji, and nothing else; cleaning it again changes nothing.

    Links, also cut ones ("http:/…") and the names of sites that memes are stamped with, addresses, mentions ("@name")
    and "RT" become a space, HTML entities their characters; control and other unprintable characters and runs of white
    space become one space. Emoji stay: they say what their author feels. So does the word of a hashtag, without its
    sign: the FLAVA paper cleans hashtags away, but in "#happy" the word is the feeling.
    Takes time in proportion to the length, and never raises.
    """
    for _ in range(PASSES):  # what is taken out may uncover more
        cleaner = _clean_once(text)
        if cleaner == text:
            return text
        text = cleaner
    return " ".join(word for word in text.split() if _clean_once(word) == word)


def _clean_once(text: str) -> str:
    for _ in range(2):  # some posts were escaped twice
        text = ENTITY.sub(_character, text)
    for unwanted in (DAMAGE, LINK, ADDRESS, SITE, MENTION, HASH, RETWEET):
        text = unwanted.sub(" ", text)
    return " ".join(text.split())


def _character(entity: re.Match[str]) -> str:
    """What an entity stands for; "&roll;" is none."""
    known = entity[0][1] == "#" or entity[0][1:] in html5
    return html.unescape(entity[0]) if known else entity[0]
