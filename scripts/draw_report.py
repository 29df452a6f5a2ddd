"""Draw docs/pictures/NAME.png: the top of a run's report, as a browser shows it.

usage: python scripts/draw_report.py RUN NAME       needs Chromium on the PATH

report.png is drawn of a keyword run, recognition.png of a recognition run.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image

PICTURES = Path(__file__).parent.parent / "docs" / "pictures"
OPTIONS = (
    "--headless --no-sandbox --disable-gpu --no-first-run --disable-background-networking --hide-scrollbars"
)
SIZE, COLOURS = "900,1560", 64


def main(run: Path, name: str) -> None:
    """Take the screenshot and store it with few colours."""
    with tempfile.TemporaryDirectory() as folder:
        shot = Path(folder) / "report.png"
        places = [f"--user-data-dir={folder}/profile", f"--window-size={SIZE}", f"--screenshot={shot}"]
        page = (run / "report.html").resolve().as_uri()
        subprocess.run(["chromium", *OPTIONS.split(), *places, page], check=True, capture_output=True)
        Image.open(shot).convert("RGB").quantize(COLOURS).save(PICTURES / f"{name}.png", optimize=True)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), sys.argv[2])
