"""Question: what does it cost the server to take a connection?"""

from functools import partial

from harness.processes import Server, load
from harness.rounds import Contenders, Measurement, run_case
from harness.settings import RAW, STOCK, Settings
from harness.tables import Row, render

CASES = {  # title: (bytes exchanged, options of the libevent servers, options of the raw server)
    "accept and close": (0, ["-a"], ["--mode", "accept"]),
    "accept, echo one byte, end": (1, [], []),
}


def _measure(settings: Settings, program, arguments: list[str], size: int) -> Measurement:
    with Server(program, *arguments) as server:
        return load(settings, "connect_client", server, size=size)


def _contenders(settings: Settings, size: int, ours: list[str], raw: list[str]) -> Contenders:
    contenders = {library: partial(_measure, settings, program, ours, size)
                  for library, program in settings.builds_of("echo_server").items()}
    contenders[RAW] = partial(_measure, settings, settings.program("raw_echo_server"), raw, size)
    return contenders


def run(settings: Settings) -> list[str]:
    rows = []
    for title, (size, arguments, raw_arguments) in CASES.items():
        contenders = _contenders(settings, size, arguments, raw_arguments)
        rows.append(Row(title, run_case(settings, title, contenders), "cpu_us", STOCK))
    return [render("Accept: server CPU", "us per connection", rows)]
