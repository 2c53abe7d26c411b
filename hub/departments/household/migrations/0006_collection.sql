-- Cases by which somebody collects a card that is made: it is theirs when it is in their hand, not when they sign.
create table collection (
    case_key uuid primary key,
    id_number text not null
);
