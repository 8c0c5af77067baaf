"""MLflow, the only file that knows it. Tracking that fails costs one warning and never a training."""

import contextlib
import logging
import os
import sqlite3
import sys
import tempfile
import time
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from segpipe.errors import PipelineError
from segpipe.storage.files import write_bytes
from segpipe.storage.workspace import main_root

FINGERPRINT = "segpipe.fingerprint"
# Seconds and repeats, where MLflow's own 120 and 7 would hold up a training whose server is gone.
PATIENCE = {"MLFLOW_HTTP_REQUEST_TIMEOUT": "10", "MLFLOW_HTTP_REQUEST_MAX_RETRIES": "2"}


STUDY = "segpipe.study"
PARENT = "mlflow.parentRunId"
KIND = {"mlflow.experimentKind": "custom_model_development"}
"""What the experiment is, for those of MLflow's pages that go by it. 3.17's goes by its own switch, Model training."""
RETRY_S = 20.0
"""Between two tries at a server that does not answer, at least."""
RARE = 20
"""So many times what a try took is waited for before the next one."""


AWAY = {"ConnectionError", "ConnectTimeout", "ReadTimeout", "Timeout"}
"""Errors of requests, by name, that another time may not have; a wrong certificate or proxy has a name of its own."""


class NoRunError(LookupError):
    """There is no run to go on with."""


class Tracker:
    """One MLflow run. After the first failure it does nothing more, but for a server that does not answer.

    What is for a server that is away waits, in its order, where the tracker is `patient`: it is sent when the server answers
    again, at the latest by `end`.
    """

    def __init__(self, open_run: Callable[[], tuple[Any, str]], patient: bool = False) -> None:
        self._client: Any = None
        self._run_id = ""
        self._alive = True
        self._patient = patient
        self._waiting: deque[Callable[[], Any]] = deque()
        self._away = False
        self._again_at = 0.0
        self._send(lambda: self._open(open_run))

    def metrics(self, values: Mapping[str, float], step: int = 0) -> None:
        """Logs all values in one request."""
        now = int(time.time() * 1000)

        def log() -> None:
            # Imported where it is needed: mlflow takes seconds to start.
            from mlflow.entities import Metric

            batch = [Metric(name, float(value), now, step) for name, value in values.items()]
            self._client.log_batch(self._run_id, metrics=batch)

        self._send(log)

    def last_step(self, name: str) -> int:
        """The last step of a metric that the run holds, -1 where it holds none."""
        points = (self._try(lambda: self._client.get_metric_history(self._run_id, name)) if self._run_id else None) or []
        return max((point.step for point in points), default=-1)

    def params(self, sections: Mapping[str, Any]) -> None:
        """Logs sections of params.yaml as section.key; MLflow takes 100 in one request."""
        flat = {
            f"{section}.{key}" if key else section: value
            for section, content in sections.items()
            for key, value in (content.items() if isinstance(content, dict) else [("", content)])
        }
        # Older servers refuse values of more than 500 characters.
        items = [(name, str(value)[:500]) for name, value in flat.items()]
        for start in range(0, len(items), 100):
            part = items[start : start + 100]
            self._send(partial(self._log_params, part))

    def tags(self, values: Mapping[str, str]) -> None:
        """Sets or replaces tags."""
        for name, value in values.items():
            self._send(partial(self._set_tag, name, value))

    def file(self, path: Path, folder: str = "") -> None:
        """Keeps a copy of a file with the run."""
        self._send(lambda: self._client.log_artifact(self._run_id, str(path), folder or None))

    def content(self, name: str, content: bytes, folder: str) -> None:
        """Keeps bytes as a file with the run."""

        def keep() -> None:
            with tempfile.TemporaryDirectory() as temporary:
                path = Path(temporary) / name
                write_bytes(path, content)
                self._client.log_artifact(self._run_id, str(path), folder)

        self._send(keep)

    def end(self, status: str = "FINISHED") -> None:
        """Marks the run as FINISHED, FAILED or KILLED. What still waits for the server is sent now, or told to be lost."""
        self._again_at = 0.0
        self._send(lambda: self._client.set_terminated(self._run_id, status))
        if self._waiting and self._alive:
            print(f"warning: MLflow's server did not come back: {len(self._waiting)} entries are not tracked.", file=sys.stderr)

    def _open(self, open_run: Callable[[], tuple[Any, str]]) -> None:
        self._client, self._run_id = open_run()

    def _log_params(self, items: list[tuple[str, str]]) -> None:
        from mlflow.entities import Param

        self._client.log_batch(self._run_id, params=[Param(name, value) for name, value in items])

    def _set_tag(self, name: str, value: str) -> None:
        self._client.set_tag(self._run_id, name, value)

    def _send(self, action: Callable[[], Any]) -> None:
        """Does what waits, then this; keeps it where the server is away."""
        if not self._alive:
            return
        self._waiting.append(action)
        if time.monotonic() < self._again_at:
            return
        while self._waiting and self._alive:
            if not self._answered(self._waiting[0]):
                return
            self._waiting.popleft()
        if self._away and self._alive:
            print("MLflow answers again, and has all that was logged meanwhile.", flush=True)
        self._away = False

    def _answered(self, action: Callable[[], Any]) -> bool:
        """Whether the action was done, or failed for good; False where its time may come."""
        start = time.monotonic()
        try:
            action()
        except Exception as error:
            if not (self._patient and _is_away(error)):
                self._fail(error)
                return True
            if not self._away:
                print(
                    f"warning: MLflow's server does not answer: {_reason(error)}. What is logged waits for it.", file=sys.stderr
                )
            # A server that hangs holds a try up for half a minute: tries shall take a twentieth of the time at most.
            now = time.monotonic()
            self._away, self._again_at = True, now + max(RETRY_S, RARE * (now - start))
            return False
        return True

    def _try(self, action: Callable[[], Any]) -> Any:
        """What the action gives; None where it fails."""
        if not self._alive:
            return None
        try:
            return action()
        except Exception as error:
            self._fail(error)
            return None

    def _fail(self, error: Exception) -> None:
        """Ends the tracking: MLflow raises whatever its store does, and none of it may stop a training."""
        self._alive = False
        problem = "" if isinstance(error, NoRunError) else "MLflow does not work: "
        print(f"warning: {problem}{_reason(error)}. Nothing more is tracked.", file=sys.stderr)


def _reason(error: Exception) -> str:
    return str(error).splitlines()[0] if str(error) else type(error).__name__


def _is_away(error: BaseException | None) -> bool:
    """Whether a server was not reached, or took too long: MLflow wraps what requests raised."""
    while error is not None:
        if type(error).__name__ in AWAY:
            return True
        error = error.__cause__ or error.__context__
    return False


def start(experiment: str, name: str, tags: Mapping[str, str], interrupted: bool = False, study: str = "") -> Tracker:
    """The unfinished run of the same fingerprint, or a new one in the experiment, below the run of the `study` that it is of.

    Where a training goes on from a saved state its run counts as unfinished, even if it was killed just after it said so.
    """

    def open_run() -> tuple[Any, str]:
        client, experiment_id = _connect(experiment)
        # Backticks, since the tag's name holds a dot.
        query = f"tags.`{FINGERPRINT}` = '{tags.get(FINGERPRINT)}'"
        if not interrupted:
            query += " and attributes.status != 'FINISHED'"
        for run in client.search_runs([experiment_id], query, max_results=1, order_by=["attributes.start_time DESC"]):
            client.update_run(run.info.run_id, status="RUNNING")
            return client, run.info.run_id
        parent = {PARENT: _study_run(client, experiment_id, study)} if study else {}
        return client, client.create_run(experiment_id, run_name=name, tags={**tags, **parent}).info.run_id

    return Tracker(open_run, patient=True)


def reopen(experiment: str, fingerprint: str) -> Tracker:
    """The newest run of this fingerprint; warns where there is none, as after a training restored from the cache."""

    def open_run() -> tuple[Any, str]:
        client, experiment_id = _connect(experiment)
        query = f"tags.`{FINGERPRINT}` = '{fingerprint}'"
        runs = client.search_runs([experiment_id], query, max_results=1, order_by=["attributes.start_time DESC"])
        if not runs:
            raise NoRunError("MLflow has no run of this training, which DVC restored or which was made elsewhere")
        return client, runs[0].info.run_id

    return Tracker(open_run)


@dataclass(frozen=True)
class RunFacts:
    """A run of a training, as MLflow knows it."""

    id: str
    name: str
    fingerprint: str


def find(experiment: str, name: str) -> RunFacts | None:
    """The newest training of this id or name, None where there is none. Raises PipelineError where MLflow fails."""
    for field in ("run_id", "run_name"):
        if found := _facts(experiment, f"attributes.{field} = '{_quoted(name)}'"):
            return found[0]
    return None


def with_fingerprint(experiment: str, fingerprint: str) -> list[RunFacts]:
    """All runs of a training, the newest first. Raises PipelineError where MLflow fails."""
    return _facts(experiment, f"tags.`{FINGERPRINT}` = '{_quoted(fingerprint)}'")


def _quoted(text: str) -> str:
    """What can stand between quotes in MLflow's query: it has no way to write one, so a text with one finds nothing."""
    return text.replace("'", "\N{REPLACEMENT CHARACTER}")


def _facts(experiment: str, query: str) -> list[RunFacts]:
    try:
        client, experiment_id = _connect(experiment)
        runs = client.search_runs([experiment_id], query, order_by=["attributes.start_time DESC"])
    except Exception as error:  # As in Tracker.
        raise PipelineError(f"MLflow does not work: {_reason(error)}.") from None
    tagged = [(run, run.data.tags.get(FINGERPRINT)) for run in runs]
    return [RunFacts(run.info.run_id, run.info.run_name, mark) for run, mark in tagged if mark]


def study_files(experiment: str, study: str, files: Sequence[Path]) -> None:
    """Keeps a study's page and tables with its run, which all its trainings stand below; warns where that fails."""

    def open_run() -> tuple[Any, str]:
        client, experiment_id = _connect(experiment)
        return client, _study_run(client, experiment_id, study)

    tracker = Tracker(open_run)
    for path in files:
        tracker.file(path, "study")


def _study_run(client: Any, experiment_id: str, study: str) -> str:
    """The run of a study, made where there is none. It is of no training: it ends as it begins.

    Of two that were made at once both makers take the older.
    """
    query, order = f"tags.`{STUDY}` = '{study}'", ["attributes.start_time ASC", "attributes.run_id ASC"]
    for run in client.search_runs([experiment_id], query, max_results=1, order_by=order):
        return str(run.info.run_id)
    made = str(client.create_run(experiment_id, run_name=f"study {study}", tags={STUDY: study}).info.run_id)
    client.set_terminated(made)
    (first,) = client.search_runs([experiment_id], query, max_results=1, order_by=order)
    if first.info.run_id != made:
        client.delete_run(made)
    return str(first.info.run_id)


def mean_total(experiment: str, fingerprints: Sequence[str], metric: str) -> float | None:
    """The mean over trainings of what a metric adds up to over their epochs; None where one has no run here, or no such metric.

    A run that was resumed by another process has all of its epochs. Nothing is said where MLflow does not answer.
    """
    try:
        client, experiment_id = _connect(experiment)
        totals = [_total(client, experiment_id, each, metric) for each in fingerprints]
    except Exception:  # MLflow raises whatever its store does; a number that is only told is not worth an error.
        return None
    known = [each for each in totals if each is not None]
    return sum(known) / len(known) if known and len(known) == len(totals) else None


def _total(client: Any, experiment_id: str, fingerprint: str, metric: str) -> float | None:
    query = f"tags.`{FINGERPRINT}` = '{fingerprint}'"
    for run in client.search_runs([experiment_id], query, max_results=1, order_by=["attributes.start_time DESC"]):
        values = [point.value for point in client.get_metric_history(run.info.run_id, metric)]
        return float(sum(values)) if values else None
    return None


def default_uri() -> str:
    """SQLite under the main repository, so that a temporary workspace's runs stay."""
    return f"sqlite:///{main_root().resolve() / 'mlruns' / 'mlflow.db'}"


def _connect(experiment: str) -> tuple[Any, str]:
    """The client, and the experiment's id, made where it is missing."""
    for key, value in PATIENCE.items():
        os.environ.setdefault(key, value)
    from filelock import FileLock
    from mlflow import MlflowClient

    # MLflow logs its errors with a traceback before it raises them; the one warning says what is wrong.
    for chatty in ("alembic", "mlflow"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)
    uri = os.environ.get("MLFLOW_TRACKING_URI")
    if uri:
        client = MlflowClient(uri)
        return client, _experiment(client, experiment, None)
    folder = main_root().resolve() / "mlruns"
    folder.mkdir(parents=True, exist_ok=True)
    # Two processes that make the database at once would both fail.
    with FileLock(folder / ".lock"):
        # MLflow would try to open a damaged or forbidden database for 100 seconds, and say nothing.
        with contextlib.closing(sqlite3.connect(folder / "mlflow.db")) as database:
            database.execute("pragma user_version")
        client = MlflowClient(default_uri())
        return client, _experiment(client, experiment, (folder / "artifacts").as_uri())


def _experiment(client: Any, name: str, artifacts: str | None) -> str:
    known = client.get_experiment_by_name(name)
    if known is None:
        try:
            return str(client.create_experiment(name, artifact_location=artifacts, tags=KIND))
        except (
            Exception
        ):  # MLflow raises whatever its store does. Another project may have made it since; else this is the answer.
            known = client.get_experiment_by_name(name)
            if known is None:
                raise
    for key, value in KIND.items():
        if key not in known.tags:
            client.set_experiment_tag(known.experiment_id, key, value)
    return str(known.experiment_id)
