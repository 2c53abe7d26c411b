"""Exit and entry 出入境: travel documents and their endorsements."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date

import msgspec
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from hub.department import Department, Facts, Person
from kiosk.catalogue.rules import elements
from kiosk.messages.masking import mask_document_number
from kiosk.messages.questions import Document, Endorsement


class ExitEntry(Department):
    """Holds any number of documents per person, each with its endorsements."""

    key = "exit_entry"

    async def facts(self, conn: AsyncConnection, id_number: str, today: date) -> Facts:
        documents = await self.documents(conn, id_number)
        facts: Facts = {"documents_held": len(documents)}
        if usable := _usable(documents, today):
            facts["trips_left"] = sum(each.remaining for each in usable)
            facts["valid_until"] = min(each.valid_until for each in usable).isoformat()
        return facts

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


def _usable(documents: list[Document], today: date) -> list[Endorsement]:
    return [
        endorsement
        for document in documents
        if elements(document.state) == ["valid"]
        for endorsement in document.endorsements
        # An unlimited one (-1) has no trips to count.
        if endorsement.remaining > 0 and endorsement.valid_until >= today
    ]


DEPARTMENT = ExitEntry()
