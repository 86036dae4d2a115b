"""Without machine, kernel, compiler and commit a number means nothing."""

import json
import platform
import re
import subprocess
from pathlib import Path

from harness.processes import clean_environment
from harness.settings import Settings


def _output_of(*command: str, where: Path | None = None) -> str:
    try:
        done = subprocess.run(command, cwd=where, text=True, stdout=subprocess.PIPE,
                              stderr=subprocess.DEVNULL, env=clean_environment())
    except OSError:
        return ""
    return done.stdout.strip()


def _processor() -> str:
    names = re.findall(r"^model name\s*:\s*(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return f"{len(names)} x {names[0]}" if names else platform.machine()


def _cached(settings: Settings, variable: str) -> str:
    cache = (settings.build / "CMakeCache.txt").read_text()
    found = re.search(rf"^{variable}:\w+=(.*)$", cache, re.MULTILINE)
    return found.group(1) if found else ""


def _compiler(settings: Settings) -> str:
    version = _output_of(_cached(settings, "CMAKE_CXX_COMPILER"), "--version").split("\n")[0]
    return f"{version}, {_cached(settings, 'CMAKE_BUILD_TYPE')}, {_optimization(settings)}"


def _optimization(settings: Settings) -> str:
    """How the library itself was compiled, which the cache does not tell."""
    for entry in json.loads((settings.build / "compile_commands.json").read_text()):
        if "/src/" in entry["file"]:
            return " ".join(re.findall(r"(?<= )-(?:O|flto)\S*", entry["command"]))
    return "library not built"


def commit() -> str:
    here = Path(__file__).parent
    revision = _output_of("git", "rev-parse", "--short=12", "HEAD", where=here) or "none"
    changed = _output_of("git", "status", "--porcelain", "--", "../../src", "../../include",
                         where=here)
    return revision + (" with changes" if changed else "")


def libraries(program: Path) -> list[Path]:
    """The libevent libraries that a program loads."""
    found = re.findall(r"=> (\S*libevent\S*)", _output_of("ldd", str(program)))
    return [Path(path).resolve() for path in found]


def _stock_version() -> str:
    package = _output_of("dpkg-query", "-W", "-f", "${Version}", "libevent-core-2.1-7")
    return f"libevent {package}" if package else "libevent of the system"


def describe(settings: Settings) -> dict[str, str]:
    return {
        "machine": _processor(),
        "kernel": f"{platform.system()} {platform.release()}",
        "compiler": _compiler(settings),
        "stock": _stock_version(),
        "OpenSSL": _output_of("openssl", "version"),
    }
