"""A page that shows whether a printer prints A4 whole: its edges and two diagonals, as PDF (ISO 32000-1)."""

from __future__ import annotations

WIDTH_PT, HEIGHT_PT, MARGIN_PT = 595, 842, 18


def a4_page() -> bytes:
    """One A4 page without any text."""
    left, right, low, high = MARGIN_PT, WIDTH_PT - MARGIN_PT, MARGIN_PT, HEIGHT_PT - MARGIN_PT
    frame = f"{left} {low} {right - left} {high - low} re S"
    drawing = f"1 w {frame} {left} {low} m {right} {high} l S {left} {high} m {right} {low} l S".encode()
    objects = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 {WIDTH_PT} {HEIGHT_PT}] /Contents 4 0 R >>".encode(),
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(drawing), drawing),
    )
    return _document(objects)


def _document(objects: tuple[bytes, ...]) -> bytes:
    out, places = bytearray(b"%PDF-1.4\n"), []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    start, count = len(out), len(objects) + 1
    out += b"xref\n0 %d\n0000000000 65535 f \n%s" % (count, table)
    return bytes(out) + b"trailer\n<< /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF\n" % (count, start)
