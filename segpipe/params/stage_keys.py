"""The keys of params.yaml that each stage reads, and no others: what dvc.yaml lists for it, as types.

A workflow gets one of these. A key that is not in it does not exist there: mypy refuses it, and so does Python. That dvc.yaml
lists the same keys, and that each of them is read, is held by tests/structure/test_dvc_yaml.py and tests/workflows.
`runtime` and `tracking` never change a result, so they are in no stage's `params:`.
"""

from typing import Self

from pydantic import ConfigDict

from segpipe.params.schema import (
    AugmentParams,
    DataParams,
    DecisionParams,
    DpParams,
    ExportParams,
    FederatedParams,
    InferParams,
    InputParams,
    LossParams,
    ModelParams,
    OptimParams,
    Params,
    ReportParams,
    RuntimeParams,
    SampleParams,
    SanityParams,
    ScoresParams,
    Section,
    Source,
    SplitParams,
    TrackingParams,
    TrainParams,
    VocParams,
)

NEVER_A_RESULT = {"runtime", "tracking"}


class Keys(Section):
    """Some of the keys of params.yaml."""

    model_config = ConfigDict(from_attributes=True)

    @classmethod
    def of(cls, params: Params) -> Self:
        """These keys of the whole."""
        return cls.model_validate(params)


class DownloadData(Keys):
    source: Source
    path: str
    sample: SampleParams
    voc: VocParams


class DownloadKeys(Keys):
    seed: int
    data: DownloadData


class ConvertKeys(Keys):
    data: DataParams


class DataSource(Keys):
    source: Source


class SplitKeys(Keys):
    seed: int
    folds: tuple[int, ...]
    data: DataSource
    split: SplitParams


class TrainKeys(Keys):
    """All but `runtime` and `tracking` decide the weights, and are in the training's fingerprint."""

    seed: int
    threads: int
    input: InputParams
    augment: AugmentParams
    model: ModelParams
    loss: LossParams
    optim: OptimParams
    train: TrainParams
    dp: DpParams
    federated: FederatedParams
    infer: InferParams
    runtime: RuntimeParams
    tracking: TrackingParams


class SanityKeys(TrainKeys):
    """Those of the training that is checked, and how."""

    folds: tuple[int, ...]
    sanity: SanityParams


class Determinism(Keys):
    deterministic: bool


class EvaluateKeys(Keys):
    threads: int
    loss: LossParams
    train: Determinism
    infer: InferParams
    decision: DecisionParams
    scores: ScoresParams
    runtime: RuntimeParams
    tracking: TrackingParams


class EnsembleKeys(Keys):
    threads: int
    folds: tuple[int, ...]
    train: Determinism
    infer: InferParams
    scores: ScoresParams
    runtime: RuntimeParams


class ExportKeys(Keys):
    threads: int
    folds: tuple[int, ...]
    train: Determinism
    export: ExportParams
    tracking: TrackingParams


class ReportKeys(Keys):
    folds: tuple[int, ...]
    report: ReportParams
    tracking: TrackingParams
