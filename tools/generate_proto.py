"""Compile `ring.proto`: `python tools/generate_proto.py [--check]`.

The version that the compiler wrote into the file is left out of the comparison: a newer compiler with the
same output makes no difference.
"""

from __future__ import annotations

import re
import sys
import tempfile
from pathlib import Path

from grpc_tools import protoc

FORMATS = Path(__file__).resolve().parent.parent / "exporter" / "decode" / "formats"
BUILT = FORMATS / "ring_pb2.py"
VERSION = re.compile(r"# Protobuf Python Version: .*|^    \d+,$", re.MULTILINE)


def compiled() -> str:
    """The module as the installed compiler writes it."""
    with tempfile.TemporaryDirectory() as out:
        if protoc.main(["protoc", f"-I{FORMATS}", f"--python_out={out}", "ring.proto"]):
            sys.exit("proto: ring.proto does not compile")
        return (Path(out) / "ring_pb2.py").read_text()


def main(arguments: list[str]) -> int:
    text = compiled()
    if "--check" not in arguments:
        BUILT.write_text(text)
        return 0
    if VERSION.sub("", text) != VERSION.sub("", BUILT.read_text()):
        print("proto: ring_pb2.py is not what ring.proto says; run python tools/generate_proto.py")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
