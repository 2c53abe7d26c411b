"""Exit and entry 出入境: travel documents and their endorsements (E13)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub.department import Department, Facts, Person
from kiosk.catalogue.model import Service
from kiosk.catalogue.rules import elements
from kiosk.messages.masking import mask_document_number
from kiosk.messages.questions import Document, DueFact, Endorsement


class ExitEntry(Department):
    """Holds any number of documents per person, each with its endorsements."""

    line = "exit_entry"
    tables = """
        create table document (
            number text primary key, id_number text not null, kind text not null, expires_on date not null,
            state text not null, endorsements jsonb not null);
        create index document_of_person on document (id_number);
    """

    async def seed(self, conn: AsyncConnection, people: Iterable[Person]) -> None:
        for person in people:
            for document in person.get("records", {}).get("documents", []):
                endorsements = msgspec.to_builtins(document.get("endorsements", []))
                await conn.execute("delete from exit_entry.document where number = %s", [document["number"]])
                await conn.execute(
                    "insert into exit_entry.document values (%s, %s, %s, %s, %s, %s)",
                    [
                        *(document["number"], person["card"]["number"], document["kind"], document["expires_on"]),
                        *(document["state"], Jsonb(endorsements)),
                    ],
                )

    async def facts(self, conn: AsyncConnection, service: str, id_number: str, today: date) -> Facts:
        documents = await self.documents(conn, id_number)
        return {"documents_held": len(documents)}

    async def due(
        self, conn: AsyncConnection, services: Iterable[Service], id_number: str, today: date
    ) -> list[DueFact]:
        usable = [
            endorsement
            for document in await self.documents(conn, id_number)
            if elements(document.state) == ["valid"]
            for endorsement in document.endorsements
            # An unlimited one (-1) has no trips to count.
            if endorsement.remaining > 0 and endorsement.valid_until >= today
        ]
        if not usable:
            return []
        first = min(usable, key=lambda endorsement: endorsement.valid_until)
        facts = {"trips_left": str(sum(e.remaining for e in usable)), "valid_until": first.valid_until.isoformat()}
        return [DueFact(service.key, facts, first.valid_until) for service in services if service.due]

    async def documents(self, conn: AsyncConnection, id_number: str) -> list[Document]:
        rows = await conn.execute(
            "select kind, number, expires_on, state, endorsements from exit_entry.document "
            "where id_number = %s order by expires_on desc",
            [id_number],
        )
        return [
            Document(
                kind, mask_document_number(number), expires, state, msgspec.convert(endorsements, list[Endorsement])
            )
            for kind, number, expires, state, endorsements in await rows.fetchall()
        ]


DEPARTMENT = ExitEntry()
