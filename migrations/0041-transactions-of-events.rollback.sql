ALTER TABLE event_seen DROP COLUMN transaction_id;
