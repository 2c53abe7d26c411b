-- The register of residents and what hangs on it. `fingerprints`: taken when the last card was issued.
create table resident (
    id_number text primary key,
    name text not null,
    birth date not null,
    household_number text not null,
    household_kind text not null,
    household_role text not null,
    address text not null,
    address_kind text not null,
    is_local boolean not null,
    is_registered boolean not null,
    numbers_held integer not null,
    name_can_be_written boolean not null,
    fingerprints boolean not null,
    book_state text not null
);
create index resident_by_name on resident (name);

create table id_card (
    id_number text primary key,
    times_issued integer not null,
    state text not null,
    issued_on date,
    valid_to date
);

-- One row for each card that was applied for; `state`: in_work, ready (in the locker), collected.
create table id_case (
    case_key uuid primary key,
    id_number text not null,
    reason text not null,
    state text not null,
    applied_on date not null,
    valid_to date
);
create index id_case_of_person on id_case (id_number);

create table temporary_card (
    case_key uuid primary key,
    id_number text not null,
    issued_on date not null,
    valid_to date not null
);

create table residence (
    id_number text primary key,
    address text not null,
    since date not null,
    state text not null
);

create table standard_address (
    address text primary key
);

-- What the register of offences answers: clear, record, sealed (an offence before 18 with at most five years, which
-- nobody is told of: 刑事诉讼法 art. 286), conflict (two people with these data, or an incomplete record).
create table offences_answer (
    id_number text primary key,
    answer text not null
);

-- Filed ahead of a visit to the office, which decides there.
create table visit_booked (
    case_key uuid primary key,
    id_number text not null,
    answers jsonb not null
);

-- `state`: issued, notice (不予出具通知书, told at the counter only), investigated (the clock stands since `stopped_on`),
-- withdrawn. `code` is on the paper, beside the number.
create table certificate (
    case_key uuid primary key,
    id_number text not null,
    kind text not null,
    state text not null,
    number text unique,
    code text,
    issued_on date not null,
    stopped_on date,
    pdf bytea
);
