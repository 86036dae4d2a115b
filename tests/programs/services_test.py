"""Daemons of one test or two each: old ways to make events, signals, threads, and children that serve."""

import getpass
import json
import socket
import struct
import subprocess
import urllib.request

import programs


class Gearman(programs.Case):
    """Threads that wake each other's loops through pipes."""

    programs = ("gearmand", "gearman")

    def setUp(self):
        super().setUp()
        self.port = programs.unused_port()
        self.server = self.start("gearmand", "--listen=127.0.0.1", f"--port={self.port}", "--log-file=stderr",
                                 f"--pid-file={self.folder}/pid", "--threads=3")
        self.server.wait_for_port(self.port)
        self.at = ("-h", "127.0.0.1", "-p", self.port)

    def work(self, function, *command):
        self.start("gearman", *self.at, "-w", "-f", function, "--", *command)

    def test_jobs(self):
        self.check_libraries(self.server.process.pid)
        self.work("count", "wc", "-c")
        for size in (1, 1000, 1000000):
            told = self.run_to_end("gearman", *self.at, "-f", "count", input=b"x" * size)
            self.assertEqual(int(told), size)
        self.check_idle(self.server.process.pid)

    def test_many_jobs_and_workers(self):
        for _ in range(4):
            self.work("echo", "cat")
        lines = [f"{number}" for number in range(200)]
        told = self.run_to_end("gearman", *self.at, "-f", "echo", "-n", input="\n".join(lines).encode())
        self.assertEqual(told.split(), lines)

    def test_administration(self):
        with programs.connect(self.port) as client, client.makefile("rb") as answers:
            for _ in range(200):
                client.sendall(b"version\r\n")
                self.assertRegex(answers.readline(), rb"^OK [0-9.]+")
        self.assertEqual(self.server.stop(), 0)


class Webdis(programs.Case):
    programs = ("webdis", "redis-server")

    def setUp(self):
        super().setUp()
        self.redis, self.port = programs.unused_port(), programs.unused_port()
        self.start("redis-server", "--bind", "127.0.0.1", "--port", self.redis, "--save", "").wait_for_port(
            self.redis)
        config = self.write("webdis.json", json.dumps({
            "redis_host": "127.0.0.1", "redis_port": self.redis, "http_host": "127.0.0.1", "http_port": self.port,
            "threads": 3, "pool_size": 5, "daemonize": False, "websockets": False, "verbosity": 6,
            "logfile": str(self.folder / "webdis.out"), "http_max_request_size": 1 << 24}))
        self.server = self.start("webdis", config)
        self.server.wait_for_port(self.port)

    def url(self, path):
        return f"http://127.0.0.1:{self.port}/{path}"

    def get(self, path):
        with urllib.request.urlopen(self.url(path), timeout=programs.PATIENCE) as answer:
            return answer.read()

    def test_commands(self):
        self.check_libraries(self.server.process.pid)
        self.assertEqual(json.loads(self.get("SET/hello/world")), {"SET": [True, "OK"]})
        for _ in range(200):
            self.assertEqual(self.get("GET/hello.txt"), b"world")
        value = b"0123456789" * 100000
        with programs.connect(self.redis) as store:
            store.sendall(b"*3\r\n$3\r\nSET\r\n$5\r\nlarge\r\n$%d\r\n%s\r\n" % (len(value), value))
            self.assertEqual(store.recv(100), b"+OK\r\n")
        self.assertEqual(self.get("GET/large.txt"), value)
        self.check_idle(self.server.process.pid)

    def test_subscription(self):
        with urllib.request.urlopen(self.url("SUBSCRIBE/news"), timeout=programs.PATIENCE) as answer:
            self.assertIn(b"subscribe", answer.read1())
            self.assertEqual(json.loads(self.get("PUBLISH/news/today")), {"PUBLISH": 1})
            self.assertIn(b"today", answer.read1())


class Inetd(programs.Case):
    programs = ("inetd", "cat")

    def test_services(self):
        port = programs.unused_port()
        user = getpass.getuser()
        config = self.write("inetd.conf", f"127.0.0.1:{port} stream tcp nowait {user} {programs.find('cat')} cat\n")
        server = self.start("inetd", "-d", config)
        server.wait_for_port(port)
        self.check_libraries(server.process.pid)
        for number in range(30):
            with programs.connect(port) as client:
                client.sendall(b"line %d" % number)
                client.shutdown(socket.SHUT_WR)
                self.assertEqual(client.makefile("rb").read(), b"line %d" % number)
        self.check_idle(server.process.pid)


class RemctlShell(programs.Case):
    """A child whose output comes through streams."""

    programs = ("remctl-shell", "seq")

    def test_command(self):
        self.write("acl", "user@EXAMPLE\n")
        self.write("count", '#!/bin/sh\nseq "$2"\n').chmod(0o755)
        config = self.write("remctl.conf", f"test count {self.folder / 'count'} {self.folder / 'acl'}\n")
        done = subprocess.run(
            [programs.find("remctl-shell"), "-dqS", "-f", config, "user@EXAMPLE"], capture_output=True, check=False,
            timeout=programs.PATIENCE,
            env=programs.environment(SSH_CONNECTION="127.0.0.1 1 127.0.0.1 2",
                                     SSH_ORIGINAL_COMMAND="test count 100000"))
        self.assertEqual((done.returncode, done.stderr), (0, b""))
        self.assertEqual(done.stdout.decode(), "".join(f"{number}\n" for number in range(1, 100001)))


class FrameStreams(programs.Case):
    """A listener on a path, and what comes over its connections written to a file."""

    programs = ("fstrm_capture",)
    accept, start_frame, stop, ready, finish = range(1, 6)

    def control(self, kind, content_type=b""):
        field = struct.pack("!2I", 1, len(content_type)) + content_type if content_type else b""
        return struct.pack("!3I", 0, 4 + len(field), kind) + field

    def expect(self, answers, kind):
        _, length = struct.unpack("!2I", answers.read(8))
        self.assertEqual(struct.unpack_from("!I", answers.read(length))[0], kind)

    def send(self, _, path, frames):
        with socket.socket(socket.AF_UNIX) as client:
            client.settimeout(programs.PATIENCE)
            client.connect(str(path))
            with client.makefile("rb") as answers:
                client.sendall(self.control(self.ready, b"test:frames"))
                self.expect(answers, self.accept)
                client.sendall(self.control(self.start_frame, b"test:frames"))
                client.sendall(b"".join(struct.pack("!I", len(frame)) + frame for frame in frames))
                client.sendall(self.control(self.stop))
                self.expect(answers, self.finish)

    def test_captures(self):
        path, copy = self.folder / "socket", self.folder / "copy"
        server = self.start("fstrm_capture", "-t", "test:frames", "-u", path, "-w", copy)
        programs.wait_until(path.exists, "the socket")
        self.check_libraries(server.process.pid)
        frames = [b"frame %d " % number * (number % 40 + 1) for number in range(5000)]
        senders = 4
        programs.at_once(senders, self.send, path, frames)
        self.check_idle(server.process.pid)
        self.assertEqual(server.stop(), 0)
        written = copy.read_bytes()
        for frame in frames[:10] + frames[-10:]:
            self.assertEqual(written.count(struct.pack("!I", len(frame)) + frame), senders)


class TcpBench(programs.Case):
    """Both ends use the library; the client is told to stop after a second."""

    programs = ("tcpbench",)

    def test_transfer(self):
        port = programs.unused_port()
        server = self.start("tcpbench", "-4", "-s", "-p", port)
        server.wait_for_port(port)
        self.check_libraries(server.process.pid)
        told = self.run_to_end("tcpbench", "-4", "-n", 4, "-t", 1, "-r", 200, "-p", port, "127.0.0.1")
        self.assertRegex(told, "elapsed_ms")
        self.check_idle(server.process.pid)


class Bitlbee(programs.Case):
    programs = ("bitlbee",)

    def test_session(self):
        port = programs.unused_port()
        server = self.start("bitlbee", "-n", "-D", "-i", "127.0.0.1", "-p", port, "-d", self.folder)
        server.wait_for_port(port)
        self.check_libraries(server.process.pid)
        with programs.connect(port) as client, client.makefile("rb") as answers:
            client.sendall(b"NICK tester\r\nUSER a b c :d\r\n")
            self.wait_for(answers, b" 001 tester ")
            client.sendall(b"PRIVMSG &bitlbee :help\r\n")
            self.wait_for(answers, b"help <subject>")
            client.sendall(b"PING :there\r\n")
            self.wait_for(answers, b"PONG")
            self.check_idle(server.process.pid)
            client.sendall(b"QUIT\r\n")
            self.wait_for(answers, b"ERROR")

    def wait_for(self, answers, text):
        seen = []
        while not (seen and text in seen[-1]):
            seen.append(answers.readline())
            self.assertTrue(seen[-1], seen)


class Mpirun(programs.Case):
    """A launcher that hears of its children through signals and pipes, and threads that talk to it."""

    programs = ("mpirun",)

    def test_ranks(self):
        may_be_root = {"OMPI_ALLOW_RUN_AS_ROOT": "1", "OMPI_ALLOW_RUN_AS_ROOT_CONFIRM": "1"}
        told = self.run_to_end("mpirun", "--oversubscribe", "-n", 4, "printenv", "OMPI_COMM_WORLD_RANK",
                               more_environment=may_be_root)
        self.assertEqual(sorted(told.split()), ["0", "1", "2", "3"])
