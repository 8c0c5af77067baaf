"""How long the light commands take to start (--help), beside Python's own start in the same run.

Run in the repository: python bench/start.py [ROUNDS]
"""

import statistics
import subprocess
import sys
import time

MODULES = ("stages.download", "stages.convert", "stages.split", "stages.report", "segpipe.cli.main")


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 5
    bare = statistics.median(seconds("-c", "pass") for _ in range(rounds))
    print(f"python alone: {bare:.2f} s")
    for module in MODULES:
        print(f"{module} --help: {statistics.median(seconds('-m', module, '--help') for _ in range(rounds)):.2f} s")


def seconds(*arguments: str) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, *arguments], check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
