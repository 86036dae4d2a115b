"""Name servers: datagrams and streams, processes that fork, threads with a loop each, and pending queries."""

import getpass
import signal
import struct

import dns_client
import programs

NAMES = 3000


def address_of(number):
    return f"10.0.{number // 250}.{number % 250 + 1}"


class NsdCase(programs.Case):
    def start_nsd(self):
        self.dns_port = programs.unused_port()
        self.write_zone(serial=1)
        config = self.write("nsd.conf", f"""
server:
    ip-address: 127.0.0.1@{self.dns_port}
    server-count: 2
    username: "{getpass.getuser()}"
    chroot: ""
    zonesdir: "{self.folder}"
    database: ""
    pidfile: ""
    zonelistfile: "{self.folder}/zone.list"
    xfrdfile: "{self.folder}/xfrd.state"
    xfrdir: "{self.folder}"
remote-control:
    control-enable: no
zone:
    name: "example.test"
    zonefile: "zone"
    provide-xfr: 127.0.0.1 NOKEY
""")
        server = self.start("nsd", "-d", "-c", config)
        server.wait_for_port(self.dns_port)
        return server

    def write_zone(self, serial):
        hosts = "".join(f"host{number} A {address_of(number)}\n" for number in range(NAMES))
        self.write("zone", f"$ORIGIN example.test.\n$TTL 60\n@ SOA ns root {serial} 60 60 60 60\n"
                           f"@ NS ns\nns A 127.0.0.1\n{hosts}")


class Nsd(NsdCase):
    programs = ("nsd",)

    def setUp(self):
        super().setUp()
        self.server = self.start_nsd()

    def serial(self):
        _, [(_, data)] = dns_client.ask(self.dns_port, "example.test", dns_client.SOA)
        return struct.unpack("!I", data[-20:-16])[0]

    def test_runs_on_the_libraries_under_test(self):
        self.check_libraries(self.server.process.pid)

    def test_answers(self):
        for number in range(500):
            self.assertEqual(dns_client.ask(self.dns_port, f"host{number}.example.test"),
                             (0, [dns_client.address(address_of(number))]))
        self.assertEqual(dns_client.ask(self.dns_port, "missing.example.test"), (3, []))
        self.check_idle(self.server.process.pid)

    def test_answers_over_streams(self):
        for number in range(100):
            answers = list(dns_client.ask_stream(self.dns_port, f"host{number}.example.test"))
            self.assertEqual(answers, [(0, [dns_client.address(address_of(number))])])

    def test_transfers_the_zone(self):
        records, ends = [], 0
        for code, some in dns_client.ask_stream(self.dns_port, "example.test", dns_client.AXFR):
            self.assertEqual(code, 0)
            records += some
            ends = sum(kind == dns_client.SOA for kind, _ in records)
            if ends == 2:
                break
        self.assertEqual((len(records), ends), (NAMES + 4, 2))

    def test_reloads(self):
        self.assertEqual(self.serial(), 1)
        self.write_zone(serial=2)
        self.server.process.send_signal(signal.SIGHUP)
        programs.wait_until(lambda: self.serial() == 2, "the new zone")

    def test_ends_when_asked(self):
        self.assertEqual(self.server.stop(), 0)


class Unbound(NsdCase):
    programs = ("nsd", "unbound")

    def setUp(self):
        super().setUp()
        self.start_nsd()
        self.port = programs.unused_port()
        config = self.write("unbound.conf", f"""
server:
    interface: 127.0.0.1
    port: {self.port}
    num-threads: 2
    use-syslog: no
    do-daemonize: no
    do-not-query-localhost: no
    chroot: ""
    username: ""
    directory: "{self.folder}"
    pidfile: ""
    module-config: "iterator"
    local-zone: "test." nodefault
remote-control:
    control-enable: no
stub-zone:
    name: "example.test"
    stub-addr: 127.0.0.1@{self.dns_port}
""")
        self.server = self.start("unbound", "-d", "-c", config)
        self.server.wait_for_port(self.port)

    def test_runs_on_the_libraries_under_test(self):
        self.check_libraries(self.server.process.pid)

    def test_resolves(self):
        for _ in "asked", "remembered":
            for number in range(300):
                self.assertEqual(dns_client.ask(self.port, f"host{number}.example.test"),
                                 (0, [dns_client.address(address_of(number))]))
        self.assertEqual(dns_client.ask(self.port, "missing.example.test"), (3, []))
        self.check_idle(self.server.process.pid)

    def test_resolves_over_streams(self):
        for number in range(50):
            answers = list(dns_client.ask_stream(self.port, f"host{number}.example.test"))
            self.assertEqual(answers, [(0, [dns_client.address(address_of(number))])])

    def test_ends_when_asked(self):
        self.assertEqual(self.server.stop(), 0)


class DnsProxy(NsdCase):
    programs = ("nsd", "dnsproxy")

    def test_forwards(self):
        self.start_nsd()
        port = programs.unused_port()
        config = self.write("dnsproxy.conf", f"""
authoritative 127.0.0.1
authoritative-port {self.dns_port}
recursive 127.0.0.1
recursive-port {self.dns_port}
listen 127.0.0.1
port {port}
listen_answer 127.0.0.1
port_answer {programs.unused_port()}
internal 127.0.0.0/8
""")
        server = self.start("dnsproxy", "-c", config)
        programs.wait_until(lambda: programs.uses_udp_port(port), "the proxy")
        self.check_libraries(server.process.pid)
        for number in range(100):
            self.assertEqual(dns_client.ask(port, f"host{number}.example.test"),
                             (0, [dns_client.address(address_of(number))]))
        self.check_idle(server.process.pid)
