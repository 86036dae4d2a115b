"""Question: how much memory does an idle stream cost, and how long do making and freeing one take?"""

import json
from functools import partial

from harness.processes import raise_descriptor_limit, run_alone
from harness.rounds import Measurement, run_case
from harness.settings import STOCK, Settings
from harness.tables import Row, render

STREAMS = 9000
METRICS = {
    "idle_bytes": "resident bytes per idle stream",
    "echoed_bytes": "the same after one 256 B echo",
    "create_ns": "ns to create and enable",
    "free_ns": "ns to free and close",
}


def _measure(program, streams: int) -> Measurement:
    return json.loads(run_alone(program, str(streams)))


def run(settings: Settings) -> list[str]:
    streams = min(STREAMS, (raise_descriptor_limit() - 200) // 2)
    contenders = {library: partial(_measure, program, streams)
                  for library, program in settings.builds_of("idle_streams").items()}
    samples = run_case(settings, f"{streams} idle streams", contenders)
    rows = [Row(title, samples, metric, STOCK) for metric, title in METRICS.items()]
    return [render(f"Memory of {streams} idle streams", "per stream", rows)]
