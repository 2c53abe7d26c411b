-- Choosing a plate number: free while vin is null; held for a case until held_until; kept for the car until kept_to.
create table plate_number (
    number text primary key,
    kind text not null,
    vin text,
    case_key uuid,
    held_until timestamptz,
    kept_to date
);
create index plate_number_of on plate_number (vin);
-- The lists that a car has had, in their order.
create table plate_draw (
    vin text not null,
    drawn integer not null,
    numbers text[] not null,
    primary key (vin, drawn)
);
-- How many numbers of each kind were put into the pool so far.
create table plate_release (
    kind text primary key,
    released integer not null
);
alter table vehicle add purchase_tax_paid boolean not null default false;
