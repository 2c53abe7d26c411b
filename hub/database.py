"""The connection pool and the tables."""

from __future__ import annotations

from collections.abc import Mapping
from importlib import resources
from typing import Any

import psycopg
from procrastinate.schema import SchemaManager
from psycopg import AsyncConnection, OperationalError
from psycopg.pq import TransactionStatus
from psycopg_pool import AsyncConnectionPool

from hub.department import Department
from hub.department_tables import bring_up
from hub.departments import departments

# What a later version adds to hub/schema.sql, in order; a database of any earlier version is brought up at the start.
MIGRATIONS = (
    "alter table kiosk alter public_key drop not null; alter table kiosk add gm_public_key text",
    # A machine that is replaced after a fire enrols anew; the paper of before is signed with its former key.
    # A case is at the hub by its envelope, by its paper copy (sha256: of the envelope it is a copy of), or by both.
    """create table kiosk_key (
           kiosk_id text not null references kiosk,
           suite text not null,
           public_key text not null,
           since timestamptz not null,
           primary key (kiosk_id, public_key)
       );
       insert into kiosk_key
           select kiosk_id, 'std', public_key, enrolled_at from kiosk where public_key is not null
           union all select kiosk_id, 'gm', gm_public_key, enrolled_at from kiosk where gm_public_key is not null;
       create table paper_copy (
           key uuid primary key,
           kiosk_id text not null references kiosk,
           seq bigint not null,
           sha256 text not null,
           paper bytea not null,
           read_at timestamptz not null
       );
       alter table case_file drop constraint case_file_key_fkey""",
    # A batch file is late by nature. sent_to: the machine said at sent_at that up to here nothing waits there any more.
    # whole_to: the hub knows every number up to here. gap_alarm: the alarms that are open. held_envelope: what
    # contradicts an envelope that was here first, as evidence.
    """alter table envelope add by_file boolean not null default false;
       alter table kiosk add sent_to bigint not null default 0, add sent_at timestamptz,
           add whole_to bigint not null default 0;
       create table gap_alarm (
           kiosk_id text not null references kiosk,
           first bigint not null,
           last bigint not null,
           since timestamptz not null,
           primary key (kiosk_id, first)
       );
       create table held_envelope (
           sha256 text primary key,
           kiosk_id text not null references kiosk,
           seq bigint not null,
           key uuid not null,
           header bytea not null,
           signature text not null,
           field text not null,
           held_at timestamptz not null
       );
       create index chain_break on event (kiosk_id) where kind = 'chain_broken'""",
    # The four digits that stand for a machine in its receipt numbers: until now each machine took those of its name,
    # and two could have the same. Whoever enrolled first keeps them. A code is made for one machine.
    """alter table kiosk add number smallint unique check (number between 0 and 9999);
       alter table enrolment_code add bound_to text;
       create function give_machine_number(machine text) returns smallint language sql as $$
           update kiosk set number = coalesce(number, (
               select n from generate_series(0, 9999) n
               where not exists (select from kiosk other where other.number = n)
               order by n = coalesce(nullif(right(regexp_replace(machine, '[^0-9]', '', 'g'), 4), ''), '-1')::int desc,
                   n = 0, n
               limit 1))
           where kiosk_id = machine returning number
       $$;
       do $$
       declare machine record;
       begin
           for machine in select kiosk_id from kiosk order by enrolled_at, kiosk_id loop
               perform give_machine_number(machine.kiosk_id);
           end loop;
       end $$""",
    "create index complaint_by_number on complaint (complaint_number)",
    # A new store (a replaced disk) begins a chain of its own at 1. Until now its envelopes contradicted those of the
    # store before it. What is here belongs to the key that was the machine's when it came.
    """drop function if exists take_envelope;
       alter table kiosk add chain smallint not null default 1;
       alter table kiosk_key add chain smallint not null default 1;
       alter table envelope add chain smallint not null default 1, drop constraint envelope_kiosk_id_seq_key;
       alter table paper_copy add chain smallint not null default 1;
       alter table held_envelope add chain smallint not null default 1;
       alter table gap_alarm add chain smallint not null default 1, drop constraint gap_alarm_pkey,
           add primary key (kiosk_id, chain, first);
       create table kiosk_chain (
           kiosk_id text not null references kiosk on delete cascade,
           chain smallint not null,
           receipts_behind integer not null default 0,
           sent_to bigint not null default 0,
           sent_at timestamptz,
           whole_to bigint not null default 0,
           primary key (kiosk_id, chain)
       );
       update kiosk_key set chain = store from (
           select kiosk_id, public_key, row_number() over (partition by kiosk_id, suite order by since) as store
           from kiosk_key) counted
           where (kiosk_key.kiosk_id, kiosk_key.public_key) = (counted.kiosk_id, counted.public_key);
       update kiosk set chain = store from (select kiosk_id, max(chain) as store from kiosk_key group by 1) latest
           where kiosk.kiosk_id = latest.kiosk_id;
       update envelope set chain = coalesce((
           select max(chain) from kiosk_key where kiosk_id = envelope.kiosk_id and since <= received_at), 1)
           where kiosk_id in (select kiosk_id from kiosk where chain > 1);
       alter table envelope add unique (kiosk_id, chain, seq);
       insert into kiosk_chain (kiosk_id, chain) select kiosk_id, generate_series(1, chain) from kiosk;
       update kiosk_chain set sent_to = kiosk.sent_to, sent_at = kiosk.sent_at,
           whole_to = case when kiosk.chain > 1 then 0 else kiosk.whole_to end
           from kiosk where (kiosk_chain.kiosk_id, kiosk_chain.chain) = (kiosk.kiosk_id, kiosk.chain);
       alter table kiosk drop sent_to, drop sent_at, drop whole_to""",
    # The newest form of request signatures that each key was seen to use: an older one is refused from then on.
    "alter table kiosk_key add form smallint not null default 1",
    # An upload is its machine's own. unclaimed_parcel: whole, and named by no envelope yet; it goes after a day. What
    # has come whole before is left as it is; what had not begins again.
    """drop function if exists take_envelope;
       delete from parcel where not complete;
       create table upload (
           kiosk_id text not null references kiosk on delete cascade,
           sha256 text not null,
           total bigint not null,
           received bigint not null default 0,
           at timestamptz not null default now(),
           primary key (kiosk_id, sha256)
       );
       create table upload_chunk (
           kiosk_id text not null,
           sha256 text not null,
           start bigint not null,
           content bytea not null,
           primary key (kiosk_id, sha256, start),
           foreign key (kiosk_id, sha256) references upload on delete cascade
       );
       alter table upload_chunk alter column content set storage external;
       create table unclaimed_parcel (
           sha256 text primary key references parcel on delete cascade,
           kiosk_id text not null references kiosk on delete cascade,
           bytes bigint not null,
           at timestamptz not null default now()
       );
       create index unclaimed_parcel_of on unclaimed_parcel (kiosk_id)""",
    # Receipt numbers can be guessed: what opens a case besides the card is a code on its slip, kept as a keyed digest.
    """alter table case_file add slip_ref text;
       alter table complaint add slip_ref text;
       alter table rating add person_ref text, add slip_ref text;
       create index rating_by_number on rating (receipt_number);
       create table slip_try (
           id bigint generated always as identity primary key,
           kiosk_id text not null,
           receipt_number text not null,
           with_code boolean not null,
           at timestamptz not null
       );
       create index slip_try_of_machine on slip_try (kiosk_id, at);
       create index slip_try_of_case on slip_try (receipt_number, at);
       create index slip_try_by_age on slip_try (at)""",
    # A key ends: by itself (valid_to), because another store took the machine's place, or by a supervisor's word. Until
    # now what a replaced store had signed stayed good for ever. Codes have a name by which wrong ones are slowed.
    """alter table kiosk_key add valid_to timestamptz, add ended text check (ended in ('replaced', 'revoked'));
       update kiosk_key own set ended = 'replaced', valid_to = (
           select min(since) from kiosk_key later
           where later.kiosk_id = own.kiosk_id and later.chain <> own.chain and later.since > own.since)
           from kiosk where kiosk.kiosk_id = own.kiosk_id and own.chain <> kiosk.chain;
       update kiosk_key set valid_to = now() where ended is not null and valid_to is null;
       update kiosk set gm_public_key = null where gm_public_key in (
           select public_key from kiosk_key own where own.kiosk_id = kiosk.kiosk_id and ended is not null);
       update kiosk set public_key = null where public_key in (
           select public_key from kiosk_key own where own.kiosk_id = kiosk.kiosk_id and ended is not null);
       alter table enrolment_code add name text, add replaces boolean not null default false, add valid_days integer;
       create index open_code_by_name on enrolment_code (name) where used_at is null;
       create unlogged table wrong_code (
           address text not null,
           name text not null,
           tries integer not null,
           since timestamptz not null,
           last_at timestamptz not null,
           primary key (address, name)
       )""",
    # Heads of audit chains, each as it came first.
    """create table audit_head (
           kiosk_id text not null references kiosk on delete cascade,
           chain smallint not null,
           entries bigint not null,
           sha256 text not null,
           at timestamptz not null,
           primary key (kiosk_id, chain, entries)
       );
       alter table kiosk_chain add audit_trouble text, add audit_trouble_at timestamptz""",
    # Who asked about whom: person_ref is an HMAC, its key is not here. question_alarm: when each was raised last.
    """create table question (
           id bigint generated always as identity primary key,
           at timestamptz not null,
           kiosk_id text not null,
           visit text not null,
           kind text not null,
           person_ref text not null,
           refused boolean not null
       );
       create index question_of_machine on question (kiosk_id, at);
       create index question_about_person on question (person_ref, at);
       create index question_by_time on question using brin (at);
       create table question_alarm (
           kiosk_id text not null,
           kind text not null,
           at timestamptz not null,
           primary key (kiosk_id, kind)
       )""",
    # The id of the hub's key by which each machine checks what the hub says.
    "alter table kiosk add hub_key text",
    # Which departments have the records of a demonstration's people: one that comes later has none yet.
    """insert into setting select 'people_' || department, 'true'
           from setting, unnest(array['traffic', 'household', 'exit_entry']) as department where name = 'people'""",
    # What the hub judges by is published to it; until now it was what came with the program.
    """create table published_catalogue (
           id bigint generated always as identity primary key,
           version text not null,
           files jsonb not null,
           instead_of text not null,
           published_at timestamptz not null,
           published_by text not null
       )""",
    # How the promised date was counted: an unpublished year has no holidays that anybody knows.
    "alter table case_file add promised_by text not null default ''",
    # Money: an order pays for all items of a visit; what no rule settles is a person's task.
    """create table payment (
           order_no text primary key,
           kiosk_id text not null references kiosk,
           person_ref text not null,
           amount_fen bigint not null check (amount_fen > 0),
           state text not null check (state in ('unpaid', 'paid', 'closed')),
           pay_url text not null default '',
           made_at timestamptz not null,
           closes_at timestamptz not null,
           trade_no text unique,
           paid_at timestamptz,
           ended_at timestamptz,
           taken_up text unique,
           check ((state = 'paid') = (trade_no is not null and paid_at is not null))
       );
       create index open_payment on payment (made_at) where ended_at is null or state = 'unpaid';
       create index payment_by_day on payment (paid_at) where paid_at is not null;
       create table payment_item (
           order_no text not null references payment,
           place smallint not null,
           case_id uuid not null,
           service text not null,
           amount_fen bigint not null check (amount_fen > 0),
           state text not null check (state in ('unpaid', 'paid', 'produced', 'refund_due', 'refunded')),
           filed boolean not null default false,
           reason text not null default '',
           primary key (order_no, place),
           unique (order_no, case_id)
       );
       create index payment_of_case on payment_item (case_id);
       create table refund (
           refund_no text primary key,
           order_no text not null references payment,
           case_id uuid not null,
           amount_fen bigint not null check (amount_fen > 0),
           reason text not null,
           due_at timestamptz not null,
           tries integer not null default 0,
           error text not null default '',
           done_at timestamptz
       );
       create index refund_waiting on refund (due_at) where done_at is null;
       create table payment_task (
           id bigint generated always as identity primary key,
           order_no text not null,
           what text not null,
           detail text not null,
           since timestamptz not null,
           done_at timestamptz,
           done_by text
       );
       create unique index open_payment_task on payment_task (order_no, what) where done_at is null""",
    # Who receives a certificate on paper asks whether it is real: code_ref as with a slip's code.
    """create table certificate (
           number text primary key,
           code_ref text not null,
           department text not null,
           service text not null,
           case_key uuid not null,
           masked_name text not null,
           issued_on date not null
       )""",
    # The order inside a bundle: a case is decided after those that it rests on.
    """alter table case_file add bundle text, add rests_on uuid[] not null default '{}';
       create index case_of_bundle on case_file (bundle) where bundle is not null""",
    # Appointments at the counters: one row for each place of a time, so that none is given twice.
    """create table appointment (
           key uuid primary key,
           person_ref text not null,
           service text not null,
           counter text not null,
           begins_at timestamptz not null,
           ends_at timestamptz not null,
           place smallint not null,
           ticket text not null,
           state text not null check (state in ('held', 'kept', 'cancelled', 'moved')),
           held_until timestamptz not null
       );
       create unique index one_place_at_a_time on appointment (counter, begins_at, place)
           where state in ('held', 'kept');
       create index appointment_of_person on appointment (person_ref, service, counter)""",
    # What is posted. The address stays sealed in its envelope and is opened for the label; here it is masked.
    """create table delivery (
           key uuid primary key references envelope,
           case_key uuid not null,
           person_ref text not null,
           masked text not null,
           state text not null check (state in ('waiting', 'sent', 'replaced')),
           tracking text not null default '',
           at timestamptz not null
       );
       create index delivery_of_case on delivery (case_key);
       create unique index one_delivery_of_a_case on delivery (case_key, person_ref) where state <> 'replaced'""",
    # Codes that prove a telephone number. Number, person and code are keyed digests.
    """create table phone_code (
           id uuid primary key,
           kiosk_id text not null,
           person_ref text not null,
           phone_ref text not null,
           code_ref text not null,
           at timestamptz not null,
           tries smallint not null default 0,
           proved_at timestamptz
       );
       create index phone_code_of_phone on phone_code (phone_ref, at);
       create index phone_code_of_machine on phone_code (kiosk_id, at)""",
    # What a department asked for, and a person brought: refused says why it did not go into the case.
    """create table supplement (
           key uuid primary key references envelope,
           case_key uuid,
           receipt_number text not null,
           refused text not null default ''
       )""",
    # A service that waits for a late result, under its person.
    """create table parked (
           person_ref text not null,
           service text not null,
           checks text[] not null,
           until date not null,
           primary key (person_ref, service)
       )""",
    # What a person has said of a service that could not be finished: sealed, until midnight, taken up once; and the
    # address by which a phone sees it once. Person and address are keyed digests.
    """create table handover (
           person_ref text not null,
           service text not null,
           sealed bytea not null,
           until timestamptz not null,
           primary key (person_ref, service)
       );
       create table phone_link (
           link_ref text primary key,
           person_ref text not null,
           service text not null,
           until timestamptz not null,
           unique (person_ref, service)
       )""",
    # What lies behind which door of which machine, filled by staff's word; `state`: filled, in_doubt (staff looks).
    """create table locker (
           kiosk_id text not null,
           lock smallint not null check (lock between 1 and 24),
           case_key uuid not null unique,
           person_ref text not null,
           department text not null,
           state text not null,
           filled_at timestamptz not null,
           filled_by text not null,
           primary key (kiosk_id, lock)
       );
       create index locker_of_person on locker (person_ref)""",
    # The services of a bundle that is half done, and the code that leads to it at another machine, which ends with it.
    """alter table handover add column parts text[] not null default '{}';
       create table resume_code (
           code_ref text primary key,
           person_ref text not null,
           service text not null,
           unique (person_ref, service),
           foreign key (person_ref, service) references handover on delete cascade
       )""",
    # When the hub next closes an order that nobody ended (null: when it can no longer be paid), and how often it tried.
    """alter table payment add close_due_at timestamptz, add close_tries integer not null default 0;
       create index payment_to_close on payment ((coalesce(close_due_at, closes_at))) where state = 'unpaid'""",
    # When a key that was revoked had been to end by itself: it does when it is given back.
    "alter table kiosk_key add planned_to timestamptz",
    # What was only looked at is rated too, and has no number: each of those ratings counts for itself.
    """drop index one_rating_of_a_case;
       create unique index one_rating_of_a_case on rating (receipt_number) where refused = '' and receipt_number <> '';
       update rating set refused = '' where receipt_number = '' and refused in ('waiting', 'already_rated')""",
    # Several cases can have one number: a rating is that of a case. Null: of none that was here when it was judged
    # last; those of before have theirs when their number is judged again.
    """alter table rating add case_key uuid;
       drop index one_rating_of_a_case;
       create unique index one_rating_of_a_case on rating (case_key) where refused = '' and case_key is not null;
       create unique index one_rating_of_a_number on rating (receipt_number)
           where refused = '' and case_key is null and receipt_number <> ''""",
    # How much each machine has looked up since an hour began.
    """create table lookup (
           kiosk_id text not null,
           kind text not null,
           since timestamptz not null,
           asked integer not null,
           primary key (kiosk_id, kind)
       )""",
)
SCHEMA_VERSION = 1 + len(MIGRATIONS)
_ONE_AT_A_TIME = 0x544F4E47


RECONNECT_S = 4.0
"""A pool waits twice as long after each attempt that failed, for minutes; given up so soon it begins with a second."""


ANSWER_S = 20.0
"""A server that says nothing for so long is frozen, or its computer: no statement here takes a tenth of it."""
_CONNECT_S = 5


class _Bounded(AsyncConnection):
    """One that waits for no answer without end; afterwards it is closed, and the pool makes another."""

    async def wait(self, gen: Any, *how: Any, **said: Any) -> Any:
        """See ``AsyncConnection``. Raises OperationalError. The server's own limits end nothing while it is frozen."""
        try:
            return await super().wait(gen, *how, **{"timeout": ANSWER_S, **said})
        except OperationalError:
            if self.pgconn.transaction_status == TransactionStatus.ACTIVE:
                self.pgconn.finish()
            raise


def open_pool(dsn: str, max_size: int = 12) -> AsyncConnectionPool:
    """A pool that is opened by its user (``async with``); a connection is handed out in autocommit mode."""
    return AsyncConnectionPool(
        dsn,
        connection_class=_Bounded,
        min_size=2,
        max_size=max_size,
        open=False,
        kwargs={"autocommit": True, "connect_timeout": _CONNECT_S},
        check=None,
        timeout=10,
        reconnect_timeout=RECONNECT_S,
    )


def prepare(dsn: str, known: Mapping[str, Department] | None = None) -> None:
    """Creates or brings up to date the tables of the hub, its work queue and its departments; safe to call at once.

    ``known``: the departments, by default all that are here. Raises psycopg.Error, WrongDepartment.
    """
    with psycopg.connect(dsn) as conn:
        conn.execute("select pg_advisory_xact_lock(%s)", [_ONE_AT_A_TIME])
        conn.execute("create table if not exists schema_version (version integer not null)")
        row = conn.execute("select version from schema_version").fetchone()
        if row is None:
            _run(conn, (resources.files("hub") / "schema.sql").read_text("utf-8"))
            _run(conn, SchemaManager.get_schema())
            conn.execute("insert into schema_version values (1)")
        for migration in MIGRATIONS[(row[0] if row else 1) - 1 :]:
            _run(conn, migration)
        for department in (departments() if known is None else known).values():
            bring_up(conn, department)
        _run(conn, (resources.files("hub") / "functions.sql").read_text("utf-8"))
        conn.execute("update schema_version set version = greatest(version, %s)", [SCHEMA_VERSION])


def _run(conn: psycopg.Connection, script: str) -> None:
    conn.execute(script.encode())
