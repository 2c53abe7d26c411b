"""Appointments 预约取号 at the counters: which times there are, who has one, and that no place is given twice."""
