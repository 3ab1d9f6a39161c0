"""Which of the 92 landmarks is what."""



OVAL, NOSE, MOUTH = slice(0, 36), slice(36, 50), slice(72, 92)  # of the 92 landmarks
CHIN = 18  # the oval's lowest point
