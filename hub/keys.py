"""The hub's keys: to open what machines seal, to sign what the hub says, to name persons without their number.

A pair of a suite can be changed (``hub keys``): the former one stays in ``former/`` to open what still waits and to
sign for the machines that know no other yet. A pair is called by the id of its public signing key.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import secrets
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple, TypeVar

from kiosk.messages.encoding import InvalidMessage, from_text, to_text
from kiosk.messages.ours import read_ours
from kiosk.messages.seal import SealBroken, key_id, new_seal_key, new_sign_key, public_seal_key, public_sign_key
from kiosk.messages.suites import DEFAULT, SUITES

T = TypeVar("T")
_FORMER = "former"
_FILE_BYTES = 4096


class Pair(NamedTuple):
    """The private halves of one generation; ``sign`` is "" when it signs nothing any more (retired)."""

    seal: str
    sign: str
    id: str

    def __repr__(self) -> str:
        return f"Pair({self.id})"


class HubKeys:
    """Private halves stay here; ``seal_key`` and ``verify_key`` go to every machine of the suite.

    ``pairs``: by suite, the present pair last. What other processes change in ``folder`` is seen by ``look_again``.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._read()

    def _read(self) -> None:
        self._seen = _mark(self._folder)
        self.pairs = {suite: _pairs(self._folder, suite) for suite in _suites(self._folder)}
        self._person_secret = from_text(_secret(self._folder / "person.key"))

    def look_again(self) -> bool:
        """Reads the folder anew where it was changed; whether it was. Raises OSError."""
        changed = _mark(self._folder) != self._seen
        if changed:
            self._read()
        return changed

    def present_id(self, suite: str = DEFAULT) -> str:
        """The id of the pair that signs now."""
        return self._of(suite)[-1].id

    @property
    def seals(self) -> Path:
        """The folder of the departments' seals."""
        return self._folder / "seals"

    @property
    def suites(self) -> list[str]:
        """Those that this hub has keys of."""
        return list(self.pairs)

    def open_with(self, suite: str, attempt: Callable[[str], T]) -> T:
        """What ``attempt`` gives with the key that opens it, the present one first. Raises SealBroken."""
        try:
            return self._open_with(suite, attempt)
        except SealBroken:
            # A process that was told of a newer key may have announced it before this one has looked.
            if not self.look_again():
                raise
            return self._open_with(suite, attempt)

    def _open_with(self, suite: str, attempt: Callable[[str], T]) -> T:
        *former, present = self._of(suite)
        for pair in reversed(former):
            try:
                return attempt(present.seal)
            except SealBroken:
                present = pair
        return attempt(present.seal)

    def sign_private(self, suite: str = DEFAULT, known: str = "") -> str:
        """What signs for a machine that checks by the key ``known`` (its id): that, or the present one if it has ended.

        "": a machine that is one version older and names none has the oldest. Raises InvalidMessage without the suite.
        """
        if known and known not in self._signing(suite):
            self.look_again()
        signing = self._signing(suite)
        if not known:
            return next(iter(signing.values()))
        return signing.get(known) or list(signing.values())[-1]

    def _signing(self, suite: str) -> dict[str, str]:
        """Private signing keys by the ids of their pairs, the present one last."""
        return {pair.id: pair.sign for pair in self._of(suite) if pair.sign}

    def stated(self, suite: str, known: str) -> tuple[str, str, str]:
        """Public seal key, public signing key and private signing key that a machine is told to have: the present ones.

        One that names none cannot change: it is told those that it has.
        """
        pair = self._of(suite)[-1] if known else next(pair for pair in self._of(suite) if pair.sign)
        return public_seal_key(pair.seal, suite), public_sign_key(pair.sign, suite), pair.sign

    def former_verify_keys(self, suite: str) -> list[str]:
        """Public signing keys of before by which something may still be signed."""
        return [public_sign_key(pair.sign, suite) for pair in self._of(suite)[:-1] if pair.sign]

    def seal_key(self, suite: str = DEFAULT) -> str:
        return public_seal_key(self._of(suite)[-1].seal, suite)

    def verify_key(self, suite: str = DEFAULT) -> str:
        return public_sign_key(self._of(suite)[-1].sign, suite)

    def public(self) -> dict[str, str]:
        """The public halves by the names under which the hub says them when it is ready."""
        named = {}
        for suite in self.pairs:
            prefix = "" if suite == DEFAULT else f"{suite}_"
            named |= {f"{prefix}seal_key": self.seal_key(suite), f"{prefix}verify_key": self.verify_key(suite)}
        return named

    def _of(self, suite: str) -> list[Pair]:
        try:
            return self.pairs[suite]
        except KeyError:
            raise InvalidMessage("suite", "this hub has no keys of this suite") from None

    def person_ref(self, id_number: str) -> str:
        """A name for a person that only the holder of the keys can make from the number."""
        return hmac.new(self._person_secret, id_number.encode(), hashlib.sha256).hexdigest()

    def slip_ref(self, number: str, code: str) -> str | None:
        """What the hub keeps of a slip's code; None without one. With the tables alone nobody can try codes."""
        slip = f"slip|{number}|{code}"
        return hmac.new(self._person_secret, slip.encode(), hashlib.sha256).hexdigest() if code else None


def load_keys(folder: Path) -> HubKeys:
    """The keys in ``folder``; a further suite without its files is just absent.

    Raises OSError when one is missing, or when others may read or write it.
    """
    return HubKeys(folder)


def _suites(folder: Path) -> list[str]:
    return [suite for suite in SUITES if suite == DEFAULT or _file(folder, suite).exists()]


def _pairs(folder: Path, suite: str) -> list[Pair]:
    """Oldest first: the number before each former pair's name counts them."""
    seal, sign = (_secret(_file(folder, suite, use)) for use in ("seal", "sign"))
    former = [pair for place in _former_places(folder, suite) if (pair := _former(place))]
    return [*former, Pair(seal, sign, key_id(public_sign_key(sign, suite)))]


def _former_places(folder: Path, suite: str) -> list[Path]:
    """Where the former pairs lie, oldest first; not what a kill has left half done, whose name begins with a dot."""
    return sorted((folder / _FORMER).glob(f"[0-9]*-{suite}-*"))


def _former(place: Path) -> Pair | None:
    """None: its seal key is gone already, a kill has kept the folder."""
    seal, sign = (_secret_if_any(place / f"{use}.key") for use in ("seal", "sign"))
    return Pair(seal, sign, place.name.rpartition("-")[2]) if seal else None


def _mark(folder: Path) -> tuple[object, ...]:
    """Changes when a file of a key comes, goes or is replaced."""
    files = sorted([*folder.glob("*.key"), *folder.glob(f"{_FORMER}/*/*.key")])
    return tuple((str(path), (stat := path.stat()).st_mtime_ns, stat.st_ino) for path in files)


def _secret(path: Path) -> str:
    return read_ours(path, _FILE_BYTES, secret=True).decode("ascii", "replace").strip()


def _secret_if_any(path: Path) -> str:
    try:
        return _secret(path)
    except FileNotFoundError:
        return ""


def _file(folder: Path, suite: str, use: str = "seal") -> Path:
    return folder / (f"{use}.key" if suite == DEFAULT else f"{use}_{suite}.key")


def load_or_make_keys(folder: Path) -> HubKeys:
    """The keys in ``folder``, made at the first start and readable by their owner only."""
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    makers = {folder / "person.key": lambda: to_text(secrets.token_bytes(32))}
    for suite in SUITES:
        makers[_file(folder, suite, "seal")] = lambda suite=suite: new_seal_key(suite).private
        makers[_file(folder, suite, "sign")] = lambda suite=suite: new_sign_key(suite).private
    for path, make in makers.items():
        if not path.exists():
            write_secret(path, make())
    return load_keys(folder)


def new_pair(suite: str) -> Pair:
    """A pair that is nobody's yet: ``change`` makes it the present one."""
    sign = new_sign_key(suite)
    return Pair(new_seal_key(suite).private, sign.private, key_id(sign.public))


def change(folder: Path, suite: str, fresh: Pair) -> None:
    """Makes ``fresh`` the present pair; the former stays, also after a kill. Raises OSError, InvalidMessage."""
    pairs = load_keys(folder)._of(suite)
    present = pairs[-1]
    if present not in pairs[:-1]:
        # Behind all that are there: of those before it some may have been destroyed.
        number = 1 + max((int(place.name.partition("-")[0]) for place in _former_places(folder, suite)), default=0)
        place = folder / _FORMER / f"{number:04}-{suite}-{present.id}"
        half_done = place.with_name(f".{place.name}")
        half_done.mkdir(mode=0o700, parents=True, exist_ok=True)
        write_secret(half_done / "seal.key", present.seal)
        write_secret(half_done / "sign.key", present.sign)
        half_done.rename(place)
    write_secret(_file(folder, suite, "seal"), fresh.seal)
    write_secret(_file(folder, suite, "sign"), fresh.sign)


def former_places(folder: Path, pair_id: str) -> list[Path]:
    """Where a former pair lies. Raises KeyError when it is none."""
    places = [place for place in (folder / _FORMER).glob("[0-9]*") if place.name.rpartition("-")[2] == pair_id]
    if not places:
        raise KeyError(pair_id)
    return places


def retire(folder: Path, pair_id: str, *, opens_no_more: bool = False) -> None:
    """A former pair signs nothing any more; with ``opens_no_more`` it is gone. Raises OSError, KeyError."""
    for place in former_places(folder, pair_id):
        (place / "sign.key").unlink(missing_ok=True)
        if opens_no_more:
            shutil.rmtree(place)


def write_secret(path: Path, text: str) -> None:
    """The whole file or none of it, durably, for its owner only."""
    fresh = path.with_name(f".{path.name}.new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="ascii") as file:
        file.write(text + "\n")
        file.flush()
        os.fsync(file.fileno())
    fresh.rename(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
