"""What a run of the benchmarks was asked for."""

from dataclasses import dataclass
from pathlib import Path

STOCK = "stock"
OURS = "ours"
RAW = "raw"


class BenchmarkError(Exception):
    """A peer failed, so there is no number."""


@dataclass(frozen=True)
class Settings:
    build: Path  # where CMake put the programs
    rounds: int
    quick: bool
    plots: Path | None = None  # where pictures go, if anywhere

    @property
    def warm_up(self) -> float:
        return 0.1 if self.quick else 0.3

    @property
    def seconds(self) -> float:
        return 0.3 if self.quick else 1.0

    def program(self, name: str) -> Path:
        return self.build / "bench" / name

    def builds_of(self, name: str) -> dict[str, Path]:
        """The builds of a program that exist, by library."""
        builds = {library: self.program(f"{name}_{library}") for library in (STOCK, OURS)}
        return {library: path for library, path in builds.items() if path.exists()}
