"""Question: what does TLS 1.3 (AES-128-GCM, ECDSA P-256) cost the server?"""

from functools import partial

from harness.processes import Server, load
from harness.rounds import Contenders, Measurement, run_case
from harness.settings import RAW, STOCK, Settings
from harness.tables import Row, render

BULK = {  # title: (mode of the server, mode of the client)
    "receive": ("sink", "send"),
    "send": ("source", "receive"),
}
ECHO = {  # title: (message size, connections)
    "echo 64 B x 50": (64, 50),
    "echo 4 KiB x 50": (4096, 50),
    "echo 64 KiB x 8": (65536, 8),
}
BULK_CONNECTIONS = 4
BULK_WRITE = 16384
HANDSHAKES_AT_ONCE = 8


def _measure(settings: Settings, command: list, **options: object) -> Measurement:
    with Server(*command) as server:
        return load(settings, "tls_client", server, **options)


def _contenders(settings: Settings, server_mode: str, **options: object) -> Contenders:
    commands = {library: [program, server_mode]
                for library, program in settings.builds_of("tls_server").items()}
    commands[RAW] = [settings.program("raw_tls_server"), "--mode", server_mode]
    return {name: partial(_measure, settings, command, **options)
            for name, command in commands.items()}


def _row(settings: Settings, title: str, metric: str, server_mode: str, **options: object) -> Row:
    contenders = _contenders(settings, server_mode, **options)
    return Row(title, run_case(settings, f"TLS {title}", contenders), metric, STOCK)


def run(settings: Settings) -> list[str]:
    bulk = [_row(settings, title, "cpu_us_per_mb", server_mode, mode=mode, size=BULK_WRITE,
                 connections=BULK_CONNECTIONS)
            for title, (server_mode, mode) in BULK.items()]
    units = [_row(settings, title, "cpu_us", "echo", mode="echo", size=size,
                  connections=connections)
             for title, (size, connections) in ECHO.items()]
    units.append(_row(settings, "full handshake", "cpu_us", "handshake", mode="handshake",
                      connections=HANDSHAKES_AT_ONCE))
    return [
        render("TLS bulk: server CPU", "us per MB", bulk),
        render("TLS messages and handshakes: server CPU", "us each", units),
    ]
