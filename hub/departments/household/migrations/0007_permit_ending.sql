-- The permits that cases end; one that rests on another case ends when that is decided.
create table permit_ending (
    case_key uuid primary key,
    id_number text not null
);
