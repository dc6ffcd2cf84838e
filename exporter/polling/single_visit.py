"""What `/probe` does with a target: one visit with the configuration's settings, leaving nothing behind."""

from __future__ import annotations

import argparse
import re
from dataclasses import replace
from functools import partial

from exporter.errors import UsageError
from exporter.expose.server.probe_endpoint import Prober
from exporter.log import logger
from exporter.model.facts import Snapshot
from exporter.model.pages import Target
from exporter.polling.cycle import DEADLINE_SHARE, Plan, Poller
from exporter.wiring import Watch, new_fetcher, pages_of, product_of, rules_of

log = logger("kvmigration")


def add_probe_flags(parser: argparse.ArgumentParser) -> None:
    """Add the flags of `/probe`."""
    parser.add_argument(
        "--web.enable-probe", dest="probe", action="store_true", help="serve /probe?target=HOST:PORT"
    )
    parser.add_argument(
        "--web.probe-allow",
        dest="probe_allow",
        action="append",
        metavar="REGEX",
        help="whom /probe may ask: matches a whole host:port; may be given more than once; default: nobody",
    )


def prober_of(args: argparse.Namespace, watch: Watch) -> Prober | None:
    """What the flags ask for, `None` where `/probe` is off. Raises `UsageError`."""
    given: list[str] = args.probe_allow or []
    if not args.probe:
        if given:
            raise UsageError("--web.probe-allow has no effect without --web.enable-probe")
        return None
    if not given:
        log.warning("/probe refuses everybody: no --web.probe-allow is given")
    return Prober(partial(look, watch), tuple(_pattern(text) for text in given))


def _pattern(text: str) -> re.Pattern[str]:
    try:
        return re.compile(text)
    except re.error as error:
        raise UsageError(f'--web.probe-allow "{text}" is no regular expression: {error}') from None


async def look(watch: Watch, target: Target, seconds: float) -> Snapshot:
    """Visit one process within `seconds`, by the common `http_client` of the configuration at work.

    A session of its own: what a probe does is not counted among the calls of the cycles.
    """
    config, access = watch.config, watch.access
    prefix = config.http_client.path_prefix
    asked = replace(target, url=target.url + prefix)
    async with new_fetcher(config, access) as fetcher:
        plan = Plan(
            targets=lambda: (asked,),
            fetcher=fetcher,
            rules=rules_of(config),
            interval=seconds / DEADLINE_SHARE,
            product=product_of(config),
            pages=pages_of(config),
            min_deadline=0.0,
        )
        return await Poller(plan).cycle()
