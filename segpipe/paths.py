"""Every path that dvc.yaml names, once; all of them are relative to the project's root, where stages run."""

from pathlib import Path

PARAMS = Path("params.yaml")
CODE = Path("code.json")
LOCK = Path("dvc.lock")
KEPT_FOLDS = Path("kept_folds.csv")

RAW = Path("data/raw")
PREPARED = Path("data/prepared")
DOCTOR = Path("data/doctor")
FOLDS = Path("data/folds/folds.csv")
BALANCE_REPORT = Path("data/folds/proof.json")
EVAL = Path("data/eval")
ENSEMBLE = Path("data/ensemble")
SANITY = Path("data/sanity")
SANITY_PASSED = Path("data/sanity_passed.txt")

EXPORT = Path("models/export")
ONNX = EXPORT / "model.onnx"
EXPORTED_MODEL = EXPORT / "model.safetensors"
GATE = EXPORT / "gate.json"
DEPLOYED = EXPORT / "predict.py"
MODEL_CARD = EXPORT / "README.md"

METRICS = Path("metrics")
SUMMARY = METRICS / "summary.json"
REPORTS = Path("reports")
PAGE = REPORTS / "index.html"
SUSPECTS = REPORTS / "suspects.csv"
SUMMARY_TEXT = REPORTS / "summary.md"
PICTURES = REPORTS / "images"
AUGMENTATION = REPORTS / "augmentation.png"


def model_folder(fold: int) -> Path:
    """models/foldN: what the training of a fold leaves."""
    return Path(f"models/fold{fold}")


def trained_folds() -> list[int]:
    """The folds of which there is a model, in their order."""
    names = (path.parent.name.removeprefix("fold") for path in Path().glob("models/fold*/model.safetensors"))
    return sorted(int(name) for name in names if name.isdecimal())


def model_file(fold: int) -> Path:
    """The weights of a fold's best epoch, with the card that says what they are."""
    return model_folder(fold) / "model.safetensors"


def snapshots_folder(fold: int) -> Path:
    """The weights of other epochs, where train.save_top_k or train.snapshot_every keeps them."""
    return model_folder(fold) / "snapshots"


def history_file(fold: int) -> Path:
    """The numbers of each epoch of a fold's training."""
    return model_folder(fold) / "history.csv"


def sites_file(fold: int) -> Path:
    """What each site of a federated training scored."""
    return model_folder(fold) / "sites.csv"


def eval_folder(fold: int) -> Path:
    """data/eval/foldN: what the model of a fold scored."""
    return EVAL / f"fold{fold}"


def snapshot_scores_file(fold: int) -> Path:
    """What the weights of other epochs of the fold score."""
    return eval_folder(fold) / "snapshots.csv"


def closer_look_file(fold: int) -> Path:
    """What the model of a fold makes of a few images beside their classes."""
    return eval_folder(fold) / "closer_look.zip"
