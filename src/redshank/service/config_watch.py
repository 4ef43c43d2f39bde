"""Watch configuration files: apply them when they change, keep the last good ones when they are wrong."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from redshank.errors import RedshankError
from redshank.service.config_document import ConfigFileError, make_configuration
from redshank.service.config_files import ConfigTexts, read_texts, stamp
from redshank.service.config_plan import Plan
from redshank.specs.document import Document

State = Literal["none", "applied", "wrong"]
AGAIN_NS = 60 * 10**9  # until what failed for a reason outside of the files is tried anew


@dataclass(frozen=True, kw_only=True)
class ConfigStatus:
    """How the files stand. ``fingerprint`` and ``applied_ns`` are of what is in force, ``error`` of what is there."""

    state: State = "none"
    files: tuple[str, ...] = ()
    fingerprint: str = ""
    applied_ns: int | None = None
    counts: Mapping[str, int] | None = None  # what the last applying changed
    error: str | None = None

    def line(self) -> str:
        """Return the status in one line, with the first of what is wrong."""
        return f"{self.word()}: {(self.error or '').partition(chr(10))[0]}" if self.state == "wrong" else self.word()

    def word(self) -> str:
        """Return the status without what the files hold, for those who need not know."""
        if self.state == "wrong":
            return "wrong, " + (
                "nothing of it was applied" if self.applied_ns is None else "the last good one stays in force"
            )
        return "ok" if self.state == "applied" else "not read yet"


class ConfigWatch:
    """Looks at files and applies them. ``start`` once, then ``check`` each second or so, by one thread."""

    def __init__(
        self,
        paths: Sequence[str | Path],
        apply: Callable[[Document], Plan],
        *,
        clock: Callable[[], int],
        report: Callable[[ConfigStatus], None],
        environment: Mapping[str, str] | None = None,
    ) -> None:
        """``apply`` makes all of a document so, or nothing; ``report`` is told each new status once.

        ``environment``: where ``${NAME}`` is taken from, None = that of the process; ``clock``: ns since 1970.
        """
        self._paths, self._apply, self._clock, self._report = paths, apply, clock, report
        self._environment = environment
        self._seen: object = None  # names, times and sizes at the last look
        self._read_at: object = None  # the same, when the files were last read
        self._tried = ""  # fingerprint of what was last read
        self._again_ns: int | None = None
        self.status = ConfigStatus()

    def start(self) -> ConfigStatus:
        """Read and apply the files now; return how they stand."""
        self._seen = self._look()
        self._read()
        return self.status

    def check(self) -> ConfigStatus:
        """Look whether the files changed, and apply them once they have stopped changing; return how they stand.

        A file that is being written is another one at each look; it is read when two looks in a row found it the same.
        """
        seen = self._look()
        is_still, self._seen = seen == self._seen, seen
        is_due = self._again_ns is not None and self._clock() >= self._again_ns
        if is_still and (seen != self._read_at or is_due):
            self._read()
        return self.status

    def run(self, stop: threading.Event, seconds: float = 1.0) -> None:
        """Check again and again until told to stop; whatever goes wrong is reported and tried anew later."""
        while not stop.wait(seconds):
            try:
                self.check()
            except Exception as error:  # noqa: BLE001 - a worker loop: it must outlive what nobody thought of
                self._again_ns = self._clock() + AGAIN_NS
                self._fail(f"{type(error).__name__}: {error}")

    def _look(self) -> object:
        try:
            return stamp(self._paths)
        except (OSError, RedshankError) as error:
            return str(error)

    def _read(self) -> None:
        """Read the files, and apply them unless they are what was read last."""
        is_again, self._again_ns = self._again_ns is not None, None
        self._read_at = self._seen
        try:
            texts = read_texts(self._paths)
        except RedshankError as error:
            self._tried = ""
            self._fail(str(error))
            return
        if texts.fingerprint == self._tried and not is_again:
            return
        self._tried = texts.fingerprint
        try:
            self._take(texts)
        except ConfigFileError as error:
            self._fail(str(error))
        except RedshankError as error:
            self._again_ns = self._clock() + AGAIN_NS
            self._fail(str(error))

    def _take(self, texts: ConfigTexts) -> None:
        environment = os.environ if self._environment is None else self._environment
        found = make_configuration(texts, environment, is_whole=False)
        plan = self._apply(found.checked_document())
        self._tell(
            ConfigStatus(
                state="applied",
                files=tuple(found.files),
                fingerprint=texts.fingerprint,
                applied_ns=self._clock(),
                counts=plan.counts(),
            )
        )

    def _fail(self, error: str) -> None:
        if (self.status.state, self.status.error) != ("wrong", error):
            self._tell(replace(self.status, state="wrong", error=error))

    def _tell(self, status: ConfigStatus) -> None:
        self.status = status
        self._report(status)
