-- The number of events in the ledger.
SELECT count(*) FROM event_seen;
