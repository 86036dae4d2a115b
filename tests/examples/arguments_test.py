"""Every example and its arguments: --help, those it cannot use, ports that are taken, files that are not there."""

import pathlib
import socket
import unittest

from programs import FOLDER, Server, run, unused_port

SOURCES = pathlib.Path(__file__).parents[2] / "examples"

ALONE = {("--bogus",): "takes no arguments but --help", ("x", "--help"): "takes no arguments but --help"}
PORT = {(port,): "a port is a number from 0 to 65535"
        for port in ("--bogus", "abc", "", "99999", "65536", "-5", "1x", "99999999999999999999")}
PORT |= {("1", "2"): "one port is enough"}
TICKS = {(ticks,): "the ticks are a number from 0 to 1000000"
         for ticks in ("--bogus", "abc", "", "-5", "1x", "99999999999999999999")}
TICKS |= {("1", "2"): "one number of ticks is enough"}
TWO_FILES = "two files, a certificate and its key"
PEER = "a port to connect to is a number from 1 to 65535"
OPTION = "no such option"

# Of each example: arguments that are refused, and how.
REFUSED = {
    "compressed_log": ALONE,
    "echo_server": PORT,
    "fair_share": ALONE,
    "hex_filter": ALONE,
    "openssl_locking": ALONE,
    "pair_tunnel": ALONE,
    "rate_limited_server": PORT,
    "timer_signal": TICKS,
    "tls_echo_client": {
        ("--bogus",): OPTION,
        **{(address,): "the address looks like 127.0.0.1:9999"
           for address in ("abc", "localhost", "127.0.0.1:abc", "127.0.0.1:99999", "127.0.0.1:-5")},
        ("127.0.0.1:1", "127.0.0.1:2"): "one address is enough",
        **{("--mib", size): "--mib is 1 to 1048576" for size in ("0", "x", "-1", "1048577")},
        **{("--connections", count): "--connections is 1 to 10000" for count in ("0", "x", "-1", "10001")},
        ("--tls", "1.1"): "--tls is 1.2 or 1.3",
        ("--text", ""): "--text needs some text",
        ("--trust", "nofile"): "Is the file given by --trust a certificate?",
    },
    "tls_echo_server": {
        ("--bogus",): OPTION,
        ("--port",): OPTION,
        **{("--port", *port): hint for port, hint in PORT.items() if len(port) == 1},
        ("one",): "a certificate and a key belong together",
        ("one", "two", "three"): "a certificate and a key belong together",
        ("nofile", "nofile"): "no usable certificate and key",
    },
    "tls_goodbye_client": {
        (): "it takes a port and a certificate",
        ("--bogus",): "it takes a port and a certificate",
        ("1",): "it takes a port and a certificate",
        ("1", "two", "three"): "it takes a port and a certificate",
        **{(port, "nofile"): PEER for port in ("abc", "", "0", "-5", "99999", "--bogus")},
        ("1", "nofile"): "no usable certificate",
    },
    "tls_goodbye_server": {
        (): TWO_FILES,
        ("--bogus",): TWO_FILES,
        ("--bogus", "two"): TWO_FILES,
        ("one",): TWO_FILES,
        ("one", "two", "three"): TWO_FILES,
        ("nofile", "nofile"): "no usable certificate and key",
    },
}
# What the servers that may be told a port expect in front of it.
TOLD_A_PORT = {"echo_server": (), "rate_limited_server": (), "tls_echo_server": ("--port",)}


def built(names):
    """Without TLS or zlib some examples are not."""
    return [name for name in names if (FOLDER / name).exists()]


class Arguments(unittest.TestCase):
    def test_every_example_is_in_the_table(self):
        self.assertEqual(sorted(REFUSED), sorted(source.stem for source in SOURCES.glob("*.c")))

    def test_help(self):
        for name in built(REFUSED):
            with self.subTest(name):
                result = run(name, "--help")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                self.assertRegex(result.stdout, rf"\Ausage: {name}\b.*\n.*\.\n")

    def test_refused(self):
        for name in built(REFUSED):
            for arguments, hint in REFUSED[name].items():
                with self.subTest(name, arguments=arguments):
                    result = run(name, *arguments)
                    self.assertEqual((result.returncode, result.stdout), (2, ""))
                    self.assertRegex(result.stderr, rf"(?m)^{name}: ")
                    self.assertIn(hint, result.stderr)

    def test_hint_at_help(self):
        for name in built(REFUSED):
            with self.subTest(name):
                self.assertIn("--help", run(name, "--bogus").stderr)


class Ports(unittest.TestCase):
    def test_as_told(self):
        for name in built(TOLD_A_PORT):
            port = unused_port()
            with self.subTest(name), Server(name, *TOLD_A_PORT[name], str(port)) as server:
                self.assertEqual(server.port, port)
                server.connect().close()

    def test_any(self):
        for name in built(TOLD_A_PORT):
            with self.subTest(name), Server(name, *TOLD_A_PORT[name], "0") as server:
                server.connect().close()

    def test_in_use(self):
        with socket.create_server(("127.0.0.1", 0)) as other:
            port = other.getsockname()[1]
            for name in built(TOLD_A_PORT):
                with self.subTest(name):
                    result = run(name, *TOLD_A_PORT[name], str(port))
                    self.assertEqual((result.returncode, result.stdout), (2, ""))
                    self.assertIn(f"{name}: port {port}: Address already in use\nTry another one, or ", result.stderr)


if __name__ == "__main__":
    unittest.main()
