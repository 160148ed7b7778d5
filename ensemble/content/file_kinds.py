"""What a file is that should be an image or a clip and is none: by its first bytes, or by what stands in its place."""

import errno
import os
import stat
from pathlib import Path

HEAD = 64  # bytes that tell
GONE = "no such file"
PAGE, VIDEO, SOUND, BASE64 = "a web page", "a video", "a sound file", "base64 text of an image"
STARTS = {
    b"<!doctype": PAGE,
    b"<html": PAGE,
    b"<head": PAGE,
    b"<body": PAGE,
    b"<script": PAGE,
    b"<!--": PAGE,
    b"<svg": "an SVG drawing",
    b"<?xml": "an XML document",
    b"%pdf": "a PDF document",
    b"%!ps": "a PostScript document",
    b"version https://git-lfs": "a pointer of Git LFS",
    b"/annex/objects": "a pointer of git-annex",
    b"data:image": BASE64,
    b"/9j/": BASE64,
    b"ivborw0kggo": BASE64,
    b"#extm3u": "a playlist",
    b"[playlist]": "a playlist",
    b"ffconcat": "a playlist",
    b"#!/": "a script",
    b"{": "a JSON document",
    b"pk\x03\x04": "a ZIP archive",
    b"\x1f\x8b": "a gzip archive",
    b"rar!": "a RAR archive",
    b"7z\xbc\xaf": "a 7z archive",
    b"\x1aE\xdf\xa3".lower(): VIDEO,
    b"flv": VIDEO,
    b"id3": SOUND,
    b"oggs": SOUND,
}  # of what is no image, in lower case
IMAGES = {
    b"\xff\xd8": "a JPEG image",
    b"\x89PNG": "a PNG image",
    b"GIF8": "a GIF image",
    b"BM": "a BMP image",
    b"RIFF": "a WebP image",
    b"II*\0": "a TIFF image",
    b"MM\0*": "a TIFF image",
}  # of formats that are read here
FOREIGN = {
    b"8BPS": "a Photoshop image",
    b"\xff\x0a": "a JPEG XL image",
    b"\0\0\0\x0cJXL ": "a JPEG XL image",
    b"\0\0\0\x0cjP": "a JPEG 2000 image",
    b"\0\0\x01\0": "an icon (ICO)",
}
BRANDS = {"avif": "AVIF", "avis": "AVIF", "heic": "HEIC", "heix": "HEIC", "mif1": "HEIF", "msf1": "HEIF"}
RIFF = {b"AVI ": VIDEO, b"WAVE": SOUND}


def why_unreadable(head: bytes, truncated: bool) -> str:
    """Of a file that no decoder takes, by its first HEAD bytes; ``truncated`` where the decoder said so."""
    foreign = _find(FOREIGN, head)
    if foreign:
        return f"{foreign}, which is not read here"
    if head[4:8] == b"ftyp":
        return _of_brand(head[8:12].decode("ascii", "replace").strip())
    image = None if head[8:12] in RIFF else _find(IMAGES, head)
    if image:
        return f"{image} that is {'cut off (truncated)' if truncated else 'damaged or cut off'}"
    what = RIFF.get(head[8:12]) if head.startswith(b"RIFF") else what_starts(head)
    return f"{what}, not an image" if what else "not an image that can be read"


def _of_brand(brand: str) -> str:
    """Of the family of containers to which MP4, HEIC and AVIF belong."""
    name = BRANDS.get(brand.lower())
    if name == "AVIF":
        return "an AVIF image that is damaged or cut off"
    return f"in the format {name}, which is not read here" if name else f"{VIDEO} ({brand}), not an image"


def what_starts(head: bytes) -> str | None:
    """What the first bytes of a file say that it is, where that is a frequent mistake; of any text "a text"."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        head = head[: len(head) // 2 * 2].decode("utf-16", "replace").encode()
    if head and not head.strip(b"\0"):
        return "a file that begins with zeros only"
    head = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    found = _find(STARTS, head.lower())
    readable = head and all(byte >= 32 or byte in b"\t\r\n" for byte in head)
    try:
        return found or ("a text" if readable and head.decode("utf-8") else None)
    except UnicodeDecodeError as error:  # the last letter may be cut
        return "a text" if error.start >= len(head) - 3 else None


def _find(starts: dict[bytes, str], head: bytes) -> str | None:
    return next((what for start, what in starts.items() if head.startswith(start)), None)


def why_no_file(path: Path, wanted: str = "an image") -> str:
    """What stands where a file should be: nothing, a folder, a link that leads nowhere."""
    try:
        mode = path.stat().st_mode
    except OSError as error:
        if error.errno == errno.ELOOP:
            return "a symbolic link that leads back to itself"
        if error.errno == errno.ENAMETOOLONG:
            return "no such file: the name is too long for one"
        if error.errno == errno.EACCES:
            return "cannot be read (permission denied)"
        return f"a symbolic link to {_target(path)}, which is not there" if path.is_symlink() else GONE
    return f"a folder, not {wanted}" if stat.S_ISDIR(mode) else "not a regular file"


def _target(path: Path) -> str:
    return os.readlink(path)[:100]
