"""Pictures of the page for the documentation: `python -m tools.screenshots [NAME…]`.

Each scene is a simulated cluster in a phase, with or without a fault, shown in Chromium.
"""

from __future__ import annotations

import argparse
import io
import sys
import time
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from PIL import Image
from playwright.sync_api import Browser

from exporter.demo import DemoSettings
from exporter.model.pages import Phase
from tools.stage import INTERVAL, Stage, browser

OUT: Final = Path(__file__).resolve().parent.parent / "docs" / "screenshots"
MOST_BYTES: Final = 250_000
SETTLE: Final = 90.0  # seconds of the cluster's time before the first cycle
WIDE: Final = {"width": 1920, "height": 1080}
PHONE: Final = {"width": 390, "height": 844}


@dataclass(frozen=True)
class Scene:
    """One picture. `calm` and `after` are cycles before and after the fault."""

    phase: Phase
    fault: str = ""
    calm: int = 8
    after: int = 6
    path: str = "/"
    late: float = 0.0  # seconds since the last cycle
    view: dict[str, Any] = field(default_factory=lambda: {"viewport": WIDE})
    settings: DemoSettings = field(default_factory=lambda: DemoSettings(product="mimir", size=9, tokens=64))


CORTEX: Final = DemoSettings(product="cortex", size=6, tokens=64)
SCENES: Final = {
    "go": Scene(Phase.MIRRORING, calm=60, after=0),
    "wait": Scene(Phase.MIRRORING, calm=2, after=0),
    "lag": Scene(Phase.MIRRORING, "lag", calm=30, after=10, settings=CORTEX),
    "split": Scene(Phase.MIRRORING, "split"),
    "strangers": Scene(Phase.MIRRORING, "conjoined"),
    "mixed-primaries": Scene(Phase.MIRRORING, "clobber", settings=CORTEX),
    "key": Scene(Phase.MIRRORING, "lag", path="/key/collectors/ring", after=3, settings=CORTEX),
    "old": Scene(Phase.SWITCHED, after=0, late=130.0),
    "dark": Scene(Phase.MIRRORING, "crash", view={"viewport": WIDE, "color_scheme": "dark"}),
    "phone": Scene(Phase.SWITCHED, after=0, view={"viewport": PHONE, "device_scale_factor": 2}),
}


def main(arguments: list[str] | None = None) -> int:
    """Make the pictures that are named, or all."""
    parser = argparse.ArgumentParser(prog="python -m tools.screenshots", description=__doc__)
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"of {', '.join(SCENES)}")
    parser.add_argument("--out", type=Path, default=OUT, metavar="DIR")
    args = parser.parse_args(arguments)
    if unknown := set(args.names) - SCENES.keys():
        parser.error(f"no such picture: {', '.join(sorted(unknown))}")
    args.out.mkdir(parents=True, exist_ok=True)
    with browser() as started:
        for name in args.names or SCENES:
            size = take(started, SCENES[name], args.out / f"{name}.png")
            sys.stdout.write(f"{args.out / name}.png: {size // 1000} kB\n")
    return 0


def take(chromium: Browser, scene: Scene, file: Path) -> int:
    """Play one scene and keep its picture; gives its size in bytes."""
    passes = SETTLE + INTERVAL * (scene.calm + scene.after)
    settings = replace(
        scene.settings, start_phase=scene.phase, hold=True, manual=True, start_time=time.time() - passes
    )
    with Stage(settings, gate={"soak": "60s"}) as stage:
        stage.advance(SETTLE)
        stage.cycles(scene.calm)
        if scene.fault:
            stage.demo.cluster.set_fault(scene.fault, on=True)
        stage.cycles(scene.after)
        stage.now += scene.late
        context = chromium.new_context(**scene.view)
        page = context.new_page()
        page.goto(stage.url + scene.path)
        image = page.screenshot()
        context.close()
    return _keep(image, file)


def _keep(image: bytes, file: Path) -> int:
    """Write a picture with 256 colours, which is all the page has."""
    Image.open(io.BytesIO(image)).convert("RGB").quantize(256).save(file, optimize=True)
    size = file.stat().st_size
    assert size < MOST_BYTES, f"{file} has {size} bytes"
    return size


if __name__ == "__main__":
    sys.exit(main())
