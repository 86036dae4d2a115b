"""Question: what does an idle timeout on every stream add to the cost of an echo?"""

from functools import partial

from harness.rounds import run_case
from harness.settings import Settings
from harness.tables import Row, render
from suites.echo import measure

WITHOUT = "without"
WITH = "with"
CONNECTIONS = (50, 1000)
MESSAGE_SIZE = 64


def _case(settings: Settings, library: str, program, connections: int) -> Row:
    title = f"{connections} connections, {library}"
    contenders = {
        name: partial(measure, settings, program, arguments, MESSAGE_SIZE, connections)
        for name, arguments in {WITHOUT: [], WITH: ["-t", "60"]}.items()
    }
    return Row(title, run_case(settings, title, contenders), "cpu_us", WITHOUT)


def run(settings: Settings) -> list[str]:
    rows = [_case(settings, library, program, connections)
            for connections in CONNECTIONS
            for library, program in settings.builds_of("echo_server").items()]
    return [render("Idle timeouts: server CPU", "us per 64 B message", rows)]
