create table residence_permit (
    id_number text primary key,
    number text not null,
    state text not null,
    valid_to date not null,
    still_resident boolean not null,
    address text not null
);
