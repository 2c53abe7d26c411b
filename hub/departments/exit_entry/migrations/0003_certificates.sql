-- Whose journeys were to be certified, for what; and each paper as it was sealed.
create table journeys_case (
    case_key uuid primary key,
    id_number text not null,
    name text not null,
    purpose text not null
);
create index journeys_case_of_person on journeys_case (id_number);
create table certificate (
    case_key uuid primary key,
    id_number text not null,
    service text not null,
    number text unique not null,
    code text not null,
    issued_on date not null,
    pdf bytea not null
);
