"""Snakemake's logger ``concord3d``: a quiet console for runs of this project. Snakemake's log file keeps everything.

Snakemake finds it by the name of this package. ``profiles/default`` asks for it. Dry runs and
``snakemake --verbose`` speak as ever.
"""

from __future__ import annotations

import sys
from logging import INFO, LogRecord, getLogger
from pathlib import Path

from snakemake.logging import ColorizingTextHandler
from snakemake_interface_logger_plugins.base import LogHandlerBase
from snakemake_interface_logger_plugins.common import LogEvent

# What Snakemake tells of its own doings; the lines of jobs, and the announcement of the run, take their place.
UNTOLD_EVENTS = {
    LogEvent.RUN_INFO,
    LogEvent.WORKFLOW_STARTED,
    LogEvent.SHELLCMD,
    LogEvent.JOB_INFO,
    LogEvent.GROUP_INFO,
    LogEvent.RESOURCES_INFO,
    LogEvent.PROGRESS,
    LogEvent.RULEGRAPH,
    LogEvent.DEBUG_DAG,
}
UNTOLD_STARTS = (
    "Assuming unrestricted shared filesystem usage",
    "Building DAG of jobs",
    "Using shell:",
    "Using profile",
    "Using workflow specific profile",
    "Conda environments: ignored",
    "Singularity containers: ignored",
    "Group jobs: inactive",
    "Select jobs to execute",
    "Elapsed time:",
    "host:",
    "Touching output file",
    "Waiting at most",
    "Auto-selected partition",
)
# What a list of hundreds of files follows; those that are complete are taken back at the next start.
REMOVED = "Removing output files of failed job "
SUBMITTED = " has been submitted with SLURM jobid "
# What Snakemake says of a failed job besides: which of its own lines called it, and that it ends for this reason.
UNTOLD_FAILURES = (
    "RuleException:\nCalledProcessError",
    "Exiting because a job execution failed",
    "WorkflowError:\nAt least one job did not complete",
)


INTERRUPTED = "Terminating processes on user request"


class LogHandler(LogHandlerBase):
    """Shows a run as :class:`concord3d.console.display.Display` does."""

    def __post_init__(self) -> None:
        # Snakemake imports every logger that it finds, for other workflows too.
        from concord3d.console.display import Display
        from concord3d.errors import NotWritable
        from concord3d.workflow.writable import require_writable

        try:
            # Snakemake makes its folder of caches before it reads the Snakefile, and the logger before that.
            require_writable(Path())
        except NotWritable as error:
            raise SystemExit(f"NotWritable: {error}") from error
        # A library that the plan imports may give the root logger a handler, which would say all of it again.
        getLogger("snakemake.logging").propagate = False
        settings = self.common_settings
        stream = sys.stdout if settings.stdout else sys.stderr
        self._full = ColorizingTextHandler(settings.nocolor, stream)
        self._speaks_in_full = settings.dryrun or settings.verbose or settings.debug_dag
        self._display = Display(stream, colour=not settings.nocolor)

    def emit(self, record: LogRecord) -> None:
        """Show a record, or leave it to the log file."""
        try:
            if self._speaks_in_full:
                self._full.setFormatter(self.formatter)
                self._full.emit(record)
            else:
                self._show(record)
        except Exception:
            self.handleError(record)

    def _show(self, record: LogRecord) -> None:
        event, display = getattr(record, "event", None), self._display
        if hasattr(record, "expected_run"):
            display.begin(record.expected_run)
        elif event == LogEvent.JOB_STARTED:
            display.start(vars(record)["jobs"], record.created)
        elif event == LogEvent.JOB_FINISHED:
            display.finish(vars(record)["job_id"], record.created)
        elif event == LogEvent.JOB_ERROR:
            self._show_failure(vars(record), record.created)
        elif event == LogEvent.GROUP_ERROR:
            for failure in vars(record)["job_error_info"]:
                self._show_failure(failure, record.created)
        elif event not in UNTOLD_EVENTS:
            self._show_text(record)

    def _show_failure(self, failure: dict, now: float) -> None:
        self._display.fail(failure["jobid"], [Path(log) for log in failure["log"]], now)

    def _show_text(self, record: LogRecord) -> None:
        text = self.format(record)
        if text.startswith(INTERRUPTED):
            self._display.interrupt()
            return
        if SUBMITTED in text or text.startswith(REMOVED):
            return
        if text.strip() and not text.startswith(UNTOLD_STARTS if record.levelno <= INFO else UNTOLD_FAILURES):
            self._display.say(text.rstrip(), "" if record.levelno <= INFO else "red")

    def close(self) -> None:
        """Take the bar away; Snakemake calls this at the end, also when it is interrupted."""
        self._display.close()
        super().close()

    @property
    def writes_to_stream(self) -> bool:
        """It takes the place of Snakemake's console."""
        return True

    @property
    def writes_to_file(self) -> bool:
        """Snakemake's own log file stays."""
        return False

    @property
    def has_filter(self) -> bool:
        """Snakemake's filter obeys ``--quiet``."""
        return False

    @property
    def has_formatter(self) -> bool:
        """Snakemake's formatter words what is shown in full."""
        return False

    @property
    def needs_rulegraph(self) -> bool:
        """The plan of the project says more."""
        return False
