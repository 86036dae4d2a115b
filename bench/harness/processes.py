"""Runs servers on the first processor and their load on the second."""

import json
import os
import resource
import signal
import subprocess
from pathlib import Path

from harness.settings import BenchmarkError, Settings

CPUS = sorted(os.sched_getaffinity(0))
SERVER_CPU = CPUS[0]
LOAD_CPU = CPUS[-1]
STOP_SECONDS = 10
RUN_SECONDS = 600


def raise_descriptor_limit() -> int:
    """As far as we may; inherited by everything started later. Returns the limit."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    for wanted in (max(hard, 20000), hard):
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, wanted))
            return wanted
        except (ValueError, OSError):
            continue
    return resource.getrlimit(resource.RLIMIT_NOFILE)[0]


def clean_environment() -> dict[str, str]:
    """Without anything that would replace a library behind our back."""
    return {name: value for name, value in os.environ.items()
            if name not in ("LD_LIBRARY_PATH", "LD_PRELOAD")}


def _pin_to(cpu: int):
    def prepare() -> None:
        os.sched_setaffinity(0, {cpu})
        try:
            os.nice(-5)
        except OSError:
            pass  # needs a privilege; the numbers are noisier without
    return prepare


def _command(program: Path, options: dict[str, object]) -> list[str]:
    return [str(program)] + [part for name, value in options.items()
                             for part in (f"--{name}", str(value))]


def run_alone(program: Path, *arguments: str) -> str:
    """The output of a program that is server and load in one."""
    done = subprocess.run([str(program), *arguments], env=clean_environment(), text=True,
                          preexec_fn=_pin_to(SERVER_CPU), timeout=RUN_SECONDS,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise BenchmarkError(f"{program.name} ended with {done.returncode}: {done.stderr[-500:]}")
    return done.stdout


def start_on(cpu: int, program: Path, *arguments: str) -> subprocess.Popen:
    """Something that runs until it is terminated."""
    return subprocess.Popen([str(program), *arguments], env=clean_environment(),
                            preexec_fn=_pin_to(cpu))


class Server:
    """A server for the time of a with statement."""

    def __init__(self, program: Path, *arguments: str) -> None:
        self._process = subprocess.Popen([str(program), *arguments], env=clean_environment(),
                                         text=True, preexec_fn=_pin_to(SERVER_CPU),
                                         stdout=subprocess.PIPE)
        self._name = program.name
        first_line = self._process.stdout.readline().split()
        if len(first_line) != 2 or first_line[0] != "port":
            self._process.kill()
            raise BenchmarkError(f"{self._name} did not start")
        self.port = int(first_line[1])

    @property
    def pid(self) -> int:
        return self._process.pid

    def __enter__(self) -> "Server":
        return self

    def __exit__(self, failure, *_) -> None:
        if self._process.returncode is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        output = self._finish(STOP_SECONDS)
        if failure is None:
            self._check_closed(output)

    def report(self) -> dict:
        """Waits for the end of a server that measures itself, and returns what it printed."""
        output = self._finish(RUN_SECONDS)
        if not output:
            raise BenchmarkError(f"{self._name} ended with {self._process.returncode}")
        return json.loads(output)

    def _finish(self, patience: float) -> str:
        try:
            return self._process.communicate(timeout=patience)[0]
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.communicate()
            raise BenchmarkError(f"{self._name} did not end") from None

    def _check_closed(self, output: str) -> None:
        """The echo servers say how many connections they still hold. There must be none."""
        if output and json.loads(output)["open"] != 0:
            raise BenchmarkError(f"{self._name} kept connections open: {output.strip()}")


def start_load(settings: Settings, client: str, **options: object) -> subprocess.Popen:
    """A client that ends by itself when its server does."""
    return start_on(LOAD_CPU, *_command(settings.program(client), options))


def load(settings: Settings, client: str, server: Server, **options: object) -> dict[str, float]:
    """Puts load on a server and returns what the client measured, with costs per unit."""
    options |= {"port": server.port, "server": server.pid, "warmup": settings.warm_up,
                "seconds": settings.seconds}
    done = subprocess.run(_command(settings.program(client), options), env=clean_environment(),
                          text=True, preexec_fn=_pin_to(LOAD_CPU), timeout=RUN_SECONDS,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    if done.returncode != 0:
        raise BenchmarkError(f"{client} against {server.pid}: {done.stderr.strip()[-500:]}")
    measured = json.loads(done.stdout)
    if measured["units"] == 0:
        raise BenchmarkError(f"{client} completed nothing")
    measured["cpu_us"] = measured["server_cpu_ns"] / 1000 / measured["units"]
    measured["rate"] = measured["units"] / measured["seconds"]
    if measured["bytes"] > 0:
        measured["cpu_us_per_mb"] = measured["server_cpu_ns"] * 1000 / measured["bytes"]
        measured["mb_per_second"] = measured["bytes"] / 1e6 / measured["seconds"]
    return measured
