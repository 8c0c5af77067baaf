"""Pictures as JPEG, small and without visible loss, the same bytes each time."""

import cv2

from segpipe.images.overlay import Picture

PARAMETERS = (cv2.IMWRITE_JPEG_QUALITY, 90, cv2.IMWRITE_JPEG_SAMPLING_FACTOR, cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444)


def jpeg(picture: Picture) -> bytes:
    """The JPEG bytes of (H, W, 3) RGB."""
    # Red in JPEG bleeds where colour is stored at half resolution, hence 4:4:4.
    return bytes(cv2.imencode(".jpg", picture[:, :, ::-1], PARAMETERS)[1])
