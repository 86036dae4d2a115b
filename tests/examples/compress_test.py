"""The example of compression."""

import unittest

from programs import run


class CompressedLog(unittest.TestCase):
    def test_arrives_as_it_was_written_and_is_smaller_on_the_way(self):
        result = run("compressed_log")
        self.assertEqual((result.returncode, result.stderr), (0, ""))
        self.assertEqual(result.stdout.splitlines(), [
            "the receiver sees the end",
            "208890 bytes written, 208890 read, fewer than a third of it on the wire: yes",
        ])


if __name__ == "__main__":
    unittest.main()
