"""What the labels beside the logits cost: segpipe's ONNX session against ONNX Runtime on the bare graph, in the same run.

A U-Net of random weights is exported, for 3 classes and for 21, and predicts one image: by `onnx_session`, which asks for logits,
by ONNX Runtime on the graph that has logits alone, on the file as it is for its logits, and for its labels. They take turns; a
number is the median of the rounds, beside that of the bare graph. Logits of segpipe and labels of the file end in class ids,
so the last line holds these two ways to a mask against one another.

    python -m bench.export [--size 256] [--rounds 40]
"""

import argparse
import statistics
import time
from collections.abc import Callable, Mapping

import onnx
import onnxruntime
import torch

from segpipe import export
from segpipe.inference import onnx_session
from segpipe.models.segmenter import classes_of
from tests.inference.cards import small


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--rounds", type=int, default=40)
    options = parser.parse_args()
    for classes in (3, 21):
        compare(classes, options.size, options.rounds)


def compare(classes: int, size: int, rounds: int) -> None:
    segmenter, card = small(classes)
    content = export.to_onnx(segmenter, card)
    image = torch.rand(1, 3, size, size)
    values = image.numpy()
    model = onnx.load_model_from_string(content)
    whole = session(content)
    # The last two operations are those of the labels.
    del model.graph.node[-2:], model.graph.output[1:]
    bare = session(model.SerializeToString())
    ours, _ = onnx_session.from_bytes(content, "model")
    assert torch.equal(ours(image), torch.from_numpy(bare.run(["logits"], {"image": values})[0]))
    ways = {
        "ONNX Runtime, bare graph": lambda: bare.run(["logits"], {"image": values}),
        "segpipe's session": lambda: ours(image),
        "the file, logits": lambda: whole.run(["logits"], {"image": values}),
        "segpipe's session, then class ids": lambda: classes_of(ours(image)),
        "the file, labels": lambda: whole.run(["labels"], {"image": values}),
    }
    found = medians(ways, rounds)
    base = found["ONNX Runtime, bare graph"]
    print(f"{classes} classes, {size} x {size}, 1 thread, median of {rounds}")
    for name, seconds in found.items():
        print(f"  {name:34} {1000 * seconds:8.2f} ms  {seconds / base:5.3f} of the bare graph")


def session(content: bytes) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


def medians(ways: Mapping[str, Callable[[], object]], rounds: int) -> dict[str, float]:
    times: dict[str, list[float]] = {name: [] for name in ways}
    for number in range(rounds + 3):
        for name, way in ways.items():
            start = time.perf_counter()
            way()
            if number >= 3:
                times[name].append(time.perf_counter() - start)
    return {name: statistics.median(each) for name, each in times.items()}


if __name__ == "__main__":
    main()
