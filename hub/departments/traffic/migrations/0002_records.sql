-- What was counted in licence.violations_unsettled before there was a list of violations stays counted.
alter table licence
    add file_number text not null default '',
    add issued_on date,
    add copies integer not null default 0,
    add phone text not null default '',
    add moved_out boolean not null default false,
    add medical_due_on date,
    add postponed_to date,
    add photo_on date;
create table medical (
    id_number text not null,
    taken_on date not null,
    submitted_on date,
    primary key (id_number, taken_on)
);
create table ability_test (
    id_number text not null,
    taken_on date not null,
    score integer not null,
    primary key (id_number, taken_on, score)
);
create table full_point_study (
    id_number text not null,
    passed_on date not null,
    primary key (id_number, passed_on)
);
create table learner (
    id_number text primary key,
    class text not null,
    valid_to date not null,
    subject integer not null
);
create table booking (
    key uuid primary key,
    id_number text not null,
    what text not null,
    booked_on date not null,
    state text not null default 'booked'
);
create index booking_of on booking (id_number);

-- A car that is not registered yet has no plate. state: normal, sealed, mortgaged, scrapped, stolen or recalled.
create table vehicle (
    vin text primary key,
    plate text unique,
    owner text not null,
    kind text not null,
    used text not null,
    seats integer not null,
    state text not null,
    registered_on date,
    inspection_due_on date,
    inspected_on date,
    label_to date,
    insured_to date,
    tax_paid boolean not null,
    is_barred boolean not null,
    phone text not null default '',
    copies integer not null default 0
);
create index vehicle_owner on vehicle (owner);
create table recorded_vehicle (
    id_number text not null,
    plate text not null,
    recorded_on date not null,
    primary key (id_number, plate)
);
create index recorded_plate on recorded_vehicle (plate);
create table temporary_plate (
    number text primary key,
    vin text not null,
    issued_on date not null,
    valid_to date not null
);
create index temporary_plate_of on temporary_plate (vin);

-- Local time, as the record has it. source: who took the picture (traffic, city, airport, railway). penalty: warning or
-- fine. driver: who has answered for it. paid_on and decision_number come in their order.
create table violation (
    number text primary key,
    plate text not null,
    at timestamp not null,
    place text not null,
    act text not null,
    article text not null,
    is_off_site boolean not null,
    source text not null,
    over_speed_percent integer not null default 0,
    fine_fen integer not null,
    points integer not null,
    driver text,
    decision_number text unique,
    decided_on date,
    paid_on date,
    pays_by uuid
);
create index violation_plate on violation (plate);
create index violation_driver on violation (driver);
create table accident (
    number text primary key,
    id_number text not null,
    plate text,
    happened_on date not null,
    is_settled boolean not null
);
create index accident_of on accident (id_number);
create index accident_plate on accident (plate);
-- 决定书编号: fifteen digits, those of the reference system begin with its division.
create sequence decision_number;
create sequence temporary_plate_number;
