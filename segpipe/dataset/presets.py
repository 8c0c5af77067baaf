"""Augmentation by name: each preset is a table of the `augment` keys, and its reason stands above it."""

from segpipe.params.schema import AugmentParams

NOTHING: dict[str, float] = {
    "flip_horizontal": 0.0,
    "flip_vertical": 0.0,
    "rotate90": 0.0,
    "affine": 0.0,
    "rotate": 0.0,
    "scale_min": 1.0,
    "scale_max": 1.0,
    "shear": 0.0,
    "object_crop": 0.0,
    "rare_classes": 0.0,
    "colour": 0.0,
    "brightness": 0.0,
    "contrast": 0.0,
    "gamma": 0.0,
    "saturation": 0.0,
    "hue": 0.0,
    "blur": 0.0,
    "noise": 0.0,
    "elastic": 0.0,
    "grid_distortion": 0.0,
    "erase": 0.0,
}

# A little of what every camera does: for much data or little time, where strong changes only slow learning down.
LIGHT = NOTHING | {
    "flip_horizontal": 0.5,
    "affine": 0.5,
    "rotate": 10.0,
    "scale_min": 0.9,
    "scale_max": 1.1,
    "colour": 0.5,
    "brightness": 0.1,
    "contrast": 0.1,
}

# Photographs of things that stand upright, seen so often that they would be learned by heart: size, light and colour vary.
STANDARD = NOTHING | {
    "flip_horizontal": 0.5,
    "affine": 0.75,
    "rotate": 15.0,
    "scale_min": 0.75,
    "scale_max": 1.5,
    "colour": 0.5,
    "brightness": 0.2,
    "contrast": 0.2,
    "gamma": 0.2,
    "saturation": 0.2,
    "hue": 0.02,
    "blur": 0.1,
}

# Small or rare objects in large images: most random crops would show background alone.
ON_OBJECTS = {"object_crop": 0.75, "rare_classes": 0.5}
CROP = STANDARD | ON_OBJECTS
LIGHT_CROP = LIGHT | ON_OBJECTS

# The value of a pixel means something (X-ray density, a stain): its shape changes and its value never. Mirrored both ways,
# since few organs lie so that a mirrored one could not be; tissue bends, hence the smooth distortion.
MEDICAL = NOTHING | {
    "flip_horizontal": 0.5,
    "flip_vertical": 0.5,
    "affine": 0.75,
    "rotate": 20.0,
    "scale_min": 0.75,
    "scale_max": 1.35,
    "object_crop": 0.5,
    "rare_classes": 0.5,
    "elastic": 0.3,
    "grid_distortion": 0.1,
}

# Streets and other scenes in which the same thing is near and far: half to double size, the recipe of the DeepLab papers
# (Chen et al., arXiv:1706.05587), every time. Nothing turns, since the horizon does not.
MULTI_SCALE = STANDARD | {"affine": 1.0, "rotate": 0.0, "scale_min": 0.5, "scale_max": 2.0}

PRESETS = {
    "plain": NOTHING,
    "light": LIGHT,
    "standard": STANDARD,
    "crop": CROP,
    "light_crop": LIGHT_CROP,
    "medical": MEDICAL,
    "multi_scale": MULTI_SCALE,
}


def resolved(params: AugmentParams) -> AugmentParams:
    """The parameters that count: those of the preset, or `custom`'s own as they are; `preset` keeps its name."""
    return params.model_copy(update=PRESETS.get(params.preset, {}))
