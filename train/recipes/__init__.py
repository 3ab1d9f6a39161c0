"""One recipe a model: its losses, phases and learning rates, with the paper's section beside each number."""

from train.recipe import Recipe
from train.recipes.face_detector import FaceDetectorRecipe
from train.recipes.ganmasker import GANMaskerRecipe
from train.recipes.ganmasker_one_stage import GANMaskerOneStageRecipe
from train.recipes.gated_conv import GatedConvRecipe
from train.recipes.gender_hint import GenderHintRecipe
from train.recipes.glcic import GLCICRecipe
from train.recipes.gumf import GUMFRecipe
from train.recipes.landmark_guided import LandmarkGuidedRecipe
from train.recipes.landmarks import LandmarksRecipe
from train.recipes.mask_rcnn import MaskRCNNRecipe
from train.recipes.mseg import MSegRecipe
from train.recipes.parsing import ParsingRecipe
from train.recipes.parsing_guided import ParsingGuidedRecipe
from train.recipes.pix2pix import Pix2PixRecipe
from train.recipes.refiner import RefinerRecipe
from train.recipes.two_autoencoders import TwoAutoencodersRecipe

_ALL = (
    MSegRecipe, MaskRCNNRecipe, GANMaskerRecipe, GANMaskerOneStageRecipe, Pix2PixRecipe, GLCICRecipe,
    TwoAutoencodersRecipe, GatedConvRecipe, GUMFRecipe, ParsingGuidedRecipe, LandmarkGuidedRecipe, GenderHintRecipe,
    LandmarksRecipe, ParsingRecipe, FaceDetectorRecipe, RefinerRecipe,
)  # fmt: skip
RECIPES: dict[str, type[Recipe]] = {recipe.name: recipe for recipe in _ALL}
