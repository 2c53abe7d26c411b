-- Cases by which somebody collects the document of another one: it is theirs when it is in their hand.
create table collection (
    case_key uuid primary key,
    ordered uuid not null
);
