-- As if all grants were delivered at once.
UPDATE reward_outbox SET state = 'GRANTED', settle_time = create_time
