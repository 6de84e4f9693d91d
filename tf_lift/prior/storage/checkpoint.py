"""Keeps the state of unfinished learning in a file and continues from it."""

import dataclasses
import hashlib
import json
import pathlib
import time

import numpy as np

from tf_lift.io import npz
from tf_lift.prior.gaussian import blas
from tf_lift.prior.learning.em import Settings, State, is_worth_a_report, steps
from tf_lift.prior.learning.statistics import CHUNK, Moments, PoseData
from tf_lift.prior.storage import files

__all__ = ["SECONDS_BETWEEN_SAVES", "Checkpoint", "learn", "read_settings"]

FORMAT = 1
# Largest loss of learning when a machine stops without warning. An interrupt by the user loses
# the unfinished pass.
SECONDS_BETWEEN_SAVES = 60.0
COMPONENT_FIELDS = ("mean", "basis", "stddev", "noise_stddev")


class Checkpoint:
    """A file with the state of learning from some poses with some settings.

    Saving writes a whole file or none.

    Args:
        path: The file, which need not exist yet; its folder must.
        data: The poses.
        settings: The settings.

    Raises:
        ValueError: If the folder does not exist.
    """

    def __init__(self, path, data: PoseData, settings: Settings):
        self.path = pathlib.Path(path)
        if not self.path.absolute().parent.is_dir():
            raise ValueError(
                f"`checkpoint` must lie in a folder that exists. Received: {str(path)!r}"
            )
        self._data = data
        self._settings = dataclasses.asdict(settings) | {
            "mirror": data.mirror,
            "skeleton": data.skeleton.name,
        }
        self._fingerprint = ""
        self._saved = time.monotonic()

    def load(self) -> State | None:
        """Returns the state in the file, `None` if there is no file.

        Raises:
            ValueError: If the file is damaged, of another kind, or of other poses or settings.
        """
        if not self.path.exists():
            return None
        content = _read(self.path)
        settings = json.loads(str(content["settings"]))
        differing = [
            f"{name}={settings.get(name)!r}, not {value!r}"
            for name, value in self._settings.items()
            if settings.get(name) != value
        ]
        if str(content["fingerprint"]) != self._compute_fingerprint():
            differing.append("other poses or weights of poses")
        if differing:
            raise ValueError(
                f"`checkpoint` must be of the same poses and settings. Received: "
                f"{str(self.path)!r} with {'; '.join(differing)}. To begin anew, delete the "
                "file or name another"
            )
        return _state(content)

    def update(self, state: State) -> None:
        """Writes a state if `SECONDS_BETWEEN_SAVES` have passed since the last one."""
        if time.monotonic() - self._saved >= SECONDS_BETWEEN_SAVES:
            self.save(state)

    def save(self, state: State) -> None:
        """Replaces the state in the file."""
        fields = _fields(state)
        fields["settings"] = json.dumps(self._settings)
        fields["fingerprint"] = self._compute_fingerprint()
        fields["format"] = FORMAT
        files.write_npz(self.path, fields, compress=False)
        self._saved = time.monotonic()

    def _compute_fingerprint(self):
        if not self._fingerprint:
            poses, weights = self._data.poses, self._data.weights
            digest = hashlib.blake2b(f"{poses.dtype} {poses.shape}".encode(), digest_size=16)
            for start in range(0, len(poses), CHUNK):
                digest.update(np.ascontiguousarray(poses[start : start + CHUNK]))
            digest.update(np.ascontiguousarray(weights))
            self._fingerprint = digest.hexdigest()
        return self._fingerprint


@blas.single_thread()
def learn(
    data: PoseData, settings: Settings, max_iterations: int, path=None, on_progress=None
) -> State:
    """Learns to the end, starting from a checkpoint if there is one.

    Args:
        data: The poses.
        settings: The settings.
        max_iterations: Largest number of iterations of EM; it may be larger than when
            the checkpoint began.
        path: File of the checkpoint, `None` for none. It ends with the last state.
        on_progress: As for `PosePrior.fit`, or `None`.

    Returns:
        The last state.

    Raises:
        ValueError: If the checkpoint is damaged, of other poses or settings, or has done more
            than `max_iterations`.
    """
    checkpoint = None if path is None else Checkpoint(path, data, settings)
    state = checkpoint.load() if checkpoint else None
    if state is not None and state.stage == "mixture" and state.step > max_iterations:
        raise ValueError(
            f"`max_iterations` must be at least the {state.step} that the checkpoint has "
            f"done. Received: {max_iterations}"
        )
    try:
        for reached in steps(data, settings, max_iterations, state):
            state = reached
            if checkpoint:
                checkpoint.update(state)
            if on_progress and is_worth_a_report(state):
                on_progress(state.stage, state.fraction, state.log_likelihood)
    except KeyboardInterrupt:
        if checkpoint and state is not None:
            checkpoint.save(state)
        raise
    if state is None:
        raise RuntimeError("Learning made no step.")
    if checkpoint:
        checkpoint.save(state)
    return state


def read_settings(path) -> dict:
    """Reads the settings of unfinished learning from a checkpoint.

    Args:
        path: File from `Checkpoint.save`.

    Returns:
        Dict of the fields of `Settings`, and of `mirror` and `skeleton`.

    Raises:
        ValueError: If the file is damaged or of another kind.
        FileNotFoundError: If there is no such file.
    """
    return json.loads(str(_read(path)["settings"]))


def _read(path):
    content = npz.read(path)
    if "fingerprint" not in content or "settings" not in content:
        found = ", ".join(content) or "nothing"
        raise ValueError(f"{path}: must be the state of learning a prior. Received: {found}")
    if content["format"] != FORMAT:
        raise ValueError(
            f"{path}: must be of format {FORMAT}, which this version of tf_lift writes. "
            f"Received: {content['format']}"
        )
    return content


def _fields(state):
    parts = dict(zip(COMPONENT_FIELDS, zip(*state.components, strict=True), strict=True))
    fields = {f"components_{name}": np.stack(values) for name, values in parts.items()}
    for field in dataclasses.fields(Moments):
        values = [getattr(moments, field.name) for moments in state.moments]
        fields[f"moments_{field.name}"] = np.stack(values)
    for field in dataclasses.fields(State):
        if field.name not in ("components", "moments"):
            fields[field.name] = getattr(state, field.name)
    return fields


def _state(content):
    components = zip(*(content[f"components_{name}"] for name in COMPONENT_FIELDS), strict=True)
    moments = zip(
        *(content[f"moments_{field.name}"] for field in dataclasses.fields(Moments)), strict=True
    )
    return State(
        stage=str(content["stage"]),
        step=int(content["step"]),
        angles=content["angles"],
        components=tuple(components),
        mixture_weights=content["mixture_weights"],
        moments=tuple(Moments(float(weight), first, second) for weight, first, second in moments),
        log_likelihood=float(content["log_likelihood"]),
        fraction=float(content["fraction"]),
        converged=bool(content["converged"]),
    )
