"""Keras layers: belief maps to landmarks, the lift, landmarks to belief maps, fusion."""

from tf_lift.layers.belief_map_fusion import BeliefMapFusion
from tf_lift.layers.belief_maps_to_landmarks import BeliefMapsToLandmarks
from tf_lift.layers.landmarks_to_belief_maps import LandmarksToBeliefMaps
from tf_lift.layers.lift_refiner import LiftRefiner
from tf_lift.layers.ppca_lifting import PPCALifting
from tf_lift.layers.trainable_ppca_lifting import TrainablePPCALifting

__all__ = [
    "BeliefMapFusion",
    "BeliefMapsToLandmarks",
    "LandmarksToBeliefMaps",
    "LiftRefiner",
    "PPCALifting",
    "TrainablePPCALifting",
]
