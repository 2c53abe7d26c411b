-- The hub's own tables. Each department keeps its own schema, see hub/departments/.

create table kiosk (
    kiosk_id text primary key,
    public_key text not null,
    enrolled_at timestamptz not null,
    seen_at timestamptz,
    heartbeat jsonb
);

create table enrolment_code (
    code_sha256 text primary key,
    made_at timestamptz not null,
    used_at timestamptz,
    kiosk_id text
);

-- Unlogged: after a crash of the database a replay inside the time window meets idempotent calls only.
create unlogged table nonce (
    kiosk_id text not null,
    nonce text not null,
    time_s bigint not null,
    primary key (kiosk_id, nonce)
);

create table parcel (
    sha256 text primary key,
    total bigint not null,
    received bigint not null default 0,
    complete boolean not null default false
);

create table parcel_chunk (
    sha256 text not null references parcel on delete cascade,
    start bigint not null,
    content bytea not null,
    primary key (sha256, start)
);
alter table parcel_chunk alter column content set storage external; -- sealed bytes do not compress

create sequence hub_seq;

create table envelope (
    key uuid primary key,
    hub_seq bigint not null unique,
    kiosk_id text not null references kiosk,
    seq bigint not null,
    kind text not null,
    case_id text,
    header bytea not null,
    signature text not null,
    sha256 text not null,
    prev_sha256 text not null,
    received_at timestamptz not null,
    receipt bytea not null,
    unique (kiosk_id, seq)
);

-- What happened, when and by whom. Everything else can be recomputed from it and from the envelopes.
create table event (
    id bigint generated always as identity primary key,
    at timestamptz not null,
    actor text not null,
    kind text not null,
    envelope_key uuid,
    kiosk_id text,
    data jsonb not null default '{}'
);
create index event_of_envelope on event (envelope_key, id);

create function refuse_change() returns trigger language plpgsql as $$
begin
    raise exception 'the event log is append-only';
end
$$;
create trigger event_is_append_only before update or delete or truncate on event
    for each statement execute function refuse_change();

create table case_file (
    key uuid primary key references envelope,
    state text not null,
    service text,
    receipt_number text,
    person_ref text,
    masked_name text,
    promised_on date
);
create index case_by_receipt_number on case_file (receipt_number);
create index case_by_person on case_file (person_ref);

create table rating (
    key uuid primary key references envelope,
    receipt_number text not null,
    service text not null,
    grade smallint not null,
    reasons jsonb not null,
    refused text not null default ''
);
create unique index one_rating_of_a_case on rating (receipt_number) where refused = '';

create table complaint (
    key uuid primary key references envelope,
    complaint_number text not null,
    kind text not null,
    receipt_number text not null,
    anonymous boolean not null,
    contact text,
    words text not null
);

create table command (
    id uuid primary key,
    kiosk_id text not null references kiosk,
    verb text not null,
    arguments jsonb not null,
    made_at timestamptz not null,
    done_at timestamptz
);

create table setting (
    name text primary key,
    value jsonb not null
);
