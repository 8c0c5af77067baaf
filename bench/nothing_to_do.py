"""How long `dvc repro` takes when nothing has changed, against seven stages without file dependencies: a ratio.

Run in a repository where `dvc repro` has run: python bench/nothing_to_do.py [ROUNDS]
"""

import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

BARE = "stages:\n" + "".join(
    f"  stage{number}:\n    cmd: 'true'\n    params: [seed]\n    outs: [{{out{number}: {{cache: false}}}}]\n".replace(
        "'true'", f"touch out{number}"
    )
    for number in range(7)
)


def main() -> None:
    rounds = int(sys.argv[1]) if len(sys.argv) > 1 else 7
    with tempfile.TemporaryDirectory() as folder:
        bare = Path(folder)
        for command in (["git", "init", "--quiet"], [sys.executable, "-m", "dvc", "init", "--quiet"]):
            subprocess.run(command, cwd=bare, check=True)
        (bare / "dvc.yaml").write_text(BARE, encoding="utf-8")
        (bare / "params.yaml").write_text("seed: 1\n", encoding="utf-8")
        (bare / ".dvc" / "config").write_text("[core]\n    analytics = false\n    check_update = false\n", encoding="utf-8")
        for place in (Path(), bare):
            seconds(place)
        pairs = [(seconds(Path()), seconds(bare)) for _ in range(rounds)]
    ratios = [ours / theirs for ours, theirs in pairs]
    print(f"dvc repro with nothing to do: {statistics.median(ours for ours, _ in pairs):.2f} s")
    print(f"seven stages without file dependencies: {statistics.median(theirs for _, theirs in pairs):.2f} s")
    print(f"ratio: median {statistics.median(ratios):.2f}, {min(ratios):.2f} to {max(ratios):.2f} over {rounds} rounds")


def seconds(folder: Path) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-m", "dvc", "repro"], cwd=folder, check=True, capture_output=True)
    return time.perf_counter() - start


if __name__ == "__main__":
    main()
