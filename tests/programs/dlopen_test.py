"""Programs that load the library late: languages with modules, servers with plugins."""

import subprocess
import sys
import unittest

import programs


class LoadedLate(unittest.TestCase):
    def test_loads_into_a_running_program(self):
        for name in ["libevent_core-2.1.so.7", "libevent-2.1.so.7", "libevent_openssl-2.1.so.7"]:
            code = f"import ctypes; print(ctypes.CDLL({name!r}))"
            with self.subTest(name):
                done = subprocess.run([sys.executable, "-c", code], env=programs.environment(), capture_output=True)
                self.assertEqual((done.returncode, done.stderr), (0, b""))
