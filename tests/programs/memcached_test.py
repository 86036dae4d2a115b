"""memcached: a loop per thread, notifications between them, a clock timer, and many small requests."""

import getpass
import signal
import threading

import programs


class Client:
    def __init__(self, port):
        self.socket = programs.connect(port)
        self.input = self.socket.makefile("rb")

    def close(self):
        self.input.close()
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def send(self, data):
        self.socket.sendall(data)

    def line(self):
        return self.input.readline().rstrip(b"\r\n")

    def ask(self, line):
        self.send(line + b"\r\n")
        return self.line()

    def set(self, key, value, seconds=0):
        self.send(b"set %s 0 %d %d\r\n%s\r\n" % (key, seconds, len(value), value))
        return self.line()

    def get(self, key):
        head = self.ask(b"get " + key).split()
        if head == [b"END"]:
            return None
        value = self.input.read(int(head[3]))
        assert self.input.read(7) == b"\r\nEND\r\n"
        return value


class ServerCase(programs.Case):
    def setUp(self):
        super().setUp()
        self.port = programs.unused_port()
        self.server = self.start("memcached", "-l", "127.0.0.1", "-p", self.port, "-U", 0, "-t", 4, "-c", 1000,
                                 "-u", getpass.getuser())
        self.server.wait_for_port(self.port)
        self.pid = self.server.process.pid


class Memcached(ServerCase):
    programs = ("memcached",)

    def test_runs_on_the_libraries_under_test(self):
        self.check_libraries(self.pid)

    def test_answers(self):
        with Client(self.port) as client:
            self.assertTrue(client.ask(b"version").startswith(b"VERSION 1."))
            self.assertEqual(client.set(b"key", b"value"), b"STORED")
            self.assertEqual(client.get(b"key"), b"value")
            self.assertEqual(client.ask(b"delete key"), b"DELETED")
            self.assertIsNone(client.get(b"key"))

    def test_large_values(self):
        value = bytes(range(256)) * 3600
        with Client(self.port) as client:
            self.assertEqual(client.set(b"large", value), b"STORED")
            for _ in range(20):
                self.assertEqual(client.get(b"large"), value)

    def test_requests_in_one_stream(self):
        count = 20000
        requests = b"".join(b"set k%d 0 0 4\r\n%04d\r\n" % (n % 100, n % 10000) for n in range(count))
        with Client(self.port) as client:
            sender = threading.Thread(target=client.send, args=(requests,))
            sender.start()
            answers = [client.line() for _ in range(count)]
            sender.join()
        self.assertEqual(set(answers), {b"STORED"})

    def test_many_connections(self):
        clients = [self.enterContext(Client(self.port)) for _ in range(300)]
        for number, client in enumerate(clients):
            self.assertEqual(client.set(b"c%d" % number, b"%d" % number), b"STORED")
        for number, client in enumerate(reversed(clients)):
            self.assertEqual(client.get(b"c%d" % number), b"%d" % number)
        for client in clients:
            client.close()
        with Client(self.port) as last:
            programs.wait_until(lambda: self.connections(last) <= 20, "the end of the closed connections")
        self.check_idle(self.pid)

    @staticmethod
    def connections(client):
        client.send(b"stats\r\n")
        numbers = dict(line.split()[1:3] for line in iter(client.line, b"END"))
        return int(numbers[b"curr_connections"])

    def test_load_from_threads(self):
        wrong = []

        def load(number):
            with Client(self.port) as client:
                for turn in range(1500):
                    key, value = b"t%d.%d" % (number, turn % 50), b"%d" % turn
                    if client.set(key, value) != b"STORED" or client.get(key) != value:
                        wrong.append(key)

        programs.at_once(8, load)
        self.assertEqual(wrong, [])
        self.check_idle(self.pid)

    def test_clock_runs(self):
        with Client(self.port) as client:
            self.assertEqual(client.set(b"short", b"lived", seconds=1), b"STORED")
            programs.wait_until(lambda: client.get(b"short") is None, "the end of a value that lives a second")

    def test_ends_when_asked(self):
        self.assertEqual(self.server.stop(signal.SIGTERM), 0)


class Memcaslap(ServerCase):
    """The load generator uses the library too."""

    programs = ("memcached", "memcaslap")

    def test_load(self):
        report = self.run_to_end("memcaslap", "-s", f"127.0.0.1:{self.port}", "-T", 2, "-c", 32, "-x", 20000,
                                 "--verify=1.0")
        self.assertIn("cmd_set", report)
        self.assertIn("verify_failed: 0", report)
        self.check_idle(self.pid)
