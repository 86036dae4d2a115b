"""The example of OpenSSL and threads."""

import unittest

from programs import run


class OpensslLocking(unittest.TestCase):
    def test_all_threads_finish(self):
        result = run("openssl_locking")
        self.assertEqual((result.returncode, result.stdout), (0, "4000 of 4000 TLS objects made by 4 threads\n"))


if __name__ == "__main__":
    unittest.main()
