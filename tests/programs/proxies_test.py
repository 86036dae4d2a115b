"""Programs between two others: pairs of streams that pass on what they read, plain and encrypted."""

import getpass
import hashlib
import http.server
import os
import socket
import socketserver
import ssl
import threading

import programs

LARGE = b"".join(hashlib.sha256(b"%d" % number).digest() for number in range(60000))


class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)


class Pages(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    pages = {"/": ("text/html", b"<html><body><h1>Heading</h1><p>A paragraph</body></html>"),
             "/large": ("application/octet-stream", LARGE)}

    def do_GET(self):
        kind, body = self.pages[self.path]
        self.send_response(200)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


class Server(socketserver.ThreadingTCPServer):
    daemon_threads = True
    request_queue_size = 100


class ProxyCase(programs.Case):
    def serve(self, handler, tls=None):
        """Serves until the end of the test. Returns the port."""
        server = Server(("127.0.0.1", 0), handler)
        if tls:
            server.socket = tls.wrap_socket(server.socket, server_side=True)
        threading.Thread(target=server.serve_forever, args=(programs.POLL,), daemon=True).start()
        self.addCleanup(server.server_close)
        self.addCleanup(server.shutdown)
        return server.server_address[1]

    def check_echo(self, stream, data=LARGE, step=50000):
        """In turns: a TLS stream of this language is not for two threads at the same time."""
        for start in range(0, len(data), step):
            sent, received = data[start:start + step], bytearray()
            stream.sendall(sent)
            while len(received) < len(sent) and (some := stream.recv(65536)):
                received += some
            self.assertTrue(received == sent, f"{len(received)} of {len(sent)} bytes after {start}, or others")


class SslSplit(ProxyCase):
    """The combined library and the TLS one, listeners, and lazy binding of functions that nobody calls."""

    programs = ("sslsplit", "openssl")

    def setUp(self):
        super().setUp()
        key, certificate = self.folder / "key.pem", self.folder / "certificate.pem"
        self.run_to_end("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                        "-keyout", key, "-out", certificate, "-days", 2, "-subj", "/CN=localhost",
                        "-addext", "basicConstraints=critical,CA:TRUE")
        tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        tls.load_cert_chain(certificate, key)
        self.client_tls = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.client_tls.check_hostname = False
        self.client_tls.verify_mode = ssl.CERT_NONE
        upstreams = {"tcp": self.serve(Echo), "ssl": self.serve(Echo, tls), "http": self.serve(Pages),
                     "https": self.serve(Pages, tls)}
        self.ports = {name: programs.unused_port() for name in upstreams}
        specs = [word for name, upstream in upstreams.items()
                 for word in (name, "127.0.0.1", self.ports[name], "127.0.0.1", upstream)]
        self.server = self.start("sslsplit", "-D", "-u", getpass.getuser(), "-k", key, "-c", certificate, *specs)
        for port in self.ports.values():
            self.server.wait_for_port(port)

    def connect(self, name):
        stream = self.enterContext(programs.connect(self.ports[name]))
        if name in ("ssl", "https"):
            stream = self.enterContext(self.client_tls.wrap_socket(stream))
        return stream

    def check_page(self, name):
        with self.connect(name) as stream:
            stream.sendall(b"GET /large HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
            with stream.makefile("rb") as answer:
                head, _, body = answer.read().partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 200"), head)
        self.assertEqual(hashlib.sha256(body).digest(), hashlib.sha256(LARGE).digest())

    def test_runs_on_the_libraries_under_test(self):
        self.check_libraries(self.server_pid())

    def server_pid(self):
        """The process that serves is a child of the one that was started."""
        children = f"/proc/{self.server.process.pid}/task/{self.server.process.pid}/children"
        with open(children, encoding="ascii") as file:
            return int((file.read().split() or [self.server.process.pid])[0])

    def test_plain(self):
        self.check_echo(self.connect("tcp"))

    def test_tls(self):
        self.check_echo(self.connect("ssl"))
        self.check_idle(self.server_pid())

    def test_many_connections(self):
        streams = [self.connect(name) for name in ("tcp", "ssl") * 20]
        for stream in streams:
            self.check_echo(stream, LARGE[:100000])
        for stream in streams:
            stream.close()
        self.check_idle(self.server_pid())

    def test_pages(self):
        for _ in range(5):
            self.check_page("http")
            self.check_page("https")


class Links(ProxyCase):
    programs = ("links2",)

    def test_dumps(self):
        port = self.serve(Pages)
        shown = self.run_to_end("links2", "-dump", f"http://127.0.0.1:{port}/", more_environment={"HOME": str(self.folder)})
        self.assertIn("Heading", shown)
        self.assertIn("A paragraph", shown)
        page = self.write("page.html", "<p>From a file")
        self.assertIn("From a file", self.run_to_end("links2", "-dump", f"file://{page}",
                                                     more_environment={"HOME": str(self.folder)}))


class Trickle(ProxyCase):
    programs = ("trickled",)

    def test_daemon(self):
        path = self.folder / "socket"
        server = self.start("trickled", "-f", "-d", 200, "-n", path)
        programs.wait_until(path.exists, "the socket")
        self.check_libraries(server.process.pid)
        self.check_idle(server.process.pid)


class Redsocks(ProxyCase):
    """Reads and writes the fields of its streams itself."""

    programs = ("redsocks",)

    def config(self, port, proxy):
        return self.write("redsocks.conf", f"""
base {{ log_debug = off; log_info = on; log = stderr; daemon = off; redirector = generic; }}
redsocks {{ local_ip = 0.0.0.0; local_port = {port}; ip = 127.0.0.1; port = {proxy}; type = socks5; }}
""")

    def test_checks_its_configuration(self):
        self.run_to_end("redsocks", "-t", "-c", self.config(programs.unused_port(), 1))

    def test_passes_on(self):
        port = programs.unused_port()
        server = self.start("redsocks", "-c", self.config(port, self.serve(Socks)))
        server.wait_for_output("redsocks started")
        self.check_libraries(server.process.pid)
        for _ in range(10):
            with socket.create_connection(("127.0.0.1", port), timeout=programs.PATIENCE) as stream:
                self.check_echo(stream)
        self.check_idle(server.process.pid)


class Socks(Echo):
    """As much of a SOCKS 5 proxy as it takes to be one that leads everywhere to an echo."""

    def handle(self):
        _, methods = self.request.recv(2, socket.MSG_WAITALL)
        self.request.recv(methods, socket.MSG_WAITALL)
        self.request.sendall(b"\5\0")
        self.request.recv(10, socket.MSG_WAITALL)
        self.request.sendall(b"\5\0\0\1\0\0\0\0\0\0")
        super().handle()
