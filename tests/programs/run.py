#!/usr/bin/env python3
"""Runs programs as the distribution built them against libevent, on the libraries in a folder.

    run.py [LIBDIR] [PATTERN...]

LIBDIR reaches the programs as LD_LIBRARY_PATH; without it, or with "-", they run on the libraries of the system.
PATTERN picks test cases by part of their name. Programs that are not installed are skipped.
"""

import pathlib
import sys
import unittest

import programs


def main(arguments):
    if "-h" in arguments or "--help" in arguments:
        print(__doc__)
        return 0
    folder, patterns = (arguments[0] if arguments else "-"), arguments[1:]
    if folder != "-":
        programs.use_libraries(pathlib.Path(folder).resolve(strict=True))

    loader = unittest.TestLoader()
    if patterns:
        loader.testNamePatterns = [f"*{pattern}*" for pattern in patterns]
    suite = loader.discover(str(pathlib.Path(__file__).parent), pattern="*_test.py")
    return 0 if unittest.TextTestRunner(verbosity=2).run(suite).wasSuccessful() else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
