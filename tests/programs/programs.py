"""Starts installed programs on the libraries under test, and looks at them from outside."""

import os
import pathlib
import shutil
import signal
import socket
import subprocess
import tempfile
import threading
import time
import unittest

PATIENCE = 8  # seconds; nothing here takes three, but busy machines do
POLL = 0.02  # seconds between two looks at something that gives no notice

_libraries = None  # the folder under test, or None for the libraries of the system
_folders = os.environ.get("PATH", os.defpath) + ":/usr/local/sbin:/usr/sbin:/sbin"


def use_libraries(folder):
    global _libraries
    _libraries = folder


def find(name):
    """The path of an installed program, or None. Daemons are where the PATH of users does not lead."""
    return shutil.which(name, path=_folders)


def environment(**more):
    result = dict(os.environ, LC_ALL="C.UTF-8", **more)
    result.pop("LD_LIBRARY_PATH", None)
    if _libraries:
        result["LD_LIBRARY_PATH"] = str(_libraries)
    return result


def unused_port(kind=socket.SOCK_STREAM):
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def wait_until(condition, what):
    """Looks until the condition holds, and returns what it returned."""
    deadline = time.monotonic() + PATIENCE
    while not (result := condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"waited in vain for {what() if callable(what) else what}")
        time.sleep(POLL)
    return result


def connect(port):
    return socket.create_connection(("127.0.0.1", port), timeout=PATIENCE)


def at_once(count, work, *arguments):
    """Calls work(number, *arguments) for each number below count, in a thread each, and waits for all."""
    threads = [threading.Thread(target=work, args=(number, *arguments)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def uses_udp_port(port):
    """Whether somebody is bound to it: where a stream would be refused, a datagram is lost."""
    lines = pathlib.Path("/proc/net/udp").read_text().splitlines()[1:]
    return any(int(line.split()[1].rpartition(":")[2], 16) == port for line in lines)


class Program:
    """A program in the foreground, from `with` to the end of the block."""

    def __init__(self, *command, log, **options):
        self._log = pathlib.Path(log)
        with open(self._log, "wb") as output:
            self.process = subprocess.Popen(
                [find(command[0]), *map(str, command[1:])], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, env=environment(), start_new_session=True, **options)

    @property
    def output(self):
        return self._log.read_text(errors="replace")

    def wait_for_port(self, port):
        def answers():
            self.check_alive()
            try:
                connect(port).close()
            except ConnectionRefusedError:
                return False
            return True

        wait_until(answers, lambda: f"port {port}: {self.output}")
        return self

    def wait_for_output(self, text):
        def written():
            self.check_alive()
            return text in self.output

        wait_until(written, lambda: f"{text!r} in {self.output!r}")
        return self

    def check_alive(self):
        code = self.process.poll()
        if code is not None:
            raise AssertionError(f"{self.process.args[0]} ended with {code}: {self.output}")

    def stop(self, number=signal.SIGTERM):
        """Returns the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # Some programs fork: the whole session goes, whether or not its leader still runs.
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
        self.process.wait()


class Case(unittest.TestCase):
    """Needs the `programs` that a test class names. Each test has a folder of its own."""

    programs = ()

    def setUp(self):
        missing = [name for name in self.programs if not find(name)]
        if missing:
            self.skipTest(f"not installed: {' '.join(missing)}")
        self.folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory(prefix="programs.")))

    def enterContext(self, manager):  # TestCase has it from Python 3.11
        result = type(manager).__enter__(manager)
        self.addCleanup(type(manager).__exit__, manager, None, None, None)
        return result

    def write(self, name, content):
        path = self.folder / name
        path.write_text(content)
        return path

    def start(self, *command, **options):
        log = self.folder / f"{command[0]}.log"
        return self.enterContext(Program(*command, log=log, cwd=self.folder, **options))

    def run_to_end(self, *command, expect=0, **options):
        """Runs a program to its end and returns what it printed."""
        more = options.pop("more_environment", {})
        done = subprocess.run([find(command[0]), *map(str, command[1:])], stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, timeout=PATIENCE, check=False, cwd=self.folder,
                              env=environment(**more), **options)
        text = done.stdout.decode(errors="replace")
        self.assertEqual(done.returncode, expect, text)
        return text

    def check_libraries(self, pid):
        """That the process runs on the libraries under test, not on those of the system."""
        maps = pathlib.Path(f"/proc/{pid}/maps").read_text()
        used = {line.split()[-1] for line in maps.splitlines() if "/libevent" in line}
        self.assertTrue(used, "runs without libevent")
        if _libraries:
            self.assertEqual({os.path.dirname(path) for path in used}, {str(_libraries)})

    def check_idle(self, pid):
        """That a process with nothing to do uses no processor time, as a loop that spins would."""
        ticks = os.sysconf("SC_CLK_TCK")
        used = []

        def rests():
            before = _processor_ticks(pid)
            time.sleep(0.2)
            used.append(_processor_ticks(pid) - before)
            return used[-1] <= 0.02 * ticks

        wait_until(rests, lambda: f"rest of process {pid}, ticks per 0.2 s: {used}")


def _processor_ticks(pid):
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return int(fields[11]) + int(fields[12])
