"""Which errors a visitor can put right, or must hear of, and how they become a sentence."""

import errno
from collections.abc import Iterator
from contextlib import contextmanager

import gradio as gr

from unmask.imaging.reader import PhotoError
from unmask.web.i18n import tr, tr_error
from unmask.weights import WeightsError

# What visitors can put right themselves, worded for them. Anything else is a fault of ours.
USER_ERRORS = (PhotoError, WeightsError)
DISK_FULL = "This server's disk is full: please try again later."


@contextmanager
def plain_errors() -> Iterator[None]:
    """Turn what visitors can put right, and a full disk, into the one sentence that a client receives."""
    try:
        yield
    except USER_ERRORS as error:
        raise gr.Error(tr_error(error), print_exception=False) from error
    except OSError as error:
        if error.errno != errno.ENOSPC:
            raise
        raise gr.Error(tr(DISK_FULL), print_exception=False) from error
