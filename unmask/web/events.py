"""How the page's events run: which are the API's, which wait in line, and how long a visitor's photo is kept."""

import os

FORGET_AFTER = 600  # seconds after which a photo is gone: from memory and from the temporary folder
# Heavy events, the API's too, share one group. As many run at a time as there are cores, each on one thread: twice
# the visits of one at a time on all cores (docs/speed.md).
COMPUTE = {"concurrency_id": "compute", "concurrency_limit": os.cpu_count() or 1}
PRIVATE = {"api_visibility": "private", "show_progress": "hidden"}  # the page's own events are no API
# What Gradio then says of the queue is hidden, and said by the line that `build_queue_line` adds.
HEAVY = PRIVATE | COMPUTE | {"show_progress": "minimal"}
