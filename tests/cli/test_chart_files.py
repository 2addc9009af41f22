from __future__ import annotations

import sys
from pathlib import Path

import pytest

from reconciler.cli.chart_files import png_bytes, write_chart
from reconciler.model.drawing import Box, Drawing, Stroke, Words
from reconciler.model.errors import GpuShopperError, UsageRefused

DRAWING = Drawing(
    200,
    100,
    "a title",
    (
        Box(10, 20, 30, 40, "#0072b2"),
        Box(50, 20, 0, 40, "#0072b2"),
        Stroke(0, 90, 200, 90, "#b00020", 2, dashed=True),
        Words(100, 15, "\x1b[31m<b>", 12, "middle", bold=True),
    ),
)


def test_a_png_holds_what_is_drawn_twice_as_large_and_always_the_same(tmp_path: Path) -> None:
    from PIL import Image

    write_chart(tmp_path / "a.png", DRAWING)
    assert (tmp_path / "a.png").read_bytes() == png_bytes(DRAWING)
    with Image.open(tmp_path / "a.png") as image:
        assert image.size == (400, 200)
        assert image.getpixel((25, 45)) == (0x00, 0x72, 0xB2)
        assert image.getpixel((110, 100)) == (255, 255, 255)
        assert image.getpixel((2, 180)) == (0xB0, 0x00, 0x20)
        assert image.getpixel((14, 180)) == (255, 255, 255), "a gap between two dashes"


def test_without_pillow_a_png_is_refused_with_the_line_that_installs_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(UsageRefused, match="Pillow is not installed") as refused:
        write_chart(tmp_path / "a.png", DRAWING)
    assert "pip install 'cloud-gpu-shopper[charts]'" in refused.value.fix
    assert not list(tmp_path.iterdir())
    write_chart(tmp_path / "a.svg", DRAWING)
    assert (tmp_path / "a.svg").read_text().startswith("<svg ")


def test_a_place_that_cannot_be_written_is_told(tmp_path: Path) -> None:
    with pytest.raises(GpuShopperError, match=r"cannot write .*nowhere"):
        write_chart(tmp_path / "nowhere" / "a.svg", DRAWING)
