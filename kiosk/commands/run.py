"""``kiosk run``: the machine at its screen."""

from __future__ import annotations

import os
import signal
import sys
from functools import partial
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import click
import msgspec
import structlog
import trio

from kiosk import hardening, logs
from kiosk.clock import Clock
from kiosk.commands.common import failed, loaded
from kiosk.config import Config, ConfigError
from kiosk.pages import Presenter

if TYPE_CHECKING:
    from kiosk.machine import Machine

log = structlog.get_logger()


@click.command()
@click.pass_obj
def run(config_path: str | None) -> None:
    """Run the machine until SIGTERM; prints one JSON line when it is ready."""
    config = loaded(config_path)
    logs.to_folder(config.machine.log_folder)
    clock = Clock(config.demo.today)
    if serve(config, presenter("kivy", config, clock), clock=clock).must_restart:
        logs.raw_again()
        # The same process in a new memory: nothing of the old one is left.
        hardening.start_anew(sys.argv[1:])


def presenter(name: str, config: Config, clock: Clock) -> Presenter:
    """The presenter of this name, from the entry points ``tongban.presenters``, for this screen."""
    found = entry_points(group="tongban.presenters", name=name)
    if not found:
        failed(f"no presenter {name!r} is installed; reinstall the program")
    screen = config.screen
    try:
        return next(iter(found)).load()(
            width_px=screen.width_px,
            height_px=screen.height_px,
            diagonal_in=screen.diagonal_in,
            bottom_height_mm=screen.bottom_height_mm,
            fullscreen=screen.fullscreen,
            clock=clock,
        )
    except ConfigError as error:
        failed(str(error))


def serve(config: Config, shown_by: Presenter, *, clock: Clock, visits: int | None = None) -> Machine:
    """Build the machine and run it to its end; one that ended itself for good ends the command.

    It keeps ``clock`` right, also for who draws.
    """
    from kiosk.machine import Machine  # after the environment is settled: devices and vision load native code

    if config.machine.hardening == "required" and (lacks := hardening.missing()):
        failed(f"[machine] hardening is required and lacks {', '.join(lacks)}; install the package with its library")
    machine = Machine(config, shown_by, clock=clock)
    trio.run(partial(_serve, machine, config, visits))
    if machine.failure and not machine.must_restart:
        failed(machine.failure)
    return machine


async def _serve(machine: Machine, config: Config, visits: int | None) -> None:
    from kiosk import running

    with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_end_on_signal, signals, machine)
            await nursery.start(partial(running.run, machine, visits=visits))
            ready = {"ready": True, "pid": os.getpid(), "status_socket": config.machine.status_socket}
            click.echo(msgspec.json.encode(ready))
            sys.stdout.flush()
            nursery.start_soon(_end_with, machine, nursery.cancel_scope)


async def _end_with(machine: Any, scope: trio.CancelScope) -> None:
    await machine.ended.wait()
    scope.cancel()


async def _end_on_signal(signals: Any, machine: Any) -> None:
    async for number in signals:
        log.info("stopping", signal=number)
        machine.stop()
