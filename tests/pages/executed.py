"""Which test runs the commands of which page, and which commands none can run, and why."""

README = ("README.md",)
ALONE = (
    "docs/how-to/try-a-change.md",
    "docs/how-to/run-it-again.md",
    "docs/how-to/models-and-losses.md",
    "docs/how-to/predict.md",
    "docs/how-to/deploy.md",
    "docs/how-to/pretrained.md",
    "docs/reference/decision.md",
    "docs/how-to/profile-a-training.md",
    "docs/how-to/would-more-images-help.md",
    "docs/explanation/private.md",
    "docs/how-to/bring-your-data.md",
)
"""tests/pipeline/test_pages.py runs them, in this order, in one project that nobody else uses."""
STUDY = ("docs/how-to/run-a-study.md",)
"""The same test, in a project of its own."""
TOGETHER = (
    "docs/how-to/compare-experiments.md",
    "docs/how-to/share-with-a-colleague.md",
    "docs/how-to/tracking-server.md",
)
"""tests/pipeline/test_howto.py runs them, with remotes, a colleague and a server of MLflow."""
TUTORIAL = ("docs/tutorial/first-model.md",)
"""tests/pipeline/test_tutorial.py runs it."""

EXAMPLES = ("docs/examples/medical/README.md", "docs/examples/satellite/README.md", "docs/examples/polygons/README.md")
"""tests/examples/test_examples.py runs the steps that each shows, and tests/examples/test_pages.py holds the page to them."""

FLOWER = "needs an environment with Flower; tests/federation"
NOT_RUN = {
    "labelme scans --output predictions/labelme": "opens a window",
    "tail -f .resume/train-0-*.jsonl": "never ends",
    "tensorboard --logdir tensorboard_logs": "a server; tests/tracking/test_event_files.py reads what it would show",
    "python bench/transfer.py --data FOLDER_OF_CAMVID --weights FILE_OF_MOBILENET_V2": "hours, and data that is not here",
    "segpipe study run studies/architectures.yaml": "hours; studies/dice_weight.yaml is run, made smaller",
    "segpipe study report studies/architectures.yaml": "of what is not run",
    "make federated": "an environment of its own, with Flower; tests/federation runs in it (make federated-test)",
    ".venv-federated/bin/segpipe federation certificates federation.example.org north south west": FLOWER,
    ".venv-federated/bin/segpipe federation serve north south west": FLOWER,
    ".venv-federated/bin/segpipe federation join federation.example.org:9443 --certificates north": FLOWER,
    "make lint": "what CI begins with",
    "make test": "what CI begins with",
    "make verify": "half of it is `make repro`, which the README's test runs; tests/workflows has the comparison",
    "segpipe doctor-report": "tests/workflows/test_doctor_report.py runs it, in projects of many kinds",
    "segpipe doctor-report --out report.md": "likewise",
    "segpipe example": "tests/cli/test_example.py runs it",
    "segpipe example medical DIR --only-data": "DIR stands for a folder of the reader's; the example runs it with its own",
    "segpipe adopt": "needs an edit of the code; tests/pipeline/test_adopt.py makes one",
}
