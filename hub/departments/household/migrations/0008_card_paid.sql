-- The day on which the fee of a card was paid, with the application or when it is collected.
alter table id_case add column paid_on date;
