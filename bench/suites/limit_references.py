"""Limits that others impose on one stream, read by the same windows: nginx, and the kernel's HTB."""

import json
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from harness.processes import LOAD_CPU, Server, run_alone, start_on
from harness.settings import BenchmarkError, Settings

# HTB counts whole frames: 1448 bytes of payload are 1514 to it.
FRAME, PAYLOAD = 1514, 1448
SOURCE_ADDRESS, READER_ADDRESS = "10.231.77.1", "10.231.77.2"
LOOPBACK = "127.0.0.1"
PATIENCE = 5  # seconds for a server to start
LONGER_WARM_UP = 1  # nginx counts in whole seconds

Read = Callable[[float, float], dict]  # rate and seconds; what plain_reader reports


class Unavailable(BenchmarkError):
    """Not installed, or not permitted."""


def available(settings: Settings) -> tuple[dict[str, Read], list[str]]:
    """Those that can be measured here, and why the others cannot."""
    found: dict[str, Read] = {}
    notes = []
    for name, prepare in {"nginx": _nginx, "HTB": _htb}.items():
        try:
            found[name] = prepare(settings)
        except Unavailable as reason:
            notes.append(f"{name} was not measured: {reason}.")
    return found, notes


def _arguments(settings: Settings, **more: object) -> list[str]:
    options = {"warmup": settings.warm_up * 2 + LONGER_WARM_UP} | more
    return [part for name, value in options.items() for part in (f"--{name}", str(value))]


# --- nginx ---

def _nginx(settings: Settings) -> Read:
    """From script/bench, which unpacks it without installing, or the system's."""
    for root in (settings.build / "nginx", Path("/")):
        program = root / "usr/sbin/nginx"
        module = root / "usr/lib/nginx/modules/ngx_stream_module.so"
        if program.exists() and module.exists():
            _command(program, "-v")
            return lambda rate, seconds: _read_by_nginx(settings, (program, module), rate, seconds)
    raise Unavailable("not installed (Debian: nginx and libnginx-mod-stream)")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        return probe.getsockname()[1]


def _wait_until_it_listens(port: int, process: subprocess.Popen, log: Path) -> None:
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline and process.poll() is None:
        try:
            socket.create_connection((LOOPBACK, port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise BenchmarkError(f"nginx did not start: {log.read_text()[-500:]}")


@contextmanager
def _running_nginx(files: tuple[Path, Path], rate: float, source: int) -> Iterator[int]:
    """In the foreground, from a folder of its own, until the end of the with statement."""
    program, module = (path.resolve() for path in files)
    with tempfile.TemporaryDirectory(prefix="bench-nginx-") as name:
        folder = Path(name)
        log = folder / "log"
        log.touch()
        port = _free_port()
        (folder / "conf").write_text(
            f"load_module {module};\ndaemon off;\nmaster_process off;\npid {folder}/pid;\n"
            f"error_log {log} error;\nevents {{}}\n"
            f"stream {{ server {{ listen {LOOPBACK}:{port}; proxy_pass {LOOPBACK}:{source};\n"
            f"  proxy_download_rate {rate:.0f}; }} }}\n")
        process = start_on(LOAD_CPU, program, "-p", name, "-c", f"{name}/conf", "-e", str(log))
        try:
            _wait_until_it_listens(port, process, log)
            yield port
        finally:
            process.terminate()
            process.wait()


def _read_by_nginx(settings: Settings, files: tuple[Path, Path], rate: float,
                   seconds: float) -> dict:
    with Server(settings.program("fill_server")) as source:
        with _running_nginx(files, rate, source.port) as port:
            return json.loads(run_alone(
                settings.program("plain_reader"),
                *_arguments(settings, port=port, rate=rate, seconds=seconds)))


# --- HTB ---

def _tool(name: str) -> str:
    path = shutil.which(name, path=os.environ.get("PATH", "") + ":/usr/sbin:/sbin")
    if path is None:
        raise Unavailable(f"{name} is not installed (Debian: iproute2)")
    return path


def _htb(settings: Settings) -> Read:
    tools = _tool("ip"), _tool("tc")
    with _limited_link(tools, 1e6):
        pass
    return lambda rate, seconds: _read_by_htb(settings, tools, rate, seconds)


def _command(*words: object) -> None:
    done = subprocess.run([str(word) for word in words], text=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT)
    if done.returncode != 0:
        why = done.stdout.strip().split("\n")[-1] or f"{words[0]} ended with {done.returncode}"
        raise Unavailable(f"not possible here ({why})")


@contextmanager
def _limited_link(tools: tuple[str, str], rate: float) -> Iterator[tuple[str, str]]:
    """Two network name spaces with a veth pair between them; what the first one sends is limited."""
    ip, tc = tools
    source, reader = (f"bench-{os.getpid()}-{end}" for end in ("source", "reader"))
    made = []
    try:
        for space in (source, reader):
            _command(ip, "netns", "add", space)
            made.append(space)
        _command(ip, "link", "add", "veth0", "netns", source, "type", "veth",
                 "peer", "name", "veth0", "netns", reader)
        for space, address in ((source, SOURCE_ADDRESS), (reader, READER_ADDRESS)):
            _command(ip, "-n", space, "address", "add", f"{address}/30", "dev", "veth0")
            _command(ip, "-n", space, "link", "set", "veth0", "up")
        bits = round(rate * 8 * FRAME / PAYLOAD)
        _command(tc, "-n", source, "qdisc", "add", "dev", "veth0", "root", "handle", "1:",
                 "htb", "default", "1")
        _command(tc, "-n", source, "class", "add", "dev", "veth0", "parent", "1:", "classid", "1:1",
                 "htb", "rate", f"{bits}bit")
        yield source, reader
    finally:
        for space in made:
            _command(ip, "netns", "delete", space)


def _read_by_htb(settings: Settings, tools: tuple[str, str], rate: float, seconds: float) -> dict:
    ip = Path(tools[0])
    with _limited_link(tools, rate) as (source_space, reader_space):
        with Server(ip, "netns", "exec", source_space, str(settings.program("fill_server")),
                    "--address", SOURCE_ADDRESS) as source:
            return json.loads(run_alone(
                ip, "netns", "exec", reader_space, str(settings.program("plain_reader")),
                *_arguments(settings, port=source.port, rate=rate, seconds=seconds,
                            address=SOURCE_ADDRESS)))
