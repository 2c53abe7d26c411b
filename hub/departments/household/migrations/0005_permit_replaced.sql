-- When the permit was made anew after it was lost or damaged.
alter table residence_permit add column replaced_on date;
