"""One of the other processes of a training, as the first starts it: `python -m segpipe.workflows.train_along`.

It computes its parts of each batch and makes every step; it prints, saves and writes nothing.
"""

import sys
import time
from pathlib import Path

from segpipe.errors import PipelineError
from segpipe.params.stage_keys import TrainKeys
from segpipe.storage import workspace
from segpipe.training import loop, resume
from segpipe.training.norm_errors import translate_norm_errors
from segpipe.workflows.train import prepare
from segpipe.workflows.train_together import PATIENCE_S, connect, end_with_the_first


def main() -> None:
    """Reads the parameters from its input, and trains to the end."""
    (fold, rank, world), meeting = map(int, sys.argv[1:4]), Path(sys.argv[4])
    params = TrainKeys.model_validate_json(sys.stdin.readline())
    end_with_the_first(meeting)
    group = connect(params, rank, world, meeting)
    training = prepare(params, fold, group)
    folder = resume.folder_of(workspace.main_root(), fold, training.card.fingerprint)
    with training.cache.opened(workspace.decoded_images()), translate_norm_errors():
        # The first process has deleted damaged states by then.
        group.wait()
        resume.SavedStates(folder, params.runtime.save_every).restore(training.run, training.scaler)
        try:
            loop.fit(training.run)
        except RuntimeError:
            # Also what a collective operation raises where the first process is gone: that ends this one without a word.
            time.sleep(PATIENCE_S)
            raise


if __name__ == "__main__":
    try:
        main()
    except PipelineError:
        # The first process says the same.
        sys.exit(2)
