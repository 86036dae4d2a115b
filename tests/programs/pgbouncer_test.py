"""PgBouncer: a handful of connections to a database, shared by many clients. The database is a stand-in that speaks
as much of PostgreSQL's protocol as it takes."""

import getpass
import re
import signal
import socketserver
import struct
import threading

import programs


def message(kind, body=b""):
    return kind + struct.pack("!I", 4 + len(body)) + body


def text(*strings):
    return b"".join(string.encode() + b"\0" for string in strings)


READY = message(b"Z", b"I")
WELCOME = (message(b"R", struct.pack("!I", 0)) +
           b"".join(message(b"S", text(name, value)) for name, value in
                    (("server_version", "15.0"), ("client_encoding", "UTF8"), ("standard_conforming_strings", "on"),
                     ("DateStyle", "ISO"), ("TimeZone", "UTC"))) +
           message(b"K", struct.pack("!2I", 1, 2)) + READY)


def read_message(stream):
    kind = stream.read(1)
    if not kind:
        return b"", b""
    return kind, stream.read(struct.unpack("!I", stream.read(4))[0] - 4)


def one_row(value):
    column = text("value") + struct.pack("!IhIhih", 0, 0, 25, -1, -1, 0)
    return (message(b"T", struct.pack("!h", 1) + column) +
            message(b"D", struct.pack("!hI", 1, len(value)) + value) +
            message(b"C", text("SELECT 1")) + READY)


class Session(socketserver.StreamRequestHandler):
    """`SELECT n` answers n, `SELECT repeat(n)` n letters."""

    def handle(self):
        self.server.sessions += 1
        self.rfile.read(struct.unpack("!I", self.rfile.read(4))[0] - 4)
        self.wfile.write(WELCOME)
        while (asked := read_message(self.rfile))[0] == b"Q":
            query = asked[1].rstrip(b"\0")
            repeat = re.fullmatch(rb"SELECT repeat\((\d+)\)", query)
            self.wfile.write(one_row(b"x" * int(repeat[1]) if repeat else query.removeprefix(b"SELECT ")))


class Database(socketserver.ThreadingTCPServer):
    daemon_threads = True
    sessions = 0


class Client:
    def __init__(self, port, database="test"):
        self.socket = programs.connect(port)
        self.input = self.socket.makefile("rb")
        body = struct.pack("!I", 3 << 16) + text("user", "tester", "database", database) + b"\0"
        self.socket.sendall(struct.pack("!I", 4 + len(body)) + body)
        self.until_ready()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.input.close()
        self.socket.close()

    def until_ready(self):
        """The first column of each row that comes before the server is ready again."""
        rows = []
        while (got := read_message(self.input))[0] != b"Z":
            assert got[0] not in (b"", b"E"), got
            if got[0] == b"D":
                size = struct.unpack_from("!I", got[1], 2)[0]
                rows.append(got[1][6:6 + size])
        return rows

    def ask(self, query):
        self.socket.sendall(message(b"Q", text(query)))
        return self.until_ready()


class PgBouncer(programs.Case):
    programs = ("pgbouncer",)
    pool = 4

    def setUp(self):
        super().setUp()
        self.database = Database(("127.0.0.1", 0), Session)
        threading.Thread(target=self.database.serve_forever, args=(programs.POLL,), daemon=True).start()
        self.addCleanup(self.database.server_close)
        self.addCleanup(self.database.shutdown)
        self.port = programs.unused_port()
        config = self.write("pgbouncer.ini", f"""
[databases]
* = host=127.0.0.1 port={self.database.server_address[1]} user=tester

[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {self.port}
unix_socket_dir =
auth_type = any
server_tls_sslmode = disable
pool_mode = transaction
default_pool_size = {self.pool}
max_client_conn = 500
""")
        user = getpass.getuser()
        if user == "root":  # which it refuses to be
            user = "nobody"
            self.folder.chmod(0o755)
        self.server = self.start("pgbouncer", "-u", user, config).wait_for_port(self.port)

    def test_console(self):
        self.check_libraries(self.server.process.pid)
        with Client(self.port, "pgbouncer") as console:
            self.assertIn(b"PgBouncer", console.ask("SHOW VERSION")[0])
            self.assertEqual(console.ask("SHOW POOLS"), [b"pgbouncer"])
        self.check_idle(self.server.process.pid)

    def test_many_clients_share_few_sessions(self):
        wrong = []

        def load(number):
            with Client(self.port) as client:
                for turn in range(50):
                    value = f"{number}.{turn}"
                    if client.ask(f"SELECT {value}") != [value.encode()]:
                        wrong.append(value)

        programs.at_once(40, load)
        self.assertEqual(wrong, [])
        self.assertLessEqual(self.database.sessions, self.pool)
        self.check_idle(self.server.process.pid)

    def test_large_answers_and_questions(self):
        with Client(self.port) as client:
            for size in (1, 10000, 5000000):
                self.assertEqual(client.ask(f"SELECT repeat({size})"), [b"x" * size])
            question = "y" * 3000000
            self.assertEqual(client.ask(f"SELECT {question}"), [question.encode()])

    def test_signals(self):
        with Client(self.port) as client:
            self.server.process.send_signal(signal.SIGHUP)  # read the configuration again
            self.assertEqual(client.ask("SELECT 1"), [b"1"])
        self.assertEqual(self.server.stop(signal.SIGINT), 0)
