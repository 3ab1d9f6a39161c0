"""One recipe a model: its losses, phases and learning rates, with the paper's section beside each number."""

from train.recipes.face_finder import FaceFinderRecipe
from train.recipes.ganmasker import GANMaskerRecipe
from train.recipes.glcic import GLCICRecipe
from train.recipes.landmarks import LandmarksRecipe
from train.recipes.mseg import MSegRecipe
from train.recipes.pix2pix import Pix2PixRecipe

RECIPES = {
    recipe.name: recipe
    for recipe in (MSegRecipe, GANMaskerRecipe, Pix2PixRecipe, GLCICRecipe, LandmarksRecipe, FaceFinderRecipe)
}
