-- What is needed to judge a pair by its kind, to ask it again, and to know how much the source differs from itself.

ALTER TABLE shadow_read_logs
    ADD COLUMN IF NOT EXISTS query_classes       TEXT[] NOT NULL DEFAULT '{}',
    ADD COLUMN IF NOT EXISTS request             JSONB NULL,
    ADD COLUMN IF NOT EXISTS request_absent      TEXT NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS noise_overlap_at_10 DOUBLE PRECISION NULL;

COMMENT ON COLUMN shadow_read_logs.query_classes IS
    'short, cjk, filter, sorted, placeholder: those the query is in, decided when it was recorded; none if it was never read';
COMMENT ON COLUMN shadow_read_logs.request IS
    'the query as it was asked, for `crossfade replay`; the reader is not in it; NULL: not kept, see request_absent';
COMMENT ON COLUMN shadow_read_logs.request_absent IS
    'why there is no request: too_large, unstorable, redacted, names_reader, off; empty: there is one, or the query was never read';
COMMENT ON COLUMN shadow_read_logs.noise_overlap_at_10 IS
    'overlap@10 of two answers of Meilisearch to this query; NULL: it was asked once, or a side failed';
