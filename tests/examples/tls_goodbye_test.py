"""TLS connections that end properly: the two examples with each other, and with peers that do not play along."""

import ssl
import subprocess
import tempfile
import unittest

from programs import Server, make_certificate, run


class Goodbye(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.cert, self.key = make_certificate(self.folder, "server")

    def test_of_both(self):
        with Server("tls_goodbye_server", self.cert, self.key) as server:
            result = run("tls_goodbye_client", str(server.port), self.cert)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertEqual(result.stdout.splitlines(), [
                "connected: TLSv1.3",
                "the server says: welcome, and goodbye",
                "the server says goodbye",
                "ended: clean",
            ])
            self.assertEqual(server.process.stdout.readline(), "ended: clean\n")
            self.assertEqual(server.stop(), (0, ""))

    def test_that_never_comes(self):
        context = ssl.create_default_context(cafile=self.cert)
        with Server("tls_goodbye_server", self.cert, self.key) as server:
            with context.wrap_socket(server.connect(), server_hostname="localhost") as cut_off:
                self.assertEqual(cut_off.recv(100), b"welcome, and goodbye\n")
                # The end of the block closes the socket without a goodbye.
            self.assertEqual(server.process.stdout.readline(), "ended: the connection broke\n")
            self.assertEqual(server.stop(), (0, ""))

    def test_files_that_are_no_good(self):
        _, other_key = make_certificate(self.folder, "other")
        for command in (("tls_goodbye_server", self.cert, other_key), ("tls_goodbye_server", self.key, self.cert),
                        ("tls_goodbye_server", self.cert, "/nowhere/key"), ("tls_goodbye_client", "1", self.key)):
            with self.subTest(command):
                result = run(*command)
                self.assertEqual((result.returncode, result.stdout), (2, ""))
                self.assertRegex(result.stderr, f"error:.*\n(.*\n)*{command[0]}: no usable certificate.*\nTry .*--help")

    def test_help_shows_how_to_make_files_that_are(self):
        usage = run("tls_goodbye_server", "--help").stdout
        subprocess.run(usage[usage.index("openssl req"):], shell=True, cwd=self.folder, check=True, capture_output=True)
        with Server("tls_goodbye_server", f"{self.folder}/cert.pem", f"{self.folder}/key.pem") as server:
            self.assertEqual(run("tls_goodbye_client", str(server.port), f"{self.folder}/cert.pem").returncode, 0)


if __name__ == "__main__":
    unittest.main()
