"""The interface as data: the tables of data/, and what the public headers declare."""

import pathlib
import re

HERE = pathlib.Path(__file__).resolve().parent
DEFAULT_INCLUDE_DIR = HERE.parent.parent / "include"


def rows(name):
    """The rows of a table, as dictionaries by column."""
    lines = (HERE / "data" / f"{name}.tsv").read_text().splitlines()
    columns = lines[0].split("\t")
    return [dict(zip(columns, line.split("\t"))) for line in lines[1:]]


def declared_functions(include_dir):
    """The exported functions that the headers declare: name to header."""
    functions = {}
    for path in sorted(include_dir.rglob("*.h")):
        text = re.sub(r"/\*.*?\*/|//[^\n]*|^\s*#.*?(?<!\\)$", " ", path.read_text(),
                      flags=re.DOTALL | re.MULTILINE)
        for declaration in re.findall(r"\bEVENT2_EXPORT_SYMBOL\b([^;{]*)", text):
            name = re.search(r"(\w+)\s*\(", declaration)
            if name:
                functions[name.group(1)] = str(path.relative_to(include_dir))
    return functions
