"""The public operations: named in one place, and documented."""

import inspect

import pytest

import tf_lift
from tf_lift import ops

ROOMS = [getattr(ops, name) for name in ops.__all__]
FUNCTIONS = [
    (module.__name__, name, getattr(module, name))
    for room in ROOMS
    for module in (room, *(x for x in vars(room).values() if inspect.ismodule(x)))
    if module is room or module.__name__.rpartition(".")[2] in room.__all__
    for name in module.__all__
    if callable(getattr(module, name))
]


def test_rooms_name_what_users_may_call():
    names = {f"{module.removeprefix('tf_lift.')}.{name}" for module, name, _ in FUNCTIONS}
    assert {
        "ops.belief_maps.to_landmarks",
        "ops.belief_maps.from_landmarks",
        "ops.errors.mpjpe",
        "ops.errors.procrustes.align",
        "ops.geometry.pinhole.project",
        "ops.geometry.joint_maps.convert",
    } <= names
    assert not any(".lift." in name for name in names)
    assert "lift" not in ops.__all__ and callable(tf_lift.lift)


@pytest.mark.parametrize(
    ("module", "name", "function"), FUNCTIONS, ids=[f"{m}.{n}" for m, n, _ in FUNCTIONS]
)
def test_public_operations_are_documented(module, name, function):
    first_line = inspect.getdoc(function).splitlines()[0]
    assert first_line.split()[0].endswith("s") and first_line.endswith((".", ":"))
    assert "Returns:" in function.__doc__ and "Args:" in function.__doc__
