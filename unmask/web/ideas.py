"""What the page says of each model: one sentence for a visitor, in English, the key of its translations."""

IDEAS = {
    "mseg": "An autoencoder with attention marks every pixel that the mask covers.",
    "mask-rcnn": "It boxes whatever may be a mask, then outlines it inside each box.",
    "ganmasker": "Given the mask, an attention U-Net fills it and keeps the visible face as it is.",
    "landmark-guided": (
        "Landmarks found under the mask say where mouth and jaw belong; move them, and the face follows."
    ),
    "pix2pix": "One network translates the whole picture, black where the mask was, into a bare face.",
    "glcic": "Dilated convolutions look far around the hole; two discriminators judge the picture and the patch.",
    "ganmasker-one-stage": "The same attention U-Net as GANMasker's, but nobody tells it where the mask is.",
    "two-autoencoders": (
        "One autoencoder sketches what is missing, a second one paints it over; two discriminators judge."
    ),
    "gated-conv": "Every layer learns which pixels to trust; what fits is copied from the visible face.",
    "gumf": "One discriminator judges the whole face, a second one joins for what lies under the mask.",
    "parsing-guided": (
        "In training a face parser asked for lips where lips belong; what fits is borrowed from visible skin."
    ),
    "telea": "No learning: colours march into the hole from its edge. The baseline to beat.",
    "navier-stokes": "No learning: brightness flows into the hole like a fluid, along its own contours.",
    "refiner": "On large faces it adds the fine detail that the other networks are too coarse to paint.",
    "face-detector": "A small network looks at the photo twice and boxes every face, masked or bare.",
    "parsing": "Says what every pixel of a face is: skin, lip, brow, hair. It judges others' faces in training.",
    "gender-hint": "A guess from the visible half, which its paper gives to landmark-guided inpainting as a hint.",
    "landmarks": "A small MobileNet says where 92 points of the face are, under the mask too.",
}
