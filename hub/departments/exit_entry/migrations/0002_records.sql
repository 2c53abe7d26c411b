alter table document add chip boolean not null default true, add pages_left integer;

-- household: where the person is registered, seen from here; city_right: endorsements that only some cities give.
create table person (
    id_number text primary key,
    household text check (household in ('home', 'province', 'other_province')),
    open_city boolean not null default false,
    city_right text not null default 'none',
    endorsed_here boolean not null default false,
    identity_changed boolean not null default false,
    fingerprints_taken boolean not null default true
);

-- official, military: until the unit has agreed; exit: not to leave, or not to be given a document.
create table bar (
    id_number text not null,
    kind text not null check (kind in ('official', 'military', 'exit')),
    agreed boolean not null default false,
    primary key (id_number, kind)
);

create table firm (
    code text primary key,
    name text not null,
    recorded_to date not null
);

create table firm_member (
    id_number text not null,
    code text not null references firm on delete cascade,
    primary key (id_number, code)
);

create table border_record (
    id bigint generated always as identity primary key,
    id_number text not null,
    at timestamptz not null,
    direction text not null check (direction in ('out', 'in')),
    port text not null,
    document_number text not null
);
create index border_record_of_person on border_record (id_number, at);

-- One thing that was applied for: a document, or endorsements (granted) of the document that is there.
create table ordered (
    case_key uuid primary key,
    id_number text not null,
    kind text not null,
    granted jsonb not null default '[]',
    fee_fen integer not null default 0,
    paid_on date,
    state text not null check (state in ('in_review', 'ready', 'done')),
    ordered_on date not null
);
create index ordered_by_person on ordered (id_number);

create table photo_receipt (
    code text primary key,
    case_key uuid not null unique,
    id_number text not null,
    good_until date not null
);

create sequence document_number start 500001;
