"""The class ids of an image as a palette PNG, by the model.onnx beside this file: `python predict.py IMAGE MASK.png`.

It needs onnxruntime, numpy and Pillow, and no segpipe. It predicts whole images of 8 bits, and gray ones of 16. What segpipe
would shrink, cut into tiles, average over sizes or mend afterwards is refused, since its mask would be another one.
"""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from PIL import Image, ImageOps

GRAY, COLOUR, DEEP = ("1", "L", "LA"), ("P", "PA", "RGB", "RGBA", "RGBX", "CMYK", "YCbCr"), ("I;16", "I;16B")
INSTEAD = "Use `segpipe predict` instead."


def main(image_file: str, mask_file: str) -> None:
    """Writes the mask: the class ids of `segpipe predict`, by the same versions on the same kind of processor."""
    model = Path(__file__).with_name("model.onnx")
    about = onnxruntime.InferenceSession(model).get_modelmeta().custom_metadata_map
    card, colours = json.loads(about["segpipe"]), json.loads(about["colours"])
    options = onnxruntime.SessionOptions()
    # Those of the training: another number gives other last digits.
    options.intra_op_num_threads = card["training"]["params"]["threads"]
    session = onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    try:
        image = read(image_file, card)
    except (OSError, SyntaxError, ValueError, Image.DecompressionBombError) as error:
        sys.exit(f"{image_file}: cannot be read: {error}")
    (labels,) = session.run(["labels"], {"image": image})
    mask = Image.fromarray(labels[0])
    mask.putpalette([value for colour in colours for value in colour])
    mask.save(mask_file, format="PNG")


def read(file: str, card: dict[str, Any]) -> np.ndarray:
    """(1, C, H, W) float32 in [0, 1], upright, without alpha. Ends the program where the model would be given something else."""
    infer, decision = card["infer"], card["decision"]
    views = {name: value for name, value in infer.items() if name not in ("max_pixels", "tile", "overlap")}
    if views != {"flips": "none", "scales": [1.0]} or decision["rule"] == "dice" or decision["steps"]:
        sys.exit(f"model.onnx: its masks are more than its labels of one view ({views}, {decision}). {INSTEAD}")
    with Image.open(file) as image:
        deep = image.mode in DEEP
        fits = {(3, 8): GRAY + COLOUR, (1, 8): GRAY, (1, 16): DEEP}.get((card["channels"], card["bits"]), ())
        # Of 16-bit colours Pillow keeps 8 bits without a word; how the file holds them is known until it is decoded.
        if image.mode not in fits or (";16" in str(image.tile)) != deep:
            sys.exit(f"{file}: no image of {card['channels']} channels and {card['bits']} bits that is read here. {INSTEAD}")
        if getattr(image, "n_frames", 1) > 1 and image.format != "MPO":
            sys.exit(f"{file}: several pages. Save the one that is meant as a file of its own.")
        if max(image.size) > (card["long_side"] or np.inf) or image.width * image.height > infer["max_pixels"]:
            sys.exit(f"{file}: larger than what is predicted whole. {INSTEAD}")
        upright = ImageOps.exif_transpose(image)
        pixels = np.asarray(upright if deep else upright.convert("L" if card["channels"] == 1 else "RGB"))
    planes = np.moveaxis(pixels.reshape(*pixels.shape[:2], -1), 2, 0)[None]
    return np.ascontiguousarray(planes, dtype=np.float32) / np.float32(65535 if deep else 255)


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit("python predict.py IMAGE MASK.png")
    main(*sys.argv[1:])
