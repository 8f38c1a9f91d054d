CREATE SCHEMA cn_relay;
CREATE TABLE cn_relay.events (
    event_id TEXT PRIMARY KEY, pubkey TEXT NOT NULL, kind INT NOT NULL, created_at BIGINT NOT NULL, tags JSONB NOT NULL,
    content TEXT NOT NULL, is_deleted BOOLEAN NOT NULL DEFAULT FALSE, is_current BOOLEAN NOT NULL DEFAULT TRUE,
    expires_at BIGINT NULL
);
CREATE TABLE cn_relay.event_topics (event_id TEXT NOT NULL, topic_id TEXT NOT NULL, PRIMARY KEY (event_id, topic_id));
CREATE TABLE cn_relay.events_outbox (
    seq BIGSERIAL PRIMARY KEY, op TEXT NOT NULL, event_id TEXT NOT NULL, topic_id TEXT NOT NULL, kind INT NOT NULL,
    created_at BIGINT NOT NULL, ingested_at TIMESTAMPTZ NOT NULL
);
-- What a service does in one transaction: it changes a post, and says so.
CREATE FUNCTION post(event TEXT, topic TEXT, body TEXT) RETURNS BIGINT LANGUAGE sql AS $$
    INSERT INTO cn_relay.events VALUES (event, 'author', 1, 1700000000, '[["t","x"]]', body)
    ON CONFLICT (event_id) DO UPDATE SET content = excluded.content, is_deleted = FALSE;
    INSERT INTO cn_relay.event_topics VALUES (event, topic) ON CONFLICT DO NOTHING;
    INSERT INTO cn_relay.events_outbox (op, event_id, topic_id, kind, created_at, ingested_at)
    VALUES ('upsert', event, topic, 1, 1700000000, clock_timestamp()) RETURNING seq
$$;
CREATE FUNCTION unpost(event TEXT, topic TEXT) RETURNS BIGINT LANGUAGE sql AS $$
    DELETE FROM cn_relay.event_topics WHERE event_id = event AND topic_id = topic;
    INSERT INTO cn_relay.events_outbox (op, event_id, topic_id, kind, created_at, ingested_at)
    VALUES ('delete', event, topic, 1, 1700000000, clock_timestamp()) RETURNING seq
$$;
CREATE FUNCTION note(op TEXT, event TEXT, topic TEXT) RETURNS BIGINT LANGUAGE sql AS $$
    INSERT INTO cn_relay.events_outbox (op, event_id, topic_id, kind, created_at, ingested_at)
    VALUES (op, event, topic, 1, 1700000000, clock_timestamp()) RETURNING seq
$$;
