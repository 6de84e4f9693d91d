"""Writes binary glTF files (.glb) of a moving skeleton, through pygltflib."""

import numpy as np
from scipy.spatial.transform import Rotation

from tf_lift.data.formats import bvh
from tf_lift.data.motion.clip import Motion
from tf_lift.io import atomic, extras

__all__ = ["write"]

# A bone is drawn as an octahedron: its widest place and half its width there, by its length.
_WIDEST, _HALF_WIDTH = 0.15, 0.06
# Its faces, counterclockwise from outside; corner 0 is the parent, 5 the child.
_TRIANGLES = [
    *((0, 2, 1), (0, 3, 2), (0, 4, 3), (0, 1, 4)),
    *((5, 1, 2), (5, 2, 3), (5, 3, 4), (5, 4, 1)),
]


def write(path, clip: Motion) -> None:
    """Writes a clip as an animated skeleton that Blender and browsers open.

    The file is in metres, y up, as glTF demands. It has a node for each joint, a skin, one
    octahedron a bone to be seen, and an animation: the rotation of each joint and the position of
    the root. Bones have constant lengths, as in `bvh.write(..., constant_bones=True)`.

    Args:
        path: File to write; it appears whole or not at all.
        clip: The clip, with one root.

    Raises:
        ImportError: If `pygltflib` is not installed.
        ValueError: If the joints have several roots, as markers do.
        OSError: If the file cannot be written.

    References:
        Khronos Group. glTF 2.0 specification, sections 3.7.3 (skins) and 3.11 (animations).
    """
    gltf = extras.require("pygltflib", "writing .glb files", "gltf")
    replay = bvh.replay(clip, constant_bones=True)
    parents, offsets = replay.parents, replay.offsets / 1000.0
    rotations = Rotation.from_matrix(replay.rotations.reshape(-1, 3, 3)).as_quat()
    rotations = _without_jumps(rotations.reshape(*replay.rotations.shape[:2], 4))
    rest = np.array(offsets)
    for joint, parent in enumerate(parents):  # Parents come first.
        rest[joint] += rest[parent] if parent >= 0 else 0.0
    inverse = np.tile(np.eye(4), (len(parents), 1, 1))
    inverse[:, 3, :3] = -rest  # Column-major, as glTF stores matrices.
    vertices, triangles, owner = _octahedra(rest, parents)
    joints = np.zeros([len(vertices), 4])
    joints[:, 0] = owner
    weights = np.zeros([len(vertices), 4])
    weights[:, 0] = 1.0

    file = gltf.GLTF2(asset=gltf.Asset(version="2.0", generator="tf_lift"))
    buffer = _Buffer(gltf, file)
    vertex = gltf.ARRAY_BUFFER
    primitive = gltf.Primitive(
        attributes=gltf.Attributes(
            POSITION=buffer.add(vertices, "<f4", gltf.VEC3, vertex),
            JOINTS_0=buffer.add(joints, "<u2", gltf.VEC4, vertex),
            WEIGHTS_0=buffer.add(weights, "<f4", gltf.VEC4, vertex),
        ),
        indices=buffer.add(triangles.reshape(-1), "<u4", gltf.SCALAR, gltf.ELEMENT_ARRAY_BUFFER),
    )
    file.meshes = [gltf.Mesh(name="bones", primitives=[primitive])]
    file.nodes = [
        gltf.Node(
            name=name,
            translation=offset.tolist(),
            children=[child for child, parent in enumerate(parents) if parent == joint],
        )
        for joint, (name, offset) in enumerate(zip(replay.joint_names, offsets, strict=True))
    ]
    file.nodes.append(gltf.Node(name="bones", mesh=0, skin=0))
    file.skins = [
        gltf.Skin(
            inverseBindMatrices=buffer.add(inverse.reshape(-1, 16), "<f4", gltf.MAT4),
            joints=list(range(len(parents))),
            skeleton=0,
        )
    ]
    file.scenes, file.scene = [gltf.Scene(nodes=[0, len(parents)])], 0
    times = buffer.add(np.arange(clip.num_frames) / clip.fps, "<f4", gltf.SCALAR)
    moves = [(0, "translation", replay.translations[:, 0] / 1000.0, gltf.VEC3)]
    moves += [(j, "rotation", rotations[:, j], gltf.VEC4) for j in range(len(parents))]
    animation = gltf.Animation(name=clip.clip or "clip", samplers=[], channels=[])
    for index, (node, target, values, kind) in enumerate(moves):
        output = buffer.add(values, "<f4", kind)
        animation.samplers.append(gltf.AnimationSampler(input=times, output=output))
        where = gltf.AnimationChannelTarget(node=node, path=target)
        animation.channels.append(gltf.AnimationChannel(sampler=index, target=where))
    file.animations = [animation]
    file.buffers = [gltf.Buffer(byteLength=len(buffer.content))]
    file.set_binary_blob(bytes(buffer.content))

    def read_back(written):
        content = gltf.GLTF2().load_binary(str(written))
        if content.binary_blob()[: len(buffer.content)] != bytes(buffer.content):
            raise ValueError("its buffer is not the one that was written")

    with atomic.replacing(path, read_back) as temporary:
        file.save_binary(str(temporary))


class _Buffer:
    """The file's one buffer, and the accessors of its parts."""

    def __init__(self, gltf, file):
        self.content = bytearray()
        self._gltf, self._file = gltf, file

    def add(self, values, dtype, kind, target=None):
        """Adds an array `[N]` or `[N, n]` and returns the index of its accessor."""
        values = np.asarray(values).astype(dtype)
        component = {"<f4": 5126, "<u4": 5125, "<u2": 5123}[dtype]
        data = values.tobytes()
        view = self._gltf.BufferView(
            buffer=0, byteOffset=len(self.content), byteLength=len(data), target=target
        )
        # Parts begin at multiples of four bytes.
        self.content += data + bytes(-len(data) % 4)
        self._file.bufferViews.append(view)
        table = values.reshape(len(values), -1)
        self._file.accessors.append(
            self._gltf.Accessor(
                bufferView=len(self._file.bufferViews) - 1,
                componentType=component,
                count=len(values),
                type=kind,
                min=table.min(axis=0).tolist(),
                max=table.max(axis=0).tolist(),
            )
        )
        return len(self._file.accessors) - 1


def _without_jumps(quaternions):
    """Flips signs so that each quaternion `[T, J, 4]` is near the one before, for blending."""
    turns = np.sum(quaternions[1:] * quaternions[:-1], axis=-1, keepdims=True) < 0.0
    signs = np.cumprod(np.where(turns, -1.0, 1.0), axis=0)
    return np.concatenate([quaternions[:1], quaternions[1:] * signs])


def _octahedra(rest, parents):
    """Returns vertices `[V, 3]`, triangles `[F, 3]`, and the joint that moves each vertex."""
    vertices, triangles, owner = [], [], []
    for joint, parent in enumerate(parents):
        bone = rest[joint] - rest[parent]
        length = np.linalg.norm(bone)
        if parent < 0 or length < 1e-4:
            continue
        side = np.cross(bone, np.eye(3)[np.argmin(np.abs(bone))])
        side *= _HALF_WIDTH * length / np.linalg.norm(side)
        other = np.cross(bone / length, side)
        middle = rest[parent] + _WIDEST * bone
        ring = [middle + side, middle + other, middle - side, middle - other]
        triangles += [[len(vertices) + index for index in face] for face in _TRIANGLES]
        vertices += [rest[parent], *ring, rest[joint]]
        owner += [parent] * 6
    if not vertices:
        raise ValueError("`clip` must have bones. Received: joints in one place")
    return np.array(vertices), np.array(triangles), np.array(owner)
