"""What each score means, in words (as HTML), as `segpipe.scores` computes it."""

NAMES = {
    "miou": "mIoU",
    "dice": "Dice",
    "pixel_accuracy": "Pixel accuracy",
    "precision": "Precision",
    "recall": "Recall",
    "dice_per_image": "Dice per image",
    "iou": "IoU",
}

MEANINGS = {
    "miou": "The mean of IoU over every class, background too. IoU is the overlap of truth and prediction, divided by their "
    "union, from the pixels of all images together.",
    "dice": "The mean over the classes of objects of twice the overlap, divided by the pixels of truth and prediction added, "
    "from the pixels of all images together. Background is left out.",
    "pixel_accuracy": "The share of pixels with the right class. High wherever background is large, so it says little alone.",
    "precision": "The mean over the classes of objects: of the pixels that were called the class, the share that are. "
    "0 where none was.",
    "recall": "The mean over the classes of objects: of the pixels that are the class, the share that were called it.",
    "dice_per_image": "Each image's mean Dice of the objects that are in it, averaged over the images. "
    "Small objects weigh more here. An image without objects counts 0 where some were predicted, else it is left out.",
}

COMMON = (
    "All are between 0 and 1, and 1 is best. A class without a true pixel has no score, shown as &ndash;, and is left out of the "
    "means; what was wrongly called it still counts against the others. Where the first class is no background it counts as "
    "an object. Ignored pixels are in no number."
)

COLOURS = (
    "Each of 32 &times; 32 &times; 32 colours gets the class that most training pixels of that colour have. That "
    "knows no shape and no neighbourhood: what the model scores above it, it has learned beyond colour. Fitted and scored on "
    "at most 300 images each."
)
