"""Whose turn it is to paint for one photo: results of an older mask must not come after those of a newer one."""

import threading


class Turns:
    """Counts the runs of models on one photo, and what ends them: of all runs, only the last one may show results.

    A visitor's events overlap, and all of them see the same object: so it also says whether the mask's editor is open.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._number = 0
        self.run = 0  # number of the last run that has begun
        self.version = 0  # of the visit that was put on the page last
        self.closed = False  # another photo is being looked at: nothing is painted any more
        self.forgotten = False  # the page was closed: nothing of the photo is kept
        self.settled = False  # all results of the last run are on the page
        self.editing = False  # the mask's editor is open: it is sent all that is shown in the still

    def take(self) -> int:
        """Begin a run, which ends those before. Returns its number."""
        with self._lock:
            self._number += 1
            self.run, self.settled = self._number, False
            return self._number

    def renew(self) -> int:
        """Another visit is put on the page, by a button. Returns its version."""
        with self._lock:
            self.version += 1
            return self.version

    def interrupt(self) -> None:
        """End the run that is at work, if one is. Results that were all there stay so."""
        with self._lock:
            self._number += 1

    def holds(self, number: int) -> bool:
        """Whether a run is still the last one and was not interrupted: it may show what it has."""
        return not self.closed and self._number == number

    @property
    def at_work(self) -> bool:
        """Whether the last run still has results to show."""
        return self.run > 0 and not self.settled and self.holds(self.run)

    def settle(self, number: int) -> bool:
        """A run has shown all of its results. Returns whether that still counts."""
        with self._lock:
            held = self.holds(number)
            self.settled = self.settled or held
            return held

    def close(self) -> None:
        """Another photo is being looked at."""
        self.interrupt()
        self.closed = True

    def forget(self) -> None:
        """The page was closed."""
        self.close()
        self.forgotten = True

    def reopen(self) -> None:
        """The other photo could not be read: this one is back."""
        self.closed = False
