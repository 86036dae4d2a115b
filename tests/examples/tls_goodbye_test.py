"""TLS connections that end properly: the two examples with each other, and with peers that do not play along."""

import pathlib
import ssl
import subprocess
import tempfile
import unittest

from programs import Server, run


def make_certificate(folder):
    cert, key = (str(pathlib.Path(folder, kind)) for kind in ("cert", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


class Goodbye(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.cert, self.key = make_certificate(folder.name)

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

    def test_refusals(self):
        self.assertEqual(run("tls_goodbye_server").returncode, 2)
        self.assertEqual(run("tls_goodbye_client", "1").returncode, 2)


if __name__ == "__main__":
    unittest.main()
