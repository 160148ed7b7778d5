"""Images that strangers posted: upright RGB, or a reason."""

import re
import struct
import zlib
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from ensemble.content.image_scan import IMAGE_FILES
from ensemble.content.images import MAX_PIXELS, Unreadable, inspect_image, open_image, resolve_inside
from ensemble.content.thumbnails import SIDE
from ensemble.errors import DataError
from ensemble.system.progress import silent

RED, BLUE = (255, 0, 0), (0, 0, 255)
Colour = tuple[int, ...]


def encoded(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    buffer = BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def noise(random: np.random.Generator, side: int = 64) -> Image.Image:
    return Image.fromarray(random.integers(0, 256, (side, side, 3), dtype=np.uint8))


def png_claiming(width: int, height: int) -> bytes:
    """A PNG of a few bytes whose header promises a huge picture."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF", "MPO"])
def test_every_usual_format_opens_as_rgb(kind: str) -> None:
    image = open_image(encoded(Image.new("RGB", (20, 10), RED), kind))
    assert (image.mode, image.size) == ("RGB", (20, 10))
    assert np.abs(np.array(image, dtype=int) - RED).max() <= 4


@pytest.mark.parametrize("kind", ["EPS", "PDF", "PPM", "ICO"])
def test_other_formats_are_refused(kind: str) -> None:
    with pytest.raises(Unreadable, match=r"not an image( that can be read)?$|not read here$"):
        open_image(encoded(Image.new("RGB", (20, 10), RED), kind))


def test_cmyk_becomes_rgb() -> None:
    image = open_image(encoded(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"))
    assert image.mode == "RGB"
    red, green, blue = image.getpixel((4, 4))
    assert red > 200 and green < 60 and blue < 60


@pytest.mark.parametrize("mode", ["RGBA", "LA", "PA"])
def test_transparency_lies_on_white(mode: str) -> None:
    clear = Image.new("RGBA", (8, 8), (0, 0, 0, 0)).convert(mode if mode != "PA" else "RGBA")
    raw = encoded(clear.convert("PA"), "TIFF") if mode == "PA" else encoded(clear)
    assert open_image(raw).getpixel((4, 4)) == (255, 255, 255)


@pytest.mark.parametrize("transparency", [0, b"\x00\xff"])
def test_a_palette_with_transparency_lies_on_white(transparency: int | bytes) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([10, 20, 30, 255, 0, 0])
    image.putpixel((1, 1), 1)
    opened = open_image(encoded(image, transparency=transparency))
    assert opened.getpixel((4, 4)) == (255, 255, 255)
    assert opened.getpixel((1, 1)) == RED


def test_sixteen_bits_are_scaled_to_eight() -> None:
    grey = Image.fromarray(np.array([[0, 32768, 65535]], dtype=np.uint16))
    assert [open_image(encoded(grey)).getpixel((x, 0))[0] for x in range(3)] == [0, 127, 255]


def test_a_value_that_is_no_number_does_not_spoil_the_image() -> None:
    values = np.full((8, 8), 100, dtype=np.float32)
    values[0, 0] = np.nan
    assert open_image(encoded(Image.fromarray(values), "TIFF")).getpixel((4, 4)) == (100, 100, 100)


def test_an_image_rotated_by_its_exif_comes_upright() -> None:
    image = Image.new("RGB", (20, 10), BLUE)
    image.paste(RED, (0, 0, 10, 10))
    exif = Image.Exif()
    exif[0x0112] = 6  # turn by 90 degrees clockwise to see it upright
    upright = open_image(encoded(image, exif=exif))
    assert upright.size == (10, 20)
    assert upright.getpixel((5, 2)) == RED
    assert upright.getpixel((5, 17)) == BLUE


def test_an_animation_shows_its_first_frame_and_is_counted(tmp_path: Path) -> None:
    raw = encoded(Image.new("RGB", (8, 8), RED), "GIF", save_all=True, append_images=[Image.new("RGB", (8, 8), BLUE)])
    (tmp_path / "a.gif").write_bytes(raw)
    assert open_image(tmp_path / "a.gif").getpixel((4, 4)) == RED
    assert inspect_image(raw).frames == 2


def test_damage_behind_the_first_frame_does_no_harm(random: np.random.Generator) -> None:
    raw = encoded(noise(random), "GIF", save_all=True, append_images=[noise(random), noise(random)])
    assert inspect_image(raw[: len(raw) * 2 // 3]).problem is None


@pytest.mark.parametrize("side", [50_000, 9_000])
def test_a_decompression_bomb_is_refused_before_it_is_decoded(side: int) -> None:
    assert side * side > MAX_PIXELS
    with pytest.raises(Unreadable, match="over the limit of 64,000,000"):
        open_image(png_claiming(side, side))


def test_a_text_file_named_jpg_is_no_image(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_text("this is not a picture")
    with pytest.raises(Unreadable, match="a text, not an image"):
        open_image(tmp_path / "a.jpg")


def test_a_file_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(Unreadable, match="no such file"):
        open_image(tmp_path / "a.jpg")


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "BMP", "WEBP", "TIFF"])
def test_a_file_cut_off_anywhere_is_a_picture_or_unreadable(kind: str, random: np.random.Generator) -> None:
    raw = encoded(noise(random), kind)
    for length in [0, 1, 4, *np.linspace(8, len(raw) - 1, 12).astype(int)]:
        seen = inspect_image(raw[:length])
        assert (seen.thumbnail is None) == (seen.problem is not None)
    assert re.fullmatch(
        rf"an? {kind} image that is .*cut off.*", str(inspect_image(raw[: len(raw) // 3]).problem), re.I
    )


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "GIF", "WEBP", "TIFF"])
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # what Pillow says about the damage
def test_random_damage_is_never_more_than_unreadable(kind: str, random: np.random.Generator) -> None:
    exif = Image.Exif()
    exif[0x0112] = 3
    raw = encoded(noise(random, 24), kind, **({} if kind == "GIF" else {"exif": exif}))
    for _ in range(80):
        damaged = bytearray(raw)
        for position in random.integers(0, min(300, len(raw)), size=4):
            damaged[position] = random.integers(0, 256)
        seen = inspect_image(bytes(damaged))
        assert (seen.thumbnail is None) == (seen.problem is not None)


def test_a_look_describes_the_image() -> None:
    seen = inspect_image(encoded(Image.new("L", (30, 20), 77)))
    assert (seen.width, seen.height, seen.mode, seen.frames, seen.problem) == (30, 20, "L", 1, None)
    assert seen.thumbnail is not None
    assert seen.thumbnail.shape == (SIDE, SIDE)
    assert (seen.thumbnail == 77).all()


@pytest.mark.parametrize("path", ["../secret.jpg", "a/../../secret.jpg", "/etc/passwd", "a.jpg\0.png"])
def test_a_path_out_of_the_folder_is_refused_and_the_row_named(path: str, tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    with pytest.raises(DataError, match=r"Row 'p1': image path .* leaves the image folder"):
        resolve_inside(tmp_path / "root", path, "p1")


def test_a_link_that_lies_in_the_folder_is_its_owners_and_followed(tmp_path: Path) -> None:
    (tmp_path / "root").mkdir()
    (tmp_path / "disk").mkdir()
    (tmp_path / "disk" / "a.jpg").write_bytes(b"x")
    (tmp_path / "root" / "images").symlink_to(tmp_path / "disk")
    assert resolve_inside(tmp_path / "root", "images/a.jpg", "p1").read_bytes() == b"x"
    with pytest.raises(DataError, match="leaves the image folder"):
        resolve_inside(tmp_path / "root", "images/../../disk/a.jpg", "p1")


@pytest.mark.parametrize(
    ("raw", "reason"),
    [
        (b"<!DOCTYPE html><html>404</html>", "a web page, not an image"),
        (b"version https://git-lfs.github.com/spec/v1", "a pointer of Git LFS, not an image"),
        (b"\0\0\0\x18ftypheic" + bytes(40), "in the format HEIC, which is not read here"),
        (b"\xef\xbb\xbf\n<html>", "a web page, not an image"),
        ("<html>".encode("utf-16"), "a web page, not an image"),
        (b'{"error": 404}', "a JSON document, not an image"),
        (b"404 Not Found", "a text, not an image"),
        ("caf\u00e9".encode(), "a text, not an image"),
        (b"data:image/png;base64,iVBORw0KGgo=", "base64 text of an image, not an image"),
        (b"\0\0\0\x18ftypisom" + bytes(40), "a video (isom), not an image"),
        (b"\0\0\0\x18ftypavif" + bytes(40), "an AVIF image that is damaged or cut off"),
        (b"RIFF\0\0\0\0AVI LIST", "a video, not an image"),
        (b"\xff\x0a123", "a JPEG XL image, which is not read here"),
        (b"8BPS\0\1", "a Photoshop image, which is not read here"),
        (bytes(200), "a file that begins with zeros only, not an image"),
        (b"\x01\x02\x03words", "not an image that can be read"),
    ],
)
def test_the_reason_says_what_a_file_is_instead(raw: bytes, reason: str) -> None:
    assert inspect_image(raw).problem == reason


def test_an_image_that_was_cut_off_is_called_so() -> None:
    whole = encoded(Image.effect_noise((64, 64), 60), "JPEG")
    assert "cut off" in str(inspect_image(whole[:-40]).problem)


def test_an_image_with_a_long_comment_is_read() -> None:
    info = PngImagePlugin.PngInfo()
    info.add_text("workflow", "x" * 2_000_000, zip=True)
    buffer = BytesIO()
    Image.new("RGB", (8, 8)).save(buffer, "PNG", pnginfo=info)
    assert inspect_image(buffer.getvalue()).problem is None


def test_a_path_below_the_folder_is_kept_as_it_is(tmp_path: Path) -> None:
    assert resolve_inside(tmp_path, str(tmp_path / "a.jpg"), "p1") == tmp_path / "a.jpg"
    assert resolve_inside(tmp_path, "sub/../a.jpg", "p1") == tmp_path / "sub/../a.jpg"


def test_what_stands_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "folder.jpg").mkdir()
    (tmp_path / "broken.jpg").symlink_to("nowhere.jpg")
    (tmp_path / "one.jpg").symlink_to("other.jpg")
    (tmp_path / "other.jpg").symlink_to("one.jpg")
    names = ["folder.jpg", "broken.jpg", "one.jpg", "gone.jpg", "a" * 300, "whole.png"]
    Image.new("RGB", (8, 8)).save(tmp_path / "whole.png")
    rows = [str(number) for number in range(len(names))]
    found = IMAGE_FILES.scan(rows, names, tmp_path, None, silent).frame["problem"]
    assert found.tolist() == [
        "a folder, not an image",
        "a symbolic link to nowhere.jpg, which is not there",
        "a symbolic link that leads back to itself",
        "no such file",
        "no such file: the name is too long for one",
        None,
    ]


def test_avif_is_read_like_any_other_format() -> None:
    assert inspect_image(encoded(Image.effect_noise((64, 64), 60), "AVIF")).problem is None
