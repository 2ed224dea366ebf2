ALTER TABLE reward_outbox RESET (autovacuum_vacuum_insert_scale_factor);
