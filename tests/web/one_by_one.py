"""For stand-ins of the networks: `Unmasker.remove_each` by their own `remove`."""

import time

from unmask import PhotoError, WeightsError
from unmask.pipeline import Outcome


class OneByOne:
    """One model after the other."""

    def remove_each(self, photo, mask, models, faces, **options):
        for name in models:
            start, image, error = time.perf_counter(), None, None
            try:
                image = self.remove(photo, mask, [name], faces=faces, **options)[name]
            except (PhotoError, WeightsError) as refusal:
                error = refusal
            yield Outcome(name, image, error, time.perf_counter() - start)
