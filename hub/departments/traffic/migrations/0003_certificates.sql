-- Sealed records (T17). record_case: what was asked for, until the paper is drawn; certificate: what was issued.
create table record_case (
    case_key uuid primary key,
    id_number text not null,
    kind text not null,
    name text not null
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
