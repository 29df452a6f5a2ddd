"""What the tests of a page share: a reader of HTML that takes in what a browser would, and nothing else."""

import base64
import io
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest
from matplotlib.image import imread

VOID = {"meta", "img"}


class Page(HTMLParser):
    """Elements, attributes and text of a page whose tags must nest."""

    def __init__(self, source: str) -> None:
        super().__init__(convert_charrefs=True)
        self.source = source
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.texts: list[tuple[str, str]] = []
        self._open: list[str] = []
        self.feed(source)
        self.close()
        assert not self._open

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag):
        assert self._open.pop() == tag

    def handle_data(self, data):
        if data.strip():
            self.texts.append((self._open[-1] if self._open else "", data))

    def inside(self, tag: str) -> list[str]:
        """Texts directly inside elements of that name."""
        return [text for place, text in self.texts if place == tag]

    def tags(self) -> set[str]:
        return {tag for tag, _ in self.elements}

    def pictures(self) -> list[np.ndarray]:
        """Every picture, decoded; each must be a data URI with alternative text."""
        found = []
        for tag, attributes in self.elements:
            if tag == "img":
                assert attributes["alt"]
                head, _, data = str(attributes["src"]).partition(",")
                assert head == "data:image/png;base64"
                found.append(imread(io.BytesIO(base64.b64decode(data, validate=True))))
        return found

    def check_self_contained(self) -> None:
        """Nothing that a browser would fetch or run."""
        assert not self.tags() & {"script", "link", "iframe", "object", "base", "form"}
        for _, attributes in self.elements:
            for name, value in attributes.items():
                assert not name.startswith("on")
                assert name not in ("href", "srcset", "action")
                assert "//" not in (value or "") or (value or "").startswith("data:image/png;base64,")
        style = "".join(self.inside("style"))
        assert "url(" not in style
        assert "@import" not in style


@pytest.fixture
def read_page() -> Callable[[Path], Page]:
    return lambda path: Page(path.read_text(encoding="utf-8"))
