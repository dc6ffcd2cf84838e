"""The vocabulary of everything that a person reads: the words that it avoids, and how long
its sentences are. Texts are the pages in Markdown, the strings of the program, alerts and boards, and the
templates.
"""

from __future__ import annotations

import ast
import inspect
import io
import re
import tokenize
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

import textstat

# A process, a member or a client does something; it is never one of these.
PERSONS: Final = (
    "who", "whoever", "whom", "somebody", "someone", "nobody", "everybody", "everyone", "anybody", "anyone",
)  # fmt: skip
# Metaphors for a state, and second names of what has a name.
METAPHORS: Final = (
    "ill", "dead", "mute", "silent", "alone", "odd", "gone", "whole", "young", "strangers?", "conjoined",
    "ghosts?", "old store", "(?:one|other|either|each|both|that) sides?", "the other one", "remembered",
    "too old", "(?:a|one|two|every|last|first|second) looks?",
)  # fmt: skip
# A noun says what is meant: the other processes, healthy members, a running owner, a recent heartbeat.
VAGUE: Final = (
    "others", "ones", "side by side", "all is well", "live", "fresh(?:er|est|ly)?", "cut off", "things?",
    "all right", "the one that",
)  # fmt: skip
# A process sends, shows, has and reads: it is no person that talks, knows, looks or is deceived.
TALK: Final = (
    "(?:ring pages|something|nothing)[^.]{0,30} speaks?", "told", "tells?", "telling", "heard?", "hears?",
    "hearing", "says?", "said", "saying", "speaks?", "spoken?", "speaking", "talks?", "talking", "asks?",
    "asked", "asking", "voices?", "his", "her", "he", "she", "whose",
)  # fmt: skip
MIND: Final = (
    "sees?", "saw", "seen", "seeing", "knows?", "knew", "known", "knowing", "wants?", "wanted", "wanting",
    "trusts?", "trusted", "trusting", "thinks?", "understands?", "understood", "believes?", "blind", "learns",
    "look(?:s|ed|ing)?", "walks?", "walked", "walking", "lies", "lied", "honest",
)  # fmt: skip
LIFE: Final = (
    "alive", "lives", "lived", "dies?", "died", "dying",
    "born", "young(?:er|est)?", "sleeps?", "asleep",
)  # fmt: skip
# A check is passed, failed or unknown; a gate is open, closed or unknown.
STATES: Final = (
    "cannot tell", "holds?", "held", "not uniform", "going back", "go(?:es)? back", "went back",
)  # fmt: skip
AVOIDED: Final = re.compile(
    rf"(?<!--)\b(?:{'|'.join((*PERSONS, *METAPHORS, *VAGUE, *TALK, *MIND, *LIFE, *STATES))})\b", re.IGNORECASE
)
CODE: Final = ("exporter", "alerts", "dashboards", "tools", "bench")
# What looks like one of them and is none, with its reason.
ALLOWED: Final[tuple[tuple[str, str], ...]] = (
    (r"dead or left", "a state of memberlist's own"),
    (r'verdict != "holds"', "a value of the API"),
    (r"alive, suspect, dead or left|(?:in |the )?state `?alive", "states of memberlist's own"),
    (r"live-stores?", "a component of Tempo"),
    (r"from most others, or|all others is named|stand still, is read", "lines of the log of changes"),
    (r"last seen time|last-seen", "a column of a product's own page"),
    (r"do sleep 1; done", "a command"),
    (r"member labelled seen", "names of labels"),
    (r"seen INTEGER", "a column of a table in SQL"),
    (r"error talking to the KV store", "a log line as the products write it"),
)
PLAIN: Final = 60.0  # of 100; a page below this is harder than plain English
# The words of a name in code: a reader searches for the vocabulary's nouns.
IN_NAMES: Final = frozenset({
    *PERSONS, "whose", "ill", "dead", "mute", "silent", "alone", "odd", "gone", "whole", "young", "younger",
    "stranger", "strangers", "conjoined", "ghost", "ghosts", "remembered", "thing", "things", "side", "sides",
    "picture", "pictures", "born", "lives", "lived", "dies", "died", "told", "tell", "tells", "say", "says",
    "said", "hear", "hears", "heard", "saw", "see", "sees", "seen", "asks", "speaks", "talks", "knows",
    "knew", "believes", "trusts", "holds", "ones",
})  # fmt: skip
# Names that others fixed: the file that has them, the names, and the reason.
FIXED_NAMES: Final[tuple[tuple[str, str, str], ...]] = (
    (
        "exporter/expose/api/shapes.py",
        "alone young seen_at side remembered ghosts ghost strangers ring_strangers seen_by holds_since "
        "StrangerOut",
        "fields and types of the API",
    ),
    ("exporter/expose/report/shapes.py", "began_seen", "a field of the report"),
    ("exporter/sources/timeline_file.py", "began_seen", "a column of the timeline"),
    ("exporter/model/facts.py", "seen_at", "the API takes this field by its name"),
    ("exporter/model/rings.py", "seen_by", "the API takes this field by its name"),
    ("exporter/model/shard.py", "seen", "named as the label of its metric"),
    ("exporter/expose/catalogue.py", "RING_GHOST_MEMBERS", "named as its metric"),
    ("exporter/expose/shard_catalogue.py", "SHARD_GHOST_MEMBER", "named as its metric"),
    ("exporter/model/pages.py", "DEAD", "a state of memberlist's own"),
    ("exporter/decode/tracker.py", "elected_last_seen_time seen_time", "named as on a product's own page"),
)
LONGEST: Final = 30  # words of a sentence on a page or in a docstring
_FENCE: Final = re.compile(r"^ *```.*?^ *```[ \t]*$", re.DOTALL | re.MULTILINE)
_LANGUAGE: Final = re.compile(r"^```(?:diff|promql)\n.*?^```$", re.DOTALL | re.MULTILINE)
_VALUE: Final = re.compile(r"\{\{.*?\}\}")
_FIELD: Final = re.compile(r"\{[^{}]*\}")
_STRING: Final = re.compile(r'"([^"]*)"')
_TAG: Final = re.compile(r"\{%.*?%\}|<[^>]*>", re.DOTALL)
_COMMENT: Final = re.compile(r"<!--.*?-->", re.DOTALL)
_CODE: Final = re.compile(r"`[^`\n]*`")
_LINK: Final = re.compile(r"!?\[([^\]]*)\]\([^)]*\)")
_ITEM: Final = re.compile(r"^(?:[-*]|\d+\.) ")
_END: Final = re.compile(r"(?<=[.!?])[)\"*]*\s+(?=[\"*(]*[A-Z0-9])")
_NAMES: Final = re.compile(r"X(?:(?:, | and |, and | or )X)+")
_LITERAL: Final = re.compile(r"^ *::\n(?:\n| {4}.*\n)+", re.MULTILINE)
_REMARK: Final = re.compile(r"(?:^|\s)#\s+(.+)")
_CAPITAL: Final = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_WORD: Final = re.compile(r"[A-Za-z0-9][\w'/.-]*")


class Text(NamedTuple):
    """A text and where it stands."""

    where: str
    text: str


def pages(root: Path) -> Iterator[Path]:
    """The pages in Markdown, but for the log of changes."""
    yield root / "README.md"
    yield from sorted((root / "docs").glob("*.md"))
    yield from sorted((root / "alerts" / "runbooks").glob("*.md"))


def texts(root: Path) -> Iterator[Text]:
    """Everything that a person reads."""
    templates = sorted((root / "exporter" / "expose").rglob("*.html"))
    lines = [*pages(root), root / "CHANGELOG.md", *templates]
    for path in filter(Path.exists, lines):
        where = path.relative_to(root).as_posix()
        read = _shown if path.suffix == ".html" else _without_code
        for number, line in enumerate(read(path.read_text(encoding="utf-8")).splitlines(), 1):
            yield Text(f"{where}:{number}", _CODE.sub("`x`", _LINK.sub(r"\1", line)))
    for part in ("exporter", "alerts", "dashboards"):
        for path in sorted((root / part).rglob("*.py")):
            if not path.name.endswith("_pb2.py"):
                yield from _strings(path, path.relative_to(root).as_posix())
    yield from _beside(root)


def _beside(root: Path) -> Iterator[Text]:
    """What stands beside the program: pages for those that build and install it, comments of its deployment,
    and what the API's document says of its types.
    """
    others = [
        root / "CONTRIBUTING.md",
        root / "mixin" / "README.md",
        *sorted((root / "deploy").rglob("*.md")),
    ]
    for path in filter(Path.exists, others):
        for number, line in enumerate(_without_code(path.read_text(encoding="utf-8")).splitlines(), 1):
            yield Text(
                f"{path.relative_to(root).as_posix()}:{number}", _CODE.sub("`x`", _LINK.sub(r"\1", line))
            )
    for path in sorted((root / "deploy").rglob("*.y*ml")):
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
            if remark := _REMARK.search(line):
                yield Text(f"{path.relative_to(root).as_posix()}:{number}", remark[1])
    shapes = root / "exporter" / "expose" / "api" / "shapes.py"
    for node in ast.walk(ast.parse(shapes.read_text(encoding="utf-8") if shapes.exists() else "")):
        if isinstance(node, ast.ClassDef):
            where = f"{shapes.relative_to(root).as_posix()}:{node.lineno}"
            yield Text(where, _CODE.sub("`x`", ast.get_docstring(node) or ""))


def _without_code(markdown: str) -> str:
    """The same lines, but for those of code in a language; a terminal's or a configuration's are read."""
    return _LANGUAGE.sub(lambda block: "\n" * block[0].count("\n"), markdown)


def _shown(template: str) -> str:
    """What a template shows, line by line: text, and the strings in its expressions."""
    values = _VALUE.sub(lambda value: " ".join(s for s in _STRING.findall(value[0]) if " " in s), template)
    return _TAG.sub(lambda tag: "\n" * tag[0].count("\n"), values)


def _strings(path: Path, where: str) -> Iterator[Text]:
    """The strings of a module with more than one word, but for those that only its readers see."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    unseen = {id(node.value) for node in ast.walk(tree) if isinstance(node, ast.Expr)}
    for node in ast.walk(tree):
        if id(node) in unseen or not isinstance(node, ast.Constant):
            continue
        if isinstance(node.value, str) and " " in node.value:
            yield Text(f"{where}:{node.lineno}", _FIELD.sub("X", _CODE.sub("`x`", node.value)))


def named(root: Path) -> Iterator[Text]:
    """The names that the code gives: to functions, classes, parameters, variables, attributes and imports."""
    for part in CODE:
        for path in sorted((root / part).rglob("*.py")):
            if not path.name.endswith("_pb2.py"):
                where = path.relative_to(root).as_posix()
                for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
                    if name := _given(node):
                        yield Text(f"{where}:{getattr(node, 'lineno', 0)}", name)


def _given(node: ast.AST) -> str | None:
    """The name that a node gives to something."""
    match node:
        case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
            return name
        case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()):
            return name
        case ast.arg(arg=name) | ast.alias(asname=name):
            return name
        case ast.ExceptHandler(name=name) | ast.MatchAs(name=name) | ast.MatchStar(name=name):
            return name
    return None


def avoided_names(given: Iterable[Text]) -> Iterator[Text]:
    """Each name with a word that it should avoid, unless others fixed it."""
    fixed = {(file, name) for file, names, _ in FIXED_NAMES for name in names.split()}
    for where, name in given:
        words = _CAPITAL.sub("_", name).lower().split("_")
        if not IN_NAMES.isdisjoint(words) and (where.rpartition(":")[0], name) not in fixed:
            yield Text(where, name)


def remarks(root: Path) -> Iterator[Text]:
    """The docstrings and comments of the code: what an engineer reads."""
    for part in CODE:
        for path in sorted((root / part).rglob("*.py")):
            if not path.name.endswith("_pb2.py"):
                yield from _remarks(path.read_text(encoding="utf-8"), path.relative_to(root).as_posix())


def _remarks(code: str, where: str) -> Iterator[Text]:
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Expr) and isinstance(text := getattr(node.value, "value", None), str):
            yield Text(f"{where}:{node.lineno}", _CODE.sub("`x`", _LITERAL.sub("", text)))
    for token in tokenize.generate_tokens(io.StringIO(code).readline):
        if token.type == tokenize.COMMENT:
            yield Text(f"{where}:{token.start[0]}", _CODE.sub("`x`", token.string.lstrip("# ")))


def avoided(read: Iterable[Text]) -> Iterator[str]:
    """Each word that a text should avoid, with a little of what is around it."""
    allowed = re.compile("|".join(phrase for phrase, _ in ALLOWED))
    for where, text in read:
        clean = allowed.sub("", text)
        for word in AVOIDED.finditer(clean):
            around = " ".join(clean[max(0, word.start() - 50) : word.end() + 50].split())
            yield f"{where}: {word[0]}: {around}"


def sentences(markdown: str) -> Iterator[str]:
    """The sentences of a page: of its paragraphs, items and cells; code, or a list of it, is one word."""
    for block in _blocks(_COMMENT.sub("\n\n", _FENCE.sub("\n\n", markdown))):
        text = _NAMES.sub("X", _CODE.sub("X", _LINK.sub(r"\1", block)))
        yield from filter(None, _END.split(text))


def _blocks(markdown: str) -> Iterator[str]:
    block: list[str] = []
    for line in (*markdown.splitlines(), ""):
        text = line.strip()
        if block and (not text or text[0] in "#|" or _ITEM.match(text)):
            yield " ".join(block)
            block = []
        if text.startswith("|"):
            yield from filter(None, map(str.strip, text.split("|")))
        elif text and not text.startswith("#") and (block or not line.startswith("    ")):
            block.append(_ITEM.sub("", text, count=1))


def length(sentence: str) -> int:
    """How many words a sentence has."""
    return len(_WORD.findall(sentence))


def ease(text: str) -> float:
    """How easy the sentences of a page are: Flesch's score, 60 and more is plain English."""
    lines = (f"{sentence.rstrip('.')}." for sentence in sentences(text))
    return float(textstat.flesch_reading_ease(" ".join(lines)))


def hardest(root: Path) -> list[tuple[float, str, str]]:
    """The sentences of all pages: years of school that each needs, place, sentence; the hardest first."""
    found = [
        (float(textstat.flesch_kincaid_grade(sentence)), path.relative_to(root).as_posix(), sentence)
        for path in pages(root)
        for sentence in sentences(path.read_text(encoding="utf-8"))
    ]
    return sorted(found, reverse=True)


def longest(root: Path) -> list[tuple[int, str, str]]:
    """The sentences of all pages, docstrings and comments: words, place, sentence; the longest first."""
    read = [Text(path.relative_to(root).as_posix(), path.read_text(encoding="utf-8")) for path in pages(root)]
    found = [
        (length(sentence), where, sentence)
        for where, text in (*read, *((where, inspect.cleandoc(text)) for where, text in remarks(root)))
        for sentence in sentences(text)
    ]
    return sorted(found, reverse=True)
