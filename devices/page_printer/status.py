"""What a printer says of itself (RFC 8011 §5.4.11, §5.4.12; PWG 5100.9 for more reasons) in the common words."""

from __future__ import annotations

from devices.page_printer.codec import Group
from devices.vocabulary import DeviceState, DeviceStatus, SupplyState

STOPPED = 5

_REASONS = {
    "media-jam": "jammed",
    "door-open": "cover_open",
    "cover-open": "cover_open",
    "interlock-open": "cover_open",
    "input-tray-missing": "tray_missing",
    "media-empty": "paper_out",
    "media-needed": "paper_out",
    "marker-supply-empty": "toner_out",
    "toner-empty": "toner_out",
    "marker-waste-full": "waste_full",
    "output-area-full": "tray_full",
    "output-tray-missing": "tray_full",
    "fuser-over-temp": "printer_error",
    "opc-life-over": "printer_error",
    "interpreter-resource-unavailable": "printer_error",
    "offline": "offline",
    "shutdown": "offline",
    "connecting-to-device": "offline",
    "timed-out": "offline",
    "paused": "paused",
    "moving-to-paused": "paused",
    "stopping": "paused",
    "spool-area-full": "spool_full",
}
"""Reasons that stop a printer, the most telling first: of several the first one is said."""

_WARNINGS = {
    "media-low": "paper_low",
    "media-empty": "paper_low",
    "marker-supply-low": "toner_low",
    "toner-low": "toner_low",
    "marker-supply-empty": "toner_low",
    "toner-empty": "toner_low",
    "marker-waste-almost-full": "waste_almost_full",
    "output-area-almost-full": "tray_almost_full",
}
"""Reasons that want a hand soon while it prints on: one empty tray of two, say."""

_DEVICE = {
    "jammed": DeviceState.HARDWARE_ERROR,
    "printer_error": DeviceState.HARDWARE_ERROR,
    "toner_out": DeviceState.HARDWARE_ERROR,
    "waste_full": DeviceState.HARDWARE_ERROR,
    "cover_open": DeviceState.USER_ERROR,
    "tray_missing": DeviceState.USER_ERROR,
    "tray_full": DeviceState.USER_ERROR,
    "paper_out": DeviceState.ONLINE,
}
"""What a fault makes of the device; every other one means ``offline``."""

_SUPPLY = {"jammed": SupplyState.JAMMED, "paper_out": SupplyState.OUT}

FAULTS = frozenset(_REASONS.values()) | {"not_accepting", "stopped"}
"""Codes with which nothing new is sent."""


def printer_status(printer: Group) -> DeviceStatus:
    """The state in ``printer-state``, ``printer-state-reasons`` and ``printer-is-accepting-jobs``."""
    fault, warnings = _fault(printer), _warnings(printer)
    device = _DEVICE.get(fault, DeviceState.OFFLINE) if fault else DeviceState.ONLINE
    supply = _SUPPLY.get(fault) or (SupplyState.LOW if "paper_low" in warnings else SupplyState.FULL)
    # Low paper is what the stock says; a code beside it would say it twice.
    warning = next((code for code in _WARNINGS.values() if code in warnings and code != "paper_low"), "")
    return DeviceStatus(device, supply=supply, error=fault or warning)


def _fault(printer: Group) -> str:
    stopped = printer.number("printer-state") == STOPPED
    found = {
        _REASONS[name] for name, severity in _severities(printer) if name in _REASONS and _stops(severity, stopped)
    }
    if worst := next((code for code in _REASONS.values() if code in found), ""):
        return worst
    if printer.first("printer-is-accepting-jobs") is False:
        return "not_accepting"
    return "stopped" if stopped else ""


def _stops(severity: str, stopped: bool) -> bool:
    # Without a suffix a reason may be of any severity and is taken for an error (RFC 8011 §5.4.12).
    return severity in ("error", "") or (severity == "warning" and stopped)


def _warnings(printer: Group) -> set[str]:
    return {_WARNINGS[name] for name, severity in _severities(printer) if name in _WARNINGS and severity != "report"}


def _severities(printer: Group) -> list[tuple[str, str]]:
    """Each reason with its severity: ``error``, ``warning``, ``report`` or "" when it does not say."""
    found = []
    for reason in printer.words("printer-state-reasons"):
        name, _, severity = reason.rpartition("-")
        found.append((name, severity) if severity in ("error", "warning", "report") else (reason, ""))
    return found
