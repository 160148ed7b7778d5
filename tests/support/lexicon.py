"""A lexicon of the words that captions of drawn memes praise and complain with."""

from pathlib import Path

from cli.memes import COMPLAINT, PRAISE


def make_lexicon(path: Path) -> Path:
    lines = [f"{word}\t{score}" for words, score in ((PRAISE, 2.0), (COMPLAINT, -1.5)) for word in words]
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path
