"""Copies etcd's .proto files without the gogoproto and google.api annotations, which C++ has no use for.

usage: strip_annotations.py FROM TO NAME...
"""
import pathlib
import re
import sys


def stripped(text: str) -> str:
    text = re.sub(r'import "(gogoproto|google/api)/[^"]*";\n', "", text)
    text = re.sub(r"option \(gogoproto\.[^;]*;\n", "", text)
    text = re.sub(r"\s*\[\(gogoproto\.[^\]]*\]", "", text)
    # option (google.api.http) = { ... }; with braces inside
    pieces = text.split("option (google.api.http)")
    kept = [pieces[0]]
    for piece in pieces[1:]:
        depth = 0
        for at, char in enumerate(piece):
            depth += (char == "{") - (char == "}")
            if char == ";" and depth == 0:
                break
        kept.append(piece[at + 1:])
    return "".join(kept)


source, target = map(pathlib.Path, sys.argv[1:3])
for name in sys.argv[3:]:
    made = target / f"{name}.proto"
    made.parent.mkdir(parents=True, exist_ok=True)
    made.write_text(stripped((source / f"{name}.proto").read_text()))
