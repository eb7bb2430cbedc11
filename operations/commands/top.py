"""pixserve top: what the service does at this moment, by its metrics."""

import math
import sys
import time
from typing import Annotated

import typer
from rich.console import Console, Group
from rich.live import Live
from rich.text import Text

from operations.scrape import Scrape, metrics_address, quantile
from pixserve.commands.options import target_of
from pixserve.commands.output import Row, show, table_of

Every = Annotated[float, typer.Option(help="How often to look, in seconds.", min=0.5)]
Count = Annotated[int, typer.Option(help="How many looks; 0 for until Ctrl-C.", min=0)]


def top(context: typer.Context, every: Every = 2.0, count: Count = 0) -> None:
    """Show the rate, latency, queue, errors and versions of the service, until Ctrl-C. JSON in a pipe.

    \b
    pixserve top
    pixserve top --every 10 --count 1
    """
    with target_of(context).connect() as connection:
        address = metrics_address(connection.endpoints)
    console = Console()
    before, looks = Scrape.of_address(address), 0
    with Live(console=console, auto_refresh=False, screen=False) as live:
        try:
            while not count or looks < count:
                time.sleep(every)
                now, looks = Scrape.of_address(address), looks + 1
                if sys.stdout.isatty():  # FORCE_COLOR makes no terminal of a pipe
                    live.update(screen_of(before, now), refresh=True)
                else:
                    show(version_rows(before, now), as_json=True)
                before = now
        except KeyboardInterrupt:
            return


def screen_of(before: Scrape, now: Scrape) -> Group:
    """Return what a terminal shows of the time between two scrapes."""
    return Group(Text(service_line(before, now)), table_of(version_rows(before, now)))


def service_line(before: Scrape, now: Scrape) -> str:
    """Return a line on the whole service: answers a second, faults, latency, cores and memory."""
    seconds, new = now.at_s - before.at_s, now.since(before)
    answers = new.sum("pixserve_responses_total")
    faults = sum(
        count for status, count in new.by("pixserve_responses_total", "status").items() if status[0] == "5"
    ) + new.sum("pixserve_responses_total", status="INTERNAL")
    p50, p99 = (quantile(new, "pixserve_response_seconds", share) for share in (0.5, 0.99))
    memory = now.sum("pixserve_process_resident_memory_bytes")
    return (
        f"{answers / seconds:,.1f} answers/s   {faults:.0f} server faults   p50 {_ms(p50)}   p99 {_ms(p99)}   "
        f"{new.sum('pixserve_process_cpu_seconds_total') / seconds:.2f} cores   {memory / 1e9:.2f} GB"
    )


def version_rows(before: Scrape, now: Scrape) -> list[Row]:
    """Return a row for each version: what it did between two scrapes, and how it stands now."""
    seconds, new = now.at_s - before.at_s, now.since(before)
    rows: list[Row] = []
    for model, version in now.versions():
        of = {"model": model, "version": version}
        requests = new.sum("pixserve_requests_total", **of)
        passes = new.sum("pixserve_batch_images_count", **of)
        images = new.sum("pixserve_batch_images_sum", **of) / passes if passes else math.nan
        rows.append(
            {
                "model": model,
                "version": version,
                "default": "yes" if now.sum("pixserve_default_version", **of) else "",
                "requests/s": round(requests / seconds, 1),
                "refused": round(requests - new.sum("pixserve_requests_total", status="200", **of)),
                "batch ms p50": _rounded(1000 * quantile(new, "pixserve_batch_seconds", 0.5, **of)),
                "batch ms p99": _rounded(1000 * quantile(new, "pixserve_batch_seconds", 0.99, **of)),
                "images a batch": _rounded(images),
                "waiting": round(now.sum("pixserve_queue_requests", **of)),
                "workers": f"{now.sum('pixserve_workers_ready', **of):.0f}"
                f"/{now.sum('pixserve_workers_wanted', **of):.0f}",
            }
        )
    return rows


def _ms(seconds: float) -> str:
    return "-" if math.isnan(seconds) else f"{seconds * 1000:.1f} ms"


def _rounded(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 1)
