-- How often in a row a job was broken off for taking too long, and got no further.
alter table "job" add column "stalls" integer not null default 0;
