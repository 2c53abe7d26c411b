create table document (
    number text primary key,
    id_number text not null,
    kind text not null,
    expires_on date not null,
    state text not null,
    endorsements jsonb not null
);
create index document_of_person on document (id_number);
