-- What the hub does in one statement. Made anew at every start, so that code and functions are of one version.

-- Takes in an envelope with its effect; false, and nothing is done, if another is held under its key or number, or if
-- its paper copy is no longer what the caller saw (known_paper), or a parcel was collected meanwhile. The lock is that of
-- hub/paper_copies.py. new_task: the work that is queued with it, as procrastinate's own defer_jobs does; null for none.
drop function if exists take_envelope(uuid, bigint, text, bigint, text, text, bytea, text, text, text, timestamptz, bytea,
    boolean, text, jsonb, boolean, smallint, text[]);
create or replace function take_envelope(
    new_key uuid, new_hub_seq bigint, new_kiosk_id text, new_seq bigint, new_kind text, new_case_id text,
    new_header bytea, new_signature text, new_sha256 text, new_prev_sha256 text, new_received_at timestamptz,
    new_receipt bytea, new_by_file boolean, known_paper text, said jsonb, is_new_case boolean,
    new_chain smallint, new_parcels text[], new_task text
) returns boolean language plpgsql as $$
begin
    perform pg_advisory_xact_lock(hashtextextended(new_key::text, 0));
    if (select sha256 from paper_copy where key = new_key) is distinct from known_paper then
        return false;
    end if;
    perform from unclaimed_parcel where sha256 = any(new_parcels) for update;
    if (select count(*) from parcel where complete and sha256 = any(new_parcels))
            < (select count(distinct named) from unnest(new_parcels) named) then
        return false;
    end if;
    insert into envelope (key, hub_seq, kiosk_id, seq, kind, case_id, header, signature, sha256, prev_sha256,
            received_at, receipt, by_file, chain)
        values (new_key, new_hub_seq, new_kiosk_id, new_seq, new_kind, new_case_id, new_header, new_signature,
            new_sha256, new_prev_sha256, new_received_at, new_receipt, new_by_file, new_chain)
        on conflict do nothing;
    if not found then
        return false;
    end if;
    delete from unclaimed_parcel where sha256 = any(new_parcels);
    insert into event (at, actor, kind, envelope_key, kiosk_id, data)
        select new_received_at, 'hub', each ->> 'kind', new_key, new_kiosk_id, each - 'kind'
        from jsonb_array_elements(said) with ordinality as row (each, place) order by place;
    if is_new_case then
        insert into case_file (key, state) values (new_key, 'delivered');
    end if;
    if new_task is not null then
        perform procrastinate_defer_jobs_v1(array[row('default', new_task, 0, null, null,
            jsonb_build_object('key', new_key), null)]::procrastinate_job_to_defer_v1[]);
    end if;
    return true;
end
$$;
