from tests.kiosk.maintenance.desk import desk, open_desk

__all__ = ["desk", "open_desk"]
