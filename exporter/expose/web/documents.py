"""`/docs`: this project's docs and runbooks, from its own package, so that they open without the internet."""

from __future__ import annotations

import itertools
import posixpath
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from markdown_it import MarkdownIt
from markdown_it.token import Token
from markupsafe import Markup

ROOT: Final = Path(__file__).parents[3]
INSTALLED: Final = (
    Path(__file__).parents[2] / "served_docs"
)  # as a package brings them; a checkout has its own
DOCS: Final = INSTALLED if INSTALLED.is_dir() else ROOT / "docs"
IMAGES: Final[Mapping[str, str]] = {".png": "image/png", ".svg": "image/svg+xml"}
RUNBOOKS: Final = "alerts/runbooks"
_COMMENT: Final = re.compile(r"<!--.*?-->\n?", re.DOTALL)
_LEFT_OUT: Final = re.compile(r"[^\w\- ]")


@dataclass(frozen=True, slots=True)
class Document:
    """One page of the docs: `source` is its path in the project."""

    name: str
    source: str
    markdown: str

    @property
    def title(self) -> str:
        """Its first heading."""
        return next(
            (line.lstrip("# ") for line in self.markdown.splitlines() if line.startswith("#")), self.name
        )


@cache
def documents() -> Mapping[str, Document]:
    """All of them by name: "" is the first page, `ring`, `runbooks/KVMigrationGossipSplit`."""
    found = [*_read(DOCS, "docs", ""), *_read(ROOT / RUNBOOKS, RUNBOOKS, "runbooks/")]
    return {document.name: document for document in found}


@cache
def images() -> Mapping[str, Path]:
    """The pictures by their paths below `docs/`."""
    files = (file for file in DOCS.rglob("*") if file.suffix in IMAGES)
    return {file.relative_to(DOCS).as_posix(): file for file in files}


def name_of(path: str) -> str:
    """A document's name, with or without `.md`; a folder's first page has the folder's."""
    return path.strip("/").removesuffix(".md").removesuffix("README")


def place(doc: str, root: str) -> str:
    """The address of a place in the docs, such as `docs/ring.md#views-differ`. An address of the
    configuration stays as it is; anything else gives "".
    """
    if doc.startswith(("https://", "http://")):
        return doc
    path, _, heading = doc.partition("#")
    return _served(path, heading, root)


def body(document: Document, root: str) -> Markup:
    """The document as HTML. Its links lead to where we serve what they name; those that leave the docs for
    the project's source are no links here.
    """
    tokens = _parser().parse(document.markdown)
    _name_headings(tokens)
    for token in tokens:
        for child in token.children or ():
            _lead(child, document.source, root)
    _unlink(tokens)
    return Markup(_parser().renderer.render(tokens, _parser().options, {}))  # noqa: S704 - our own files, HTML in them is escaped


@cache
def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable("table")


def _read(folder: Path, source: str, below: str) -> Iterable[Document]:
    for file in sorted(folder.glob("*.md")):
        text = _COMMENT.sub("", file.read_text("utf-8"))
        yield Document(name_of(below + file.name), f"{source}/{file.name}", text)


def _name_headings(tokens: Sequence[Token]) -> None:
    """Give each heading the id that links to it use: as the places that show Markdown make it."""
    taken: dict[str, int] = {}
    for opened, inner in itertools.pairwise(tokens):
        if opened.type == "heading_open":
            slug = _LEFT_OUT.sub("", inner.content.lower()).strip().replace(" ", "-")
            number = taken[slug] = taken.get(slug, -1) + 1
            opened.attrSet("id", f"{slug}-{number}" if number else slug)


def _lead(token: Token, source: str, root: str) -> None:
    name = {"link_open": "href", "image": "src"}.get(token.type)
    if name is None:
        return
    path, _, heading = str(token.attrGet(name)).partition("#")
    if path.startswith(("https://", "http://")):
        token.attrSet("rel", "noreferrer")
    elif path:
        inside = posixpath.normpath(posixpath.join(posixpath.dirname(source), path))
        token.attrSet(name, _served(inside, heading, root))


def _served(path: str, heading: str, root: str) -> str:
    """The address of a file of the project, "" where it is not served."""
    if path.startswith(f"{RUNBOOKS}/"):
        path = f"docs/runbooks/{path.removeprefix(f'{RUNBOOKS}/')}"
    below = path.removeprefix("docs/")
    if path == below or not (name_of(below) in documents() or below in images()):
        return ""
    return f"{root}docs/{below if below in images() else name_of(below)}" + (heading and f"#{heading}")


def _unlink(tokens: Iterable[Token]) -> None:
    """Make a link that leads nowhere the text that it is."""
    for token in tokens:
        within = False
        for child in token.children or ():
            if child.type == "link_open" and not child.attrGet("href"):
                within, child.attrs, child.tag = True, {}, "span"
            elif child.type == "link_close" and within:
                within, child.tag = False, "span"
