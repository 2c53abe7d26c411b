-- What the last card of a person said and showed, by which who has lost it is recognised.
create table last_card (
    id_number text primary key,
    card jsonb not null,
    picture bytea not null
);
