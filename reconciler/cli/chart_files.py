"""Charts in files: SVG as text, PNG through Pillow, which the extra ``charts`` brings."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from reconciler.cli.closed_output import put
from reconciler.model.drawing import Box, Stroke
from reconciler.model.exit_code import ExitCode
from reconciler.model.text import printable

if TYPE_CHECKING:
    from PIL import ImageDraw

    from reconciler.model.drawing import Drawing

_SCALE = 2
"""Pixels of a PNG for one of the drawing: sharp on every screen."""
_DASH, _GAP = 5, 4
_ANCHORS = {"start": "ls", "middle": "ms", "end": "rs"}


class ChartFileType(click.ParamType[Path]):
    """``spend.svg`` or ``spend.png``, below the directory of ``--chdir``."""

    name = "file"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Path:
        path = Path(value)
        if path.suffix.lower() not in (".svg", ".png"):
            self.fail("name a file that ends in .svg or .png", param, ctx)
        return path if ctx is None or not isinstance(ctx.obj, Path) else ctx.obj / path


chart_option = click.option("--chart", "as_chart", is_flag=True, help="As bars.")
chart_file_option = click.option(
    "-o",
    "--out",
    "chart_file",
    type=ChartFileType(),
    metavar="FILE",
    help="Draw it into FILE, an SVG or a PNG by its name.",
)


def drawn(path: Path, drawing: Drawing) -> int:
    """Write ``drawing`` and say so. Raises as ``write_chart`` does."""
    write_chart(path, drawing)
    put(f"Wrote {printable(str(path))}: {printable(drawing.title, 120)}.")
    return ExitCode.DONE


def write_chart(path: Path, drawing: Drawing) -> None:
    """Put ``drawing`` at ``path``. Raises ``UsageRefused`` where a PNG cannot be drawn here,
    ``GpuShopperError`` where the file cannot be written.
    """
    from reconciler.statefile.private_files import local_failure

    if path.suffix.lower() == ".png":
        data = png_bytes(drawing)
    else:
        from reconciler.reporting.svg_text import svg_text

        data = svg_text(drawing).encode()
    try:
        path.write_bytes(data)
    except OSError as error:
        raise local_failure("write", path, error) from error


def png_bytes(drawing: Drawing) -> bytes:
    """The same bytes for the same drawing and the same Pillow."""
    try:
        from PIL import Image, ImageDraw, ImageFont
    except ImportError:
        from reconciler.model.errors import UsageRefused

        raise UsageRefused(
            "a PNG cannot be drawn here: Pillow is not installed",
            fix="pip install 'cloud-gpu-shopper[charts]', or name a file that ends in .svg",
        ) from None
    image = Image.new("RGB", (drawing.width * _SCALE, drawing.height * _SCALE), "#ffffff")
    pen = ImageDraw.Draw(image)
    for part in drawing.parts:
        if isinstance(part, Box):
            _fill(pen, part)
        elif isinstance(part, Stroke):
            for piece in _pieces(part):
                ends = [round(one * _SCALE) for one in piece]
                pen.line(ends, part.colour, max(1, round(part.width * _SCALE)))
        else:
            font = ImageFont.load_default(part.size * _SCALE)
            place = (round(part.x * _SCALE), round(part.y * _SCALE))
            text, anchor = printable(part.text, 200), _ANCHORS[part.anchor]
            thick = 0.6 if part.bold else 0
            pen.text(place, text, part.colour, font, anchor, stroke_width=thick)
    held = BytesIO()
    image.save(held, "PNG", optimize=True)
    return held.getvalue()


def _fill(pen: ImageDraw.ImageDraw, box: Box) -> None:
    left, right = round(box.x * _SCALE), round((box.x + box.width) * _SCALE)
    top, bottom = round(box.y * _SCALE), round((box.y + box.height) * _SCALE)
    if right > left and bottom > top:
        pen.rectangle((left, top, right - 1, bottom - 1), box.colour)


def _pieces(stroke: Stroke) -> list[tuple[float, float, float, float]]:
    """A dashed line as many short ones."""
    if not stroke.dashed:
        return [(stroke.x1, stroke.y1, stroke.x2, stroke.y2)]
    across, down = stroke.x2 - stroke.x1, stroke.y2 - stroke.y1
    length = (across**2 + down**2) ** 0.5
    pieces, at = [], 0.0
    while at < length:
        first, last = at / length, min(1.0, (at + _DASH) / length)
        pieces.append(
            (
                stroke.x1 + across * first,
                stroke.y1 + down * first,
                stroke.x1 + across * last,
                stroke.y1 + down * last,
            )
        )
        at += _DASH + _GAP
    return pieces
