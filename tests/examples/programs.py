"""Starts the examples, which are found in the folder named by $EXAMPLES, and talks to them."""

import os
import pathlib
import re
import signal
import socket
import subprocess

FOLDER = pathlib.Path(os.environ["EXAMPLES"])
PATIENCE = 60  # seconds; nothing here takes two, but sanitizers and busy machines do


def run(name, *arguments):
    """Runs an example to its end."""
    return subprocess.run([FOLDER / name, *arguments], capture_output=True, text=True, timeout=PATIENCE,
                          check=False)


def unused_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def make_certificate(folder, name):
    """A self-signed certificate for localhost: the paths of certificate and key."""
    cert, key = (str(pathlib.Path(folder, f"{name}.{kind}")) for kind in ("cert", "key"))
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                    "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost",
                    "-keyout", key, "-out", cert], check=True, capture_output=True)
    return cert, key


class Server:
    """An example that prints the port it listens on, from `with` to the end of the block."""

    def __init__(self, name, *arguments):
        self.process = subprocess.Popen([FOLDER / name, *arguments], stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        first = self.process.stdout.readline()
        found = re.match(r"listening on 127\.0\.0\.1:(\d+)$", first)
        if not found:
            self.process.kill()
            raise AssertionError(f"{name} does not listen: {first}{self.process.communicate()}")
        self.port = int(found.group(1))
        self.address = f"127.0.0.1:{self.port}"

    def connect(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE)

    def stop(self, number=signal.SIGTERM):
        """Returns the exit code and what was printed since the first line."""
        self.process.send_signal(number)
        out, err = self.process.communicate(timeout=PATIENCE)
        return self.process.returncode, out + err

    def __enter__(self):
        return self

    def __exit__(self, *_):
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()
