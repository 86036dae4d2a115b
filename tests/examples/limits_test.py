"""The examples with rate limits. Upper bounds hold on every machine, lower ones leave room for a busy one."""

import time
import unittest

from programs import Server, run


def drain(connections, seconds):
    """How many bytes each connection brings in that time."""
    counts = [0] * len(connections)
    end = time.monotonic() + seconds
    for connection in connections:
        connection.setblocking(False)
    while time.monotonic() < end:
        for index, connection in enumerate(connections):
            try:
                counts[index] += len(connection.recv(1 << 20))
            except BlockingIOError:
                time.sleep(0.001)
    return counts


class RateLimitedServer(unittest.TestCase):
    def test_limits_each_client_and_all_of_them(self):
        with Server("rate_limited_server") as server:
            clients = [server.connect() for _ in range(5)]
            try:
                one = drain(clients[:1], 1)[0]
                drain(clients, 0.5)
                start = time.monotonic()
                together = drain(clients, 1.5)
                seconds = time.monotonic() - start
            finally:
                for client in clients:
                    client.close()
        self.assertGreater(one, 30_000)
        # What the kernel held for the others at the start comes on top.
        self.assertLess(sum(together), 250_000 * seconds + 50_000)
        self.assertGreater(sum(together), 100_000 * seconds)
        self.assertGreater(min(together), max(together) / 3)


class FairShare(unittest.TestCase):
    def test_shares_by_weight_and_lends(self):
        result = run("fair_share")
        self.assertEqual(result.returncode, 0)
        rates = [[int(word) for word in line.split(":")[1].split()[:3]]
                 for line in result.stdout.splitlines()]
        (gold, one, two), (paused, *others) = rates
        self.assertLessEqual(gold + one + two, 450)
        self.assertAlmostEqual(gold / (one + two), 3, delta=1)
        self.assertEqual(paused, 0)
        self.assertGreater(sum(others), 200)
        self.assertLessEqual(sum(others), 450)


if __name__ == "__main__":
    unittest.main()
