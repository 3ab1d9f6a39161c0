"""Which of the 92 landmarks is what: 36 of the face's oval, 14 of the nose, 12 of the eyes, 10 of the brows, 20 of the
mouth. Left and right are as seen in the picture."""

OVAL, NOSE, LEFT_EYE, RIGHT_EYE = slice(0, 36), slice(36, 50), slice(50, 56), slice(56, 62)
MOUTH, OUTER_LIPS = slice(72, 92), slice(72, 84)
RIGHT_EAR, CHIN, LEFT_EAR = 7, 18, 29  # of the oval, which goes clockwise from the forehead's middle; 18 is its lowest
BRIDGE, NOSE_TIP, NOSE_BASE = 36, 42, 45
LEFT_CORNER, UPPER_LIP, RIGHT_CORNER = 72, 75, 78  # of the mouth
