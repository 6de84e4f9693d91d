"""Synthetic people: rendered images with exact 2D and 3D truth."""

import dataclasses

import numpy as np

from tf_lift.data.synthetic import rendering, views
from tf_lift.skeletons import H36M_17

__all__ = ["SyntheticPeople"]


@dataclasses.dataclass(frozen=True, eq=False)
class SyntheticPeople:
    """An endless, indexable set of synthetic people.

    `person(index)` depends only on `seed` and `index`, not on the order of calls, the number
    of processes or the batch size.

    Attributes:
        poses: Array of shape `[num_poses, 17, 3]`, mm, world frame with z up, in the order
            of `skeletons.H36M_17`; each person has a random one.
        image_size: Side of the square image, px.
        seed: Seed of all random numbers.
        distance_mm: Range of the camera's distance, mm.
        pitch_degrees: Range of the angle by which the camera looks down.
        roll_degrees: Standard deviation of the camera's roll.
        box_scale: Range of the crop's side, relative to the side of the person's box.

    Raises:
        ValueError: If `poses` are not finite or do not have shape `[num_poses, 17, 3]`, or a
            number is out of range.

    >>> people = tf_lift.data.synthetic.people.SyntheticPeople(poses, image_size=64)
    >>> person = people.person(0)
    >>> person["image"].shape, person["image"].dtype, person["landmarks"].shape
    ((64, 64, 3), dtype('uint8'), (17, 2))
    """

    poses: np.ndarray
    image_size: int = 128
    seed: int = 0
    distance_mm: tuple[float, float] = (2500.0, 6000.0)
    pitch_degrees: tuple[float, float] = (-5.0, 25.0)
    roll_degrees: float = 3.0
    box_scale: tuple[float, float] = (1.0, 1.4)

    def __post_init__(self):
        poses = np.asarray(self.poses, np.float32)
        if poses.ndim != 3 or poses.shape[1:] != (H36M_17.num_joints, 3) or not len(poses):
            raise ValueError(
                "`poses` must have shape [num_poses, 17, 3] with at least one pose. "
                f"Received: poses.shape={poses.shape}"
            )
        if not np.isfinite(poses).all():
            bad = int((~np.isfinite(poses).all((1, 2))).sum())
            raise ValueError(f"`poses` must be finite. Received: {bad} poses with NaN or infinity")
        if int(self.image_size) != self.image_size or self.image_size < 16:
            raise ValueError(
                "`image_size` must be an integer of at least 16 px. "
                f"Received: image_size={self.image_size}"
            )
        if int(self.seed) != self.seed or self.seed < 0:
            raise ValueError(f"`seed` must be an integer >= 0. Received: seed={self.seed}")
        for name in ("distance_mm", "pitch_degrees", "box_scale"):
            low, high = getattr(self, name)
            if not low <= high:
                raise ValueError(f"`{name}` must be (low, high). Received: {name}={(low, high)}")
        if self.distance_mm[0] < 2000:
            raise ValueError(
                "`distance_mm` must be at least 2000, or limbs reach the camera. "
                f"Received: distance_mm={self.distance_mm}"
            )
        if self.box_scale[0] <= 0:
            raise ValueError(f"`box_scale` must be positive. Received: box_scale={self.box_scale}")
        object.__setattr__(self, "poses", poses)

    def person(self, index: int) -> dict:
        """Renders one person.

        Args:
            index: Any integer >= 0.

        Returns:
            Dict of
            - `image`: uint8 `[image_size, image_size, 3]`;
            - `landmarks`: float32 `[17, 2]`, px, also of joints outside the image;
            - `joints_3d`: float32 `[17, 3]`, mm, frame of the crop's central ray (`views`),
              origin at joint 0;
            - `visibility`: bool `[17]`, False where another part of the body hides the joint
              or it is outside the image;
            - `person_height_px`: height of the box around the landmarks;
            - `camera`: the `views.CropCamera` that relates `joints_3d` and `landmarks`.

        Raises:
            ValueError: If `index` is not an integer >= 0.
        """
        if index < 0 or int(index) != index:
            raise ValueError(f"`index` must be an integer >= 0. Received: {index}")
        rng = np.random.default_rng([int(self.seed), int(index)])
        pose, up, camera, joints_3d = self._view(rng)
        landmarks = camera.project(joints_3d)
        image, visibility = rendering.render(pose, up, camera, self.image_size, rng)
        inside = (np.abs(landmarks - (self.image_size - 1) / 2) <= self.image_size / 2).all(-1)
        return {
            "image": image,
            "landmarks": landmarks.astype(np.float32),
            "joints_3d": joints_3d.astype(np.float32),
            "visibility": visibility & inside,
            "person_height_px": np.float32(np.ptp(landmarks[:, 1])),
            "camera": camera,
        }

    def _view(self, rng):
        """Draws a pose, a camera and a crop.

        Returns:
            The pose in the camera frame, mm; the up vector there; the `CropCamera`; and the
            pose in the frame of the crop's central ray.
        """
        pose = self.poses[rng.integers(len(self.poses))].astype(np.float64)
        if rng.random() < 0.5:
            pose = pose[list(H36M_17.swap)] * [-1, 1, 1]
        pose = (pose - pose[0]) * np.clip(rng.normal(1.0, 0.05), 0.85, 1.15)
        rotation = views.view_rotation(
            yaw=rng.uniform(-np.pi, np.pi),
            pitch=np.deg2rad(rng.uniform(*self.pitch_degrees)),
            roll=np.deg2rad(np.clip(rng.normal(), -3, 3) * self.roll_degrees),
        )
        distance = rng.uniform(*self.distance_mm)
        # Anywhere in a photo of about 50 by 35 degrees: crops are rarely central.
        root = np.array([rng.uniform(-0.35, 0.35), rng.uniform(-0.2, 0.2), 1.0]) * distance
        pose = pose @ rotation.T + root
        points = pose[:, :2] / pose[:, 2:]
        # The box of the joints, enlarged for crown, hands and feet.
        low, high = points.min(0) - 130 / distance, points.max(0) + 130 / distance
        side = (high - low).max() * rng.uniform(*self.box_scale)
        shift = np.clip(rng.normal(0, 0.03, 2), -0.08, 0.08) * side
        box = np.array([*((low + high) / 2 + shift), side])
        camera = views.crop_camera(pose[0], box, self.image_size)
        joints_3d = (pose - pose[0]) @ camera.ray_rotation.T
        return pose, rotation[:, 2], camera, joints_3d
