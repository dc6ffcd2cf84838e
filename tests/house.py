"""The house rules, each a function from a tree of files to its breaches (`path:line: what`).

A tree is a directory laid out as this repository. `tests/test_house.py` holds this repository to the
rules, and shows on a small bad tree that each rule can fail.
"""

from __future__ import annotations

import ast
import io
import re
import sys
import tokenize
import tomllib
from collections.abc import Iterator
from functools import cache
from itertools import chain
from pathlib import Path, PurePosixPath

ROOMS = ("sources", "decode", "derive", "expose", "demo")
SHARED = {"exporter.model", "exporter.errors", "exporter.products", "exporter.__version__"}
EDGES = {"sources", "expose"}  # the rooms with a network: they may read the configuration, and log
EDGE_SHARED = {"exporter.config", "exporter.log"}
TABLES = {"exporter.model", "exporter.products"}  # what the products' tables may import of ours
PURE = ("decode", "derive", "products")
IMPURE = {"asyncio", "aiohttp", "time", "random", "logging"}
# The vocabulary, in the order in which its modules may import one another.
VOCABULARY = (
    "entry", "listed", "culprits", "settings", "findings", "gate", "pages", "migration",
    "stores", "shard", "rings", "views", "facts", "plan", "timeline",
)  # fmt: skip
# The floors of derive/, the ground first: a module or a room imports itself and what stands before it.
DERIVE_FLOORS = (
    "judging_rules", "kv_clients", "ha_election_rates", "identity", "gossip", "ring", "store",
    "process_judgement", "comparison", "previous_cycle", "key_judgement", "foreign_members", "migration",
    "gate", "planning", "shard", "conclude",
)  # fmt: skip
TOP_MODULES, ROOM_MODULES = 8, 14
PACKAGES = ("exporter", "dashboards", "alerts")
CHECKED = (*PACKAGES, "tests", "tools", "bench")
GENERATED = {"exporter/decode/formats/ring_pb2.py"}
FILE_LINES, FUNCTION_LINES, README_LINES = 399, 40, 149
NAMELESS = {"utils", "util", "core", "common", "helpers", "helper", "misc"}
# written in halves, so that this file does not break the rule
REGISTRIES = re.compile(
    "|".join(
        re.escape(head + tail)
        for head, tail in (
            ("py", "pi.org"), ("files.pytho", "nhosted"), ("registry.np", "mjs"), ("npm", "js.org"),
            ("deb.deb", "ian.org"), ("security.deb", "ian.org"), ("snapshot.deb", "ian.org"),
            ("archive.ubu", "ntu.com"), ("proxy.gol", "ang.org"), ("index-url", " http"),
            ("find-links", " /"),
        )
    )
)  # fmt: skip
UNFINISHED = re.compile(r"\b(TO" + r"DO|FIX" + r"ME|XX" + r"X)\b")
EXPECTED_TO_FAIL = re.compile(r"\bx" + r"fail\b")
NOQA = re.compile(r"#\s*noqa\b(?::\s*(?P<codes>[A-Z]+[0-9]+(?:[,\s]+[A-Z]+[0-9]+)*))?(?P<reason>.*)")
IGNORED_TYPE = re.compile(r"#\s*type:\s*ignore(?:\[(?P<codes>[a-z-]+(?:,\s*[a-z-]+)*)\])?(?P<reason>.*)")
TEXT = {"", ".py", ".md", ".toml", ".lock", ".yml", ".yaml", ".json", ".txt", ".sh", ".html", ".js", ".css"}
SKIPPED = {".git", ".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis"}
SKIPPED |= {"dist", "node_modules", ".schemathesis"}
# the import's name where it is not the distribution's
DISTRIBUTIONS = {
    "yaml": "pyyaml",
    "google": "protobuf",
    "dns": "dnspython",
    "markdown_it": "markdown-it-py",
    "pydantic_core": "pydantic",
    "PIL": "pillow",
}


def files(root: Path) -> Iterator[Path]:
    """Every file of ours under `root`, none that a tool left there."""
    for path in sorted(root.iterdir()):
        if path.name in SKIPPED or path.name.endswith(".egg-info"):
            continue
        if path.is_dir():
            yield from files(path)
        else:
            yield path


def modules(root: Path, *parts: str) -> Iterator[Path]:
    """Python files under these directories, but for generated ones."""
    for path in chain.from_iterable(files(root / part) for part in parts if (root / part).is_dir()):
        if path.suffix == ".py" and path.relative_to(root).as_posix() not in GENERATED:
            yield path


def imports(root: Path, path: Path) -> tuple[tuple[int, str], ...]:
    """(line, dotted name) of everything imported, wherever in the file; relative ones made absolute."""
    return _imported(path.read_text(encoding="utf-8"), path.relative_to(root).parent.parts)


@cache
def _imported(text: str, package: tuple[str, ...]) -> tuple[tuple[int, str], ...]:
    return tuple(_each_import(ast.parse(text), package))


def _each_import(tree: ast.Module, package: tuple[str, ...]) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from ((node.lineno, name.name) for name in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            yield from ((node.lineno, f"{module}.{name.name}") for name in node.names)
        elif isinstance(node, ast.Call) and _is_call_of(node, "import_module", "__import__"):
            yield node.lineno, _text(node.args[0]) if node.args else "?"


def _is_call_of(node: ast.Call, *names: str) -> bool:
    return isinstance(node.func, ast.Name) and node.func.id in names


def _text(argument: ast.expr) -> str:
    """The name of a module, or the package that an f-string begins with."""
    if isinstance(argument, ast.JoinedStr):
        return _text(argument.values[0]).removesuffix(".")
    return str(argument.value) if isinstance(argument, ast.Constant) else "?"


def is_under(name: str, module: str) -> bool:
    return name == module or name.startswith(f"{module}.")


def rooms_keep_apart(root: Path) -> Iterator[str]:
    """A room imports itself, the shared vocabulary and, for some, the configuration; nothing else of ours.
    The products' tables import the model alone.
    """
    for room in (*ROOMS, "products"):
        allowed = {f"exporter.{room}", *SHARED, *(EDGE_SHARED if room in EDGES else ())}
        allowed = TABLES if room == "products" else allowed
        for path in modules(root, f"exporter/{room}"):
            for line, name in imports(root, path):
                if is_under(name, "exporter") and not any(is_under(name, one) for one in allowed):
                    yield f"{path.relative_to(root)}:{line}: {room} imports {name}"
                if any(is_under(name, other) for other in ("dashboards", "alerts", "tests", "tools")):
                    yield f"{path.relative_to(root)}:{line}: {room} imports {name}"


def pure_rooms_are_pure(root: Path) -> Iterator[str]:
    for room in PURE:
        for path in modules(root, f"exporter/{room}"):
            for line, name in imports(root, path):
                if name.split(".")[0] in IMPURE:
                    yield f"{path.relative_to(root)}:{line}: {room} imports {name}"


def derive_has_floors(root: Path) -> Iterator[str]:
    """A room of derive/ imports those below it, so that a reader can begin at the ground."""
    for path in modules(root, "exporter/derive"):
        where = path.relative_to(root)
        floor = derive_floor(where.with_suffix("").parts)
        if not floor:
            continue
        if floor not in DERIVE_FLOORS:
            yield f"{where}:1: {floor} has no floor in derive"
            continue
        below = DERIVE_FLOORS[: DERIVE_FLOORS.index(floor) + 1]
        for line, name in imports(root, path):
            other = derive_floor(tuple(name.split(".")))
            if other and other not in below:
                yield f"{where}:{line}: {floor} imports {name}, which stands above it"


def derive_floor(parts: tuple[str, ...]) -> str:
    """The module or room directly below derive/ that a dotted name or a path leads to; "" for another."""
    inside = parts[:2] == ("exporter", "derive") and len(parts) > 2 and parts[2] != "__init__"
    return parts[2] if inside else ""


def vocabulary_stands_alone(root: Path) -> Iterator[str]:
    """A module of the model imports the standard library and the model's modules that stand before it."""
    for path in modules(root, "exporter/model"):
        if path.stem == "__init__":
            continue
        if path.stem not in VOCABULARY:
            yield f"{path.relative_to(root)}:1: has no place in the order of the vocabulary"
            continue
        before = [f"exporter.model.{stem}" for stem in VOCABULARY[: VOCABULARY.index(path.stem)]]
        for line, name in imports(root, path):
            ours = any(is_under(name, one) for one in before)
            if name.split(".")[0] not in sys.stdlib_module_names and not ours:
                yield f"{path.relative_to(root)}:{line}: imports {name}"


def rooms_are_small(root: Path) -> Iterator[str]:
    """`exporter/` has at most 8 modules, no other folder of the packages more than 14: a listing is read at
    a glance.
    """
    for folder in sorted({path.parent for path in modules(root, *PACKAGES)}):
        most = TOP_MODULES if folder.name == "exporter" else ROOM_MODULES
        if (count := len(list(folder.glob("*.py")))) > most:
            yield f"{folder.relative_to(root)}: {count} modules, at most {most}"


def one_door_to_grafanalib(root: Path) -> Iterator[str]:
    for path in modules(root, *PACKAGES):
        if path.relative_to(root).as_posix() == "dashboards/panels.py":
            continue
        for line, name in imports(root, path):
            if is_under(name, "grafanalib"):
                yield f"{path.relative_to(root)}:{line}: imports {name}"


def imports_are_declared(root: Path) -> Iterator[str]:
    """Whatever the program imports, pyproject.toml asks for; what the lock brings along does not count."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    groups = [project["dependencies"], *project.get("optional-dependencies", {}).values()]
    declared = {_normal(re.split(r"[^\w.-]", line.strip())[0]) for line in chain.from_iterable(groups)}
    known = {*sys.stdlib_module_names, *PACKAGES}
    for path in modules(root, *PACKAGES):
        for line, name in imports(root, path):
            top = name.split(".")[0]
            if top not in known and _normal(DISTRIBUTIONS.get(top, top)) not in declared:
                yield f"{path.relative_to(root)}:{line}: {top} is not in pyproject.toml"


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def files_are_short(root: Path) -> Iterator[str]:
    for path in modules(root, *CHECKED):
        if (length := len(path.read_text(encoding="utf-8").splitlines())) > FILE_LINES:
            yield f"{path.relative_to(root)}:1: {length} lines, at most {FILE_LINES}"


def functions_are_short(root: Path) -> Iterator[str]:
    for path in modules(root, *CHECKED):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                length = (node.end_lineno or node.lineno) - node.lineno + 1
                if length > FUNCTION_LINES:
                    yield f"{path.relative_to(root)}:{node.lineno}: {node.name} has {length} lines"


def names_say_something(root: Path) -> Iterator[str]:
    for path in modules(root, *CHECKED):
        where = path.relative_to(root)
        if NAMELESS & {part.strip("_").lower() for part in where.with_suffix("").parts}:
            yield f"{where}: a name that says nothing"


def no_registry_is_named(root: Path) -> Iterator[str]:
    for path, number, line in _text_lines(root):
        if REGISTRIES.search(line):
            yield f"{path}:{number}: names a package registry"


def nothing_is_unfinished(root: Path) -> Iterator[str]:
    for path, number, line in _text_lines(root):
        if UNFINISHED.search(line) or (path.parts[0] == "tests" and EXPECTED_TO_FAIL.search(line)):
            yield f"{path}:{number}: unfinished: {line.strip()[:80]}"


def _text_lines(root: Path) -> Iterator[tuple[PurePosixPath, int, str]]:
    for path in files(root):
        if path.suffix in TEXT and path.is_file():
            where = PurePosixPath(path.relative_to(root).as_posix())
            text = path.read_text(encoding="utf-8", errors="replace")
            yield from ((where, number, line) for number, line in enumerate(text.splitlines(), 1))


def tests_do_not_sleep(root: Path) -> Iterator[str]:
    """`time.sleep`, under whatever name it was imported."""
    for path in modules(root, "tests"):
        for line, name in imports(root, path):
            if name == "time.sleep":
                yield f"{path.relative_to(root)}:{line}: imports {name}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "sleep" and ast.unparse(node) == "time.sleep":
                yield f"{path.relative_to(root)}:{node.lineno}: time.sleep"


def exceptions_carry_reasons(root: Path) -> Iterator[str]:
    """`noqa` and `type: ignore` name their code, and say why in three letters or more."""
    for path in modules(root, *CHECKED):
        text = path.read_text(encoding="utf-8")
        for token in tokenize.generate_tokens(io.StringIO(text).readline):
            if token.type != tokenize.COMMENT:
                continue
            for found in chain(NOQA.finditer(token.string), IGNORED_TYPE.finditer(token.string)):
                if not found["codes"] or not re.search(r"\w{3,}", found["reason"]):
                    yield f"{path.relative_to(root)}:{token.start[0]}: {token.string.strip()}"


def tests_mirror_rooms(root: Path) -> Iterator[str]:
    """`tests/ROOM/test_PAGE_more.py` is named after `exporter/ROOM/PAGE.py`, or is about that room."""
    rooms = sorted(path.name for path in (root / "exporter").iterdir() if path.is_dir())
    for path in modules(root, *(f"tests/{room}" for room in rooms)):
        where = path.relative_to(root)
        if not where.name.startswith("test_"):
            continue
        room = where.parts[1]
        subjects = {one.stem for one in modules(root, f"exporter/{room}")}
        subjects |= {one.stem for one in (root / "exporter").glob("*.py")}
        words = where.stem.removeprefix("test_").split("_")
        named = any("_".join(words[:count]) in subjects for count in range(1, len(words) + 1))
        if not named and not any(is_under(name, f"exporter.{room}") for _, name in imports(root, path)):
            yield f"{where}:1: neither named after a module of {room} nor about that room"


def test_directories_are_packages(root: Path) -> Iterator[str]:
    for folder in {path.parent for path in modules(root, "tests")}:
        if not (folder / "__init__.py").is_file():
            yield f"{folder.relative_to(root)}: no __init__.py"


def changelog_is_open(root: Path) -> Iterator[str]:
    path = root / "CHANGELOG.md"
    if not path.is_file() or not re.search(r"^## \[?Unreleased\]?", path.read_text(), re.MULTILINE):
        yield "CHANGELOG.md: no section Unreleased"


def readme_is_short(root: Path) -> Iterator[str]:
    path = root / "README.md"
    if not path.is_file() or not 0 < len(path.read_text().splitlines()) <= README_LINES:
        yield f"README.md: missing, empty, or over {README_LINES} lines"


def links_lead_somewhere(root: Path) -> Iterator[str]:
    """Local links of Markdown pages name files that are there."""
    for path in files(root):
        if path.suffix != ".md":
            continue
        for target in re.findall(r"\]\(([^)\s#]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if "://" not in target and not (path.parent / target).exists():
                yield f"{path.relative_to(root)}: no {target}"


def locks_are_hashed(root: Path) -> Iterator[str]:
    """Each lock pins by hash, and holds what pyproject.toml asks for."""
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    extras = project.get("optional-dependencies", {})
    runtime = [*project["dependencies"], *extras.get("kubernetes", ()), *extras.get("dashboards", ())]
    wanted = {"requirements.lock": runtime, "requirements-dev.lock": [*runtime, *extras.get("dev", ())]}
    for name, lines in wanted.items():
        text = (root / name).read_text() if (root / name).is_file() else ""
        entries = re.findall(r"^([\w.-]+)==\S+((?: \\\n +--hash=sha256:[0-9a-f]{64})*)", text, re.MULTILINE)
        locked = {_normal(entry): hashes for entry, hashes in entries}
        yield from (f"{name}: {entry} has no hash" for entry, hashes in locked.items() if not hashes)
        for line in lines:
            if (asked := _normal(re.split(r"[^\w.-]", line.strip())[0])) not in locked:
                yield f"{name}: {asked} is missing"


RULES = (
    rooms_keep_apart, pure_rooms_are_pure, derive_has_floors, vocabulary_stands_alone, rooms_are_small,
    one_door_to_grafanalib, imports_are_declared, files_are_short, functions_are_short, names_say_something,
    no_registry_is_named, nothing_is_unfinished, tests_do_not_sleep, exceptions_carry_reasons,
    tests_mirror_rooms, test_directories_are_packages, changelog_is_open, readme_is_short,
    links_lead_somewhere, locks_are_hashed,
)  # fmt: skip
