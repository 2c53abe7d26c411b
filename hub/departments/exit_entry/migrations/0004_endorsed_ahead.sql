-- Endorsements that were granted with a first permit: they are on it when it is taken.
create table endorsed_ahead (
    case_key uuid primary key,
    permit_case uuid not null,
    granted jsonb not null
);
create index endorsed_ahead_of_permit on endorsed_ahead (permit_case);
