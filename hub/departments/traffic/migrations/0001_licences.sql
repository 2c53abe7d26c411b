create table licence (
    id_number text primary key,
    birth text not null,
    class text not null,
    state text not null,
    expires_on date not null,
    points integer not null,
    violations_unsettled integer not null,
    medical_on date,
    ability_test_passed boolean not null
);
