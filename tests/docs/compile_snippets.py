"""Compiles the C of a page: compile_snippets.py <compiler> <include folder> <page>...

A block is either a whole function or the body of one. What a body uses without declaring it is declared here.
"""

import pathlib
import re
import subprocess
import sys

HEAD = """
#include <event2/bevel.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <stdio.h>
extern struct event_base* base;
extern struct bufferevent* bev;
extern struct bufferevent_rate_limit_group *group, *link, *site, *user, *backup;
"""
BLOCK = re.compile(r"^```c\n(.*?)^```", re.MULTILINE | re.DOTALL)
FUNCTION = re.compile(r"^(static |void |int )\S.*\) \{$", re.MULTILINE)


def program_of(page):
    parts = [HEAD]
    for number, block in enumerate(BLOCK.findall(page.read_text()), 1):
        is_function = FUNCTION.search(block) is not None
        parts.append(block if is_function else f"void snippet_{number}(void) {{\n{block}}}\n")
    return "\n".join(parts), len(parts) - 1


def main():
    compiler, include, *pages = sys.argv[1:]
    for page in map(pathlib.Path, pages):
        program, count = program_of(page)
        if count == 0:
            sys.exit(f"{page}: no code found")
        command = [compiler, "-std=c99", "-Wall", "-Wextra", "-Wno-unused", "-Werror", "-fsyntax-only", "-I", include,
                   "-x", "c", "-"]
        if subprocess.run(command, input=program, text=True, check=False).returncode != 0:
            sys.exit(f"{page}: its code does not compile")
        print(f"{page.name}: {count} pieces of code")


main()
