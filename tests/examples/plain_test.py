"""The examples without TLS."""

import signal
import subprocess
import unittest

from programs import FOLDER, PATIENCE, Server, run


def receive(connection, length):
    received = b""
    while len(received) < length:
        piece = connection.recv(65536)
        if not piece:
            break
        received += piece
    return received


class EchoServer(unittest.TestCase):
    def test_sends_back_what_it_receives(self):
        with Server("echo_server") as server:
            with server.connect() as first, server.connect() as second:
                for connection in (first, second):
                    for message in (b"x", b"hello\n", bytes(range(256)) * 64):
                        connection.sendall(message)
                        self.assertEqual(receive(connection, len(message)), message)
            with server.connect() as third:
                third.sendall(b"still there")
                self.assertEqual(receive(third, 11), b"still there")
            self.assertEqual(server.stop(signal.SIGINT), (0, ""))


class PairTunnel(unittest.TestCase):
    def test_answers_and_sees_the_end(self):
        result = run("pair_tunnel")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout.splitlines(), [
            "the loop turns -> THE LOOP TURNS",
            "chains move -> CHAINS MOVE",
            "no byte is copied -> NO BYTE IS COPIED",
            "the service sees the end",
        ])


class HexFilter(unittest.TestCase):
    def test_goes_out_as_digits_and_comes_back_as_bytes(self):
        result = run("hex_filter")
        self.assertEqual(result.returncode, 0)
        self.assertEqual(result.stdout.splitlines(), ["on the wire: 426576656c", "read back:   Bevel"])


class TimerSignal(unittest.TestCase):
    def test_ticks_as_often_as_told(self):
        result = run("timer_signal", "7")
        self.assertEqual(result.returncode, 0)
        ticks = [line for line in result.stdout.splitlines() if line.startswith("tick ")]
        self.assertEqual([tick.split()[1] for tick in ticks], list("1234567"))
        # Never early; how late, the machine decides.
        for number, tick in enumerate(ticks, 1):
            self.assertGreater(float(tick.split()[3]), number * 0.1 - 0.01)
        self.assertEqual(result.stdout.count("half a second"), 1)

    def test_stops_on_a_signal(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with subprocess.Popen([FOLDER / "timer_signal"], stdout=subprocess.PIPE, text=True) as process:
                process.stdout.readline()
                process.send_signal(number)
                output, _ = process.communicate(timeout=PATIENCE)
            self.assertEqual(process.returncode, 0)
            self.assertIn(f"signal {number.value}: stopping", output)


if __name__ == "__main__":
    unittest.main()
