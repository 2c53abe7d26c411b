-- What was asked of the register of offences, and what came of it: clear (a certificate), notice (told at the counter
-- only), investigated (two people with these data; the clock stands since `stopped_on`).
drop table certificate;
create table offences_case (
    case_key uuid primary key,
    id_number text not null,
    purpose text not null,
    state text not null,
    stopped_on date
);
create table household_case (
    case_key uuid primary key,
    id_number text not null,
    kind text not null
);
create table certificate (
    case_key uuid primary key,
    id_number text not null,
    service text not null,
    number text unique not null,
    code text not null,
    issued_on date not null,
    pdf bytea not null
);

-- Entries of the register that a certificate may tell: changed (an item before and after), cancelled (a registration
-- that ended), kinship (`item` the relation, `after` the relative).
create table register_entry (
    id_number text not null,
    kind text not null,
    item text not null,
    before text not null,
    after text not null,
    entered_on date not null
);
create index register_entry_of_person on register_entry (id_number);
