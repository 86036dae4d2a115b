"""Question: what does an echo over TCP loopback cost the server per message?"""

from functools import partial

from harness.processes import Server, load
from harness.rounds import Contenders, Measurement, Samples, run_case
from harness.settings import RAW, STOCK, Settings
from harness.tables import Row, render

CASES = {  # title: (message size, connections, options of the libevent servers)
    "64 B x 1": (64, 1, []),
    "64 B x 50": (64, 50, []),
    "64 B x 1000": (64, 1000, []),
    "4 KiB x 50": (4096, 50, []),
    "bulk 64 KiB x 8": (65536, 8, []),
    "bulk 64 KiB x 8, max_single 256 KiB": (65536, 8, ["-s", str(256 * 1024)]),
}


def measure(settings: Settings, program, arguments: list[str], size: int,
            connections: int) -> Measurement:
    with Server(program, *arguments) as server:
        return load(settings, "echo_client", server, size=size, connections=connections)


def _contenders(settings: Settings, size: int, connections: int,
                arguments: list[str]) -> Contenders:
    builds = settings.builds_of("echo_server")
    contenders = {library: partial(measure, settings, program, arguments, size, connections)
                  for library, program in builds.items()}
    raw = settings.program("raw_echo_server")
    contenders[RAW] = partial(measure, settings, raw, [], size, connections)
    return contenders


def _rows(all_samples: list[Samples], metric: str, more_is_better: bool = False) -> list[Row]:
    return [Row(samples.title, samples, metric, STOCK, more_is_better) for samples in all_samples]


def run(settings: Settings) -> list[str]:
    results = [run_case(settings, title, _contenders(settings, size, connections, arguments))
               for title, (size, connections, arguments) in CASES.items()]
    return [
        render("Echo: server CPU", "us per message", _rows(results, "cpu_us")),
        render("Echo: throughput", "messages per second", _rows(results, "rate", True)),
        render("Echo: latency, 99th percentile", "us", _rows(results, "p99_us")),
    ]
