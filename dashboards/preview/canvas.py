"""A sheet measured in pixels from the top left, as a browser does it, over matplotlib."""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from exporter.errors import UsageError

try:
    import matplotlib as mpl
    from matplotlib.figure import Figure
    from matplotlib.patches import FancyBboxPatch, Rectangle
    from PIL import Image
except ImportError as error:
    raise UsageError("pictures need matplotlib: pip install 'kvmigration-exporter[preview]'") from error

BACK, CARD, INK, MUTED, LINE = "#111217", "#1b1d22", "#d8d9da", "#9a9ba0", "#2c2f36"
DPI = 100
PER_LETTER = 0.56  # of the font's size: what a letter takes, on average

mpl.rcParams["font.family"] = "DejaVu Sans"


@dataclass(frozen=True, slots=True)
class Box:
    """A rectangle in pixels."""

    left: float
    top: float
    width: float
    height: float


class Canvas:
    """One figure, with one set of axes over all of it in pixels, and more where a chart needs its own."""

    def __init__(self, width: float, height: float) -> None:
        self.width, self.height = width, height
        self.marks: list[Any] = []
        self.figure = Figure(figsize=(width / DPI, height / DPI), dpi=DPI, facecolor=BACK)
        self.sheet = self.figure.add_axes((0, 0, 1, 1))
        self.sheet.set_xlim(0, width)
        self.sheet.set_ylim(height, 0)
        self.sheet.axis("off")

    def card(self, box: Box, colour: str = CARD, layer: int = 0) -> None:
        """A panel's rounded ground."""
        shape = FancyBboxPatch(
            (box.left + 3, box.top + 3), box.width - 6, box.height - 6,
            boxstyle="round,pad=3,rounding_size=3", facecolor=colour, edgecolor=LINE, linewidth=0.7,
            zorder=layer,
        )  # fmt: skip
        self.sheet.add_patch(shape)

    def fill(self, box: Box, colour: str, layer: int = 2) -> None:
        """A plain rectangle."""
        self.sheet.add_patch(
            Rectangle((box.left, box.top), box.width, box.height, facecolor=colour, linewidth=0, zorder=layer)
        )

    def text(self, x: float, y: float, text: str, size: float, colour: str = INK, **how: Any) -> None:
        """Text, `size` in pixels, centred on `y`."""
        self.sheet.text(
            x, y, text.replace("$", r"\$"), fontsize=size * 72 / DPI, color=colour, va="center",
            ha=how.get("align", "left"), fontweight=how.get("weight", "normal"), zorder=5,
        )  # fmt: skip

    def shortened(self, text: str, width: float, size: float) -> str:
        """The text, cut to what fits in a width."""
        letters = max(3, int(width / (size * PER_LETTER)))
        return text if len(text) <= letters else text[: letters - 1] + "…"

    def axes(self, box: Box) -> Any:
        """Axes of their own for a chart."""
        made = self.figure.add_axes((
            box.left / self.width, 1 - (box.top + box.height) / self.height,
            box.width / self.width, box.height / self.height,
        ))  # fmt: skip
        made.set_facecolor("none")
        made.tick_params(colors=MUTED, labelsize=8, length=0)
        made.grid(visible=True, color=LINE, linewidth=0.6)
        made.spines[:].set_visible(False)
        return made

    def save(self, out: Path) -> None:
        """Write the PNG, small: flat colours need no more than a palette."""
        made = io.BytesIO()
        self.figure.savefig(made, dpi=DPI, facecolor=BACK, format="png")
        with Image.open(made) as image:
            flat = image.convert("RGB").quantize(128, Image.Quantize.MEDIANCUT, dither=Image.Dither.NONE)
        flat.save(out, format="PNG", optimize=True)
