"""The TLS echo server and its client: with each other, with openssl s_client, and with peers that behave badly."""

import contextlib
import select
import socket
import ssl
import subprocess
import tempfile
import threading
import unittest

from programs import PATIENCE, Server, make_certificate, run, unused_port


def tls_connect(server):
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context.wrap_socket(server.connect())


class Conversation(unittest.TestCase):
    def test_text(self):
        with Server("tls_echo_server", "--port", "0") as server:
            result = run("tls_echo_client", "--text", "good morning", "--connections", "3", server.address)
            self.assertEqual((result.returncode, result.stderr), (0, ""))
            self.assertIn("3 of 3 connections verified: 36 bytes", result.stdout)
            self.assertEqual(server.stop(), (0, "done: 3 connections, 36 bytes\n"))

    def test_random_bytes(self):
        for version in ("1.2", "1.3"):
            with self.subTest(version), Server("tls_echo_server", "--port", "0") as server:
                result = run("tls_echo_client", "--mib", "8", "--connections", "5", "--tls", version, server.address)
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertIn("100 %: 8388608 of 8388608 bytes are back", result.stdout)
                self.assertIn("5 of 5 connections verified", result.stdout)
                self.assertEqual(server.stop(), (0, "done: 5 connections, 8388608 bytes\n"))

    def test_many_connections(self):
        with Server("tls_echo_server", "--port", "0") as server:
            result = run("tls_echo_client", "--mib", "1", "--connections", "100", server.address)
            self.assertEqual(result.returncode, 0, result.stderr)
            self.assertEqual(server.stop(), (0, "done: 100 connections, 1048576 bytes\n"))

    def test_openssl_s_client(self):
        for version in ("-tls1_2", "-tls1_3"):
            with self.subTest(version), Server("tls_echo_server", "--port", "0") as server:
                with subprocess.Popen(["openssl", "s_client", "-quiet", "-no_ign_eof", version,
                                       "-connect", server.address], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                      stderr=subprocess.DEVNULL, text=True) as client:
                    for line in ("hello\n", "a second line\n"):
                        client.stdin.write(line)
                        client.stdin.flush()
                        self.assertEqual(client.stdout.readline(), line)
                self.assertEqual(server.stop(), (0, "done: 1 connections, 20 bytes\n"))

    def test_verbose(self):
        with Server("tls_echo_server", "--port", "0", "--verbose") as server:
            run("tls_echo_client", "--connections", "1", "--tls", "1.3", server.address)
            code, output = server.stop()
            self.assertEqual(code, 0)
            self.assertIn("handshake done: TLSv1.3\nreceived 5 bytes:\nhello", output)


class Certificates(unittest.TestCase):
    def test_from_files(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, key = make_certificate(folder, "server")
            stranger, _ = make_certificate(folder, "stranger")
            with Server("tls_echo_server", "--port", "0", cert, key) as server:
                trusting = run("tls_echo_client", "--trust", cert, server.address)
                self.assertEqual((trusting.returncode, trusting.stderr), (0, ""))
                wary = run("tls_echo_client", "--trust", stranger, "--connections", "1", server.address)
                self.assertEqual(wary.returncode, 1)
                self.assertIn("certificate verify failed", wary.stderr)
                self.assertEqual(server.stop()[0], 0)

    def test_that_are_no_good(self):
        with tempfile.TemporaryDirectory() as folder:
            cert, key = make_certificate(folder, "one")
            _, other_key = make_certificate(folder, "other")
            for pair in ((cert, other_key), (key, cert), ("/nowhere/cert", key), (cert, "/nowhere/key")):
                result = run("tls_echo_server", "--port", "0", *pair)
                self.assertEqual(result.returncode, 2)
                self.assertIn("openssl req -x509", result.stderr)


class BadPeers(unittest.TestCase):
    def test_nobody_listens(self):
        result = run("tls_echo_client", "--connections", "2", f"127.0.0.1:{unused_port()}")
        self.assertEqual(result.returncode, 1)
        self.assertEqual(result.stderr.count("5 bytes still to come"), 2)
        self.assertIn("0 of 2 connections verified", result.stdout)

    def test_server_outlives_them(self):
        with Server("tls_echo_server", "--port", "0") as server:
            server.connect().close()
            with server.connect() as garbage:
                garbage.sendall(b"GET / HTTP/1.0\r\n\r\n" * 100)
                with contextlib.suppress(ConnectionResetError):
                    while garbage.recv(65536):  # an alert, then the end
                        pass
            with server.connect() as half:
                half.sendall(b"\x16\x03\x01")  # a handshake record that breaks off
            with tls_connect(server) as cut_off:
                cut_off.sendall(b"x" * 100000)  # and no close_notify after it
            result = run("tls_echo_client", server.address)
            self.assertEqual(result.returncode, 0, result.stderr)
            with tls_connect(server) as still_open:
                still_open.sendall(b"x")
                self.assertEqual(still_open.recv(1), b"x")
                self.assertEqual(server.stop()[0], 0)

    def test_server_does_not_pile_up_what_nobody_reads(self):
        with Server("tls_echo_server", "--port", "0") as server, tls_connect(server) as connection:
            connection.setblocking(False)
            block, sent, limit = b"0123456789abcdef" * 1024, 0, 64 << 20
            while sent < limit:
                try:
                    sent += connection.send(block)
                except ssl.SSLWantWriteError:
                    if not select.select([], [connection], [], 1)[1]:
                        break
            self.assertLess(sent, limit)
            # The last block may be half on its way; OpenSSL wants it repeated before anything else.
            connection.settimeout(PATIENCE)
            received = bytearray()
            while len(received) < sent:
                received += connection.recv(65536)
            self.assertEqual(bytes(received[:sent]), (block * (sent // len(block) + 1))[:sent])

    def serve_once(self, answer):
        """A TLS server for one connection, in a thread: the address. `answer` makes its reply to 5 bytes."""
        with tempfile.TemporaryDirectory() as folder:
            context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            context.load_cert_chain(*make_certificate(folder, "server"))
        listener = socket.create_server(("127.0.0.1", 0))
        listener.settimeout(PATIENCE)

        def serve():
            with listener, listener.accept()[0] as raw, context.wrap_socket(raw, server_side=True) as connection:
                connection.sendall(answer(connection.recv(5)))
                with contextlib.suppress(OSError):
                    connection.recv(1)

        thread = threading.Thread(target=serve)
        thread.start()
        self.addCleanup(thread.join)
        return f"127.0.0.1:{listener.getsockname()[1]}"

    def test_client_notices_a_changed_byte(self):
        result = run("tls_echo_client", "--connections", "1", self.serve_once(lambda text: b"j" + text[1:]))
        self.assertEqual(result.returncode, 1)
        self.assertIn("what came back is not what was sent", result.stderr)

    def test_client_notices_too_many_bytes(self):
        result = run("tls_echo_client", "--connections", "1", self.serve_once(lambda text: text + b"!"))
        self.assertEqual(result.returncode, 1)
        self.assertIn("more came back than was sent", result.stderr)


if __name__ == "__main__":
    unittest.main()
