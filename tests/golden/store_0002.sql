BEGIN TRANSACTION;
CREATE TABLE alembic_version (
	version_num VARCHAR(32) NOT NULL, 
	CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num)
);
INSERT INTO "alembic_version" VALUES('0002');
CREATE TABLE audit (
	id INTEGER NOT NULL, 
	at_ns INTEGER NOT NULL, 
	actor TEXT NOT NULL, 
	action TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	detail TEXT NOT NULL, 
	CONSTRAINT pk_audit PRIMARY KEY (id)
);
INSERT INTO "audit" VALUES(1,1767268800000000000,'ci','create','sources','shop','{}');
CREATE TABLE blobs (
	id INTEGER NOT NULL, 
	state_id INTEGER NOT NULL, 
	shard INTEGER NOT NULL, 
	part TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_blobs PRIMARY KEY (id), 
	CONSTRAINT fk_blobs_state_id FOREIGN KEY(state_id) REFERENCES states (id) ON DELETE CASCADE, 
	CONSTRAINT uq_blobs_state_id_shard_part UNIQUE (state_id, shard, part)
);
INSERT INTO "blobs" VALUES(1,1,0,'detector','ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',X'616263');
CREATE TABLE comments (
	id INTEGER NOT NULL, 
	event_id TEXT NOT NULL, 
	at_ns INTEGER NOT NULL, 
	author TEXT NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_comments PRIMARY KEY (id), 
	CONSTRAINT fk_comments_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE
);
INSERT INTO "comments" VALUES(1,'e1',1767268800000000000,'me','looks real');
CREATE TABLE counters (
	name TEXT NOT NULL, 
	value INTEGER NOT NULL, 
	CONSTRAINT pk_counters PRIMARY KEY (name)
);
INSERT INTO "counters" VALUES('events',2);
CREATE TABLE events (
	id TEXT NOT NULL, 
	monitor_id TEXT NOT NULL, 
	monitor TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	series TEXT NOT NULL, 
	start_ns INTEGER NOT NULL, 
	end_ns INTEGER NOT NULL, 
	opened_ns INTEGER NOT NULL, 
	peak_ns INTEGER NOT NULL, 
	score FLOAT, 
	severity INTEGER NOT NULL, 
	direction TEXT NOT NULL, 
	actual FLOAT, 
	expected FLOAT, 
	lower FLOAT, 
	upper FLOAT, 
	rarity FLOAT, 
	points INTEGER NOT NULL, 
	is_open BOOLEAN NOT NULL, 
	share TEXT NOT NULL, 
	reason TEXT NOT NULL, 
	backfill BOOLEAN NOT NULL, 
	label TEXT, 
	acknowledged_by TEXT, 
	acknowledged_ns INTEGER, 
	created_ns INTEGER NOT NULL, 
	updated_ns INTEGER NOT NULL, 
	sequence INTEGER NOT NULL, 
	CONSTRAINT pk_events PRIMARY KEY (id), 
	CONSTRAINT uq_events_sequence UNIQUE (sequence)
);
INSERT INTO "events" VALUES('e1','m1','shop','anomaly','["cpu",["host","a"]]','cpu{host=a}',1767268800000000000,1767268860000000000,1767268800000000000,1767268800000000000,3.5,70,'up',97.0,50.0,40.0,60.0,12000.0,1,1,'{"cpu":1.0}','ø�',0,NULL,NULL,NULL,1767268800000000000,1767268800000000000,2);
CREATE TABLE idempotency (
	actor TEXT NOT NULL, 
	"key" TEXT NOT NULL, 
	fingerprint TEXT NOT NULL, 
	status INTEGER, 
	headers TEXT, 
	body BLOB, 
	created_ns INTEGER NOT NULL, 
	CONSTRAINT pk_idempotency PRIMARY KEY (actor, "key")
);
INSERT INTO "idempotency" VALUES('ci','k','f',201,'{"etag":"1"}',X'00',1767268800000000000);
CREATE TABLE leases (
	name TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	token INTEGER NOT NULL, 
	until_ns INTEGER NOT NULL, 
	CONSTRAINT pk_leases PRIMARY KEY (name)
);
INSERT INTO "leases" VALUES('leader','a',1,1767268830000000000);
CREATE TABLE live (
	monitor_id TEXT NOT NULL, 
	cursor_ns INTEGER NOT NULL, 
	checkpoint_ns INTEGER NOT NULL, 
	version INTEGER NOT NULL, 
	memory TEXT NOT NULL, 
	ticked_ns INTEGER NOT NULL, 
	points INTEGER NOT NULL, 
	error TEXT, 
	state_id INTEGER, 
	revision INTEGER NOT NULL, 
	CONSTRAINT pk_live PRIMARY KEY (monitor_id), 
	CONSTRAINT fk_live_state_id FOREIGN KEY(state_id) REFERENCES states (id)
);
INSERT INTO "live" VALUES('01kdwpvng06txe1dpx',1767268860000000000,1767268800000000000,1,'{}',1767268800000000000,0,NULL,NULL,2);
CREATE TABLE outbox (
	id INTEGER NOT NULL, 
	sink TEXT NOT NULL, 
	event_id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	due_ns INTEGER NOT NULL, 
	error TEXT, put_ns INTEGER, failed_ns INTEGER, dead_ns INTEGER, 
	CONSTRAINT pk_outbox PRIMARY KEY (id), 
	CONSTRAINT fk_outbox_event_id FOREIGN KEY(event_id) REFERENCES events (id) ON DELETE CASCADE, 
	CONSTRAINT uq_outbox_sink_event_id UNIQUE (sink, event_id)
);
INSERT INTO "outbox" VALUES(1,'mail','e1',1,0,1767268800000000000,NULL,1767268800000000000,NULL,NULL);
CREATE TABLE point_blocks (
	id INTEGER NOT NULL, 
	owner TEXT NOT NULL, 
	start_ns INTEGER NOT NULL, 
	end_ns INTEGER NOT NULL, 
	rows INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_point_blocks PRIMARY KEY (id)
);
INSERT INTO "point_blocks" VALUES(1,'shop',1767268800000000000,1767268860000000000,1,X'0073636F726573');
CREATE TABLE point_requests (
	owner TEXT NOT NULL, 
	request TEXT NOT NULL, 
	points INTEGER NOT NULL, 
	at_ns INTEGER NOT NULL, 
	CONSTRAINT pk_point_requests PRIMARY KEY (owner, request)
);
INSERT INTO "point_requests" VALUES('shop','r1',1,1767268800000000000);
CREATE TABLE point_series (
	owner TEXT NOT NULL, 
	id INTEGER NOT NULL, 
	identity TEXT NOT NULL, 
	CONSTRAINT pk_point_series PRIMARY KEY (owner, id), 
	CONSTRAINT uq_point_series_owner_identity UNIQUE (owner, identity)
);
INSERT INTO "point_series" VALUES('shop',0,'{}');
CREATE TABLE quarantine (
	id INTEGER NOT NULL, 
	monitor_id TEXT NOT NULL, 
	state_id INTEGER NOT NULL, 
	shard INTEGER NOT NULL, 
	part TEXT NOT NULL, 
	found_ns INTEGER NOT NULL, 
	sha256 TEXT NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_quarantine PRIMARY KEY (id)
);
INSERT INTO "quarantine" VALUES(1,'m1',9,0,'x',1,'',X'78');
CREATE TABLE resource_uses (
	user_id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	CONSTRAINT pk_resource_uses PRIMARY KEY (user_id, kind, name), 
	CONSTRAINT fk_resource_uses_user_id FOREIGN KEY(user_id) REFERENCES resources (id) ON DELETE CASCADE
);
INSERT INTO "resource_uses" VALUES('01kdwpvng06txe1dpx','sources','shop');
CREATE TABLE resources (
	id TEXT NOT NULL, 
	kind TEXT NOT NULL, 
	name TEXT NOT NULL, 
	spec TEXT NOT NULL, 
	revision INTEGER NOT NULL, 
	created_ns INTEGER NOT NULL, 
	updated_ns INTEGER NOT NULL, 
	origin TEXT NOT NULL, 
	CONSTRAINT pk_resources PRIMARY KEY (id), 
	CONSTRAINT uq_resources_kind_name UNIQUE (kind, name)
);
INSERT INTO "resources" VALUES('01kdwpvng06twyer42','sources','shop','{"kind":"sql","password":"enc:gAAAAABrBy5DvkPJBJr-M0DJ__-e8QSgBXka9K2HYYN1wx5EL8DH8dgCV34-zcwf0wXOOR5OWDnwc-jzprRU7vWEYalYZPDFjQ=="}',1,1767268800000000000,1767268800000000000,'');
INSERT INTO "resources" VALUES('01kdwpvng06txe1dpx','monitors','orders','{"source":"shop"}',1,1767268800000000000,1767268800000000000,'');
CREATE TABLE run_lines (
	run_id TEXT NOT NULL, 
	sequence INTEGER NOT NULL, 
	at_ns INTEGER NOT NULL, 
	level TEXT NOT NULL, 
	text TEXT NOT NULL, 
	CONSTRAINT pk_run_lines PRIMARY KEY (run_id, sequence), 
	CONSTRAINT fk_run_lines_run_id FOREIGN KEY(run_id) REFERENCES runs (id) ON DELETE CASCADE
);
INSERT INTO "run_lines" VALUES('01kdwpvng06ty0e3cn',1,1767268800000000000,'info','began');
CREATE TABLE runs (
	id TEXT NOT NULL, 
	monitor_id TEXT NOT NULL, 
	monitor TEXT NOT NULL, 
	verb TEXT NOT NULL, 
	state TEXT NOT NULL, 
	start_ns INTEGER, 
	end_ns INTEGER, 
	params TEXT NOT NULL, 
	due_ns INTEGER NOT NULL, 
	created_ns INTEGER NOT NULL, 
	started_ns INTEGER, 
	finished_ns INTEGER, 
	deadline_ns INTEGER, 
	attempt INTEGER NOT NULL, 
	done INTEGER NOT NULL, 
	total INTEGER NOT NULL, 
	remaining_seconds FLOAT, 
	result TEXT, 
	error TEXT, 
	fence INTEGER, 
	CONSTRAINT pk_runs PRIMARY KEY (id)
);
INSERT INTO "runs" VALUES('01kdwpvng06ty0e3cn','01kdwpvng06txe1dpx','orders','train','waiting',NULL,NULL,'{}',1767268800000000000,1767268800000000000,NULL,NULL,NULL,0,0,0,NULL,NULL,NULL,NULL);
CREATE TABLE score_blocks (
	id INTEGER NOT NULL, 
	owner TEXT NOT NULL, 
	start_ns INTEGER NOT NULL, 
	end_ns INTEGER NOT NULL, 
	rows INTEGER NOT NULL, 
	data BLOB NOT NULL, 
	CONSTRAINT pk_score_blocks PRIMARY KEY (id)
);
INSERT INTO "score_blocks" VALUES(1,'01kdwpvng06txe1dpx',1767268800000000000,1767268860000000000,1,X'0073636F726573');
CREATE TABLE score_cursors (
	sink TEXT NOT NULL, 
	monitor_id TEXT NOT NULL, 
	scored_ns INTEGER NOT NULL, 
	attempts INTEGER NOT NULL, 
	due_ns INTEGER NOT NULL, 
	error TEXT, 
	CONSTRAINT pk_score_cursors PRIMARY KEY (sink, monitor_id)
);
INSERT INTO "score_cursors" VALUES('mail','01kdwpvng06txe1dpx',1767268800000000000,0,1767268800000000000,NULL);
CREATE TABLE segments (
	id INTEGER NOT NULL, 
	content TEXT NOT NULL, 
	owner TEXT NOT NULL, 
	start_ns INTEGER NOT NULL, 
	end_ns INTEGER NOT NULL, 
	rows INTEGER NOT NULL, 
	size_bytes INTEGER NOT NULL, 
	path TEXT NOT NULL, 
	sha256 TEXT NOT NULL, 
	CONSTRAINT pk_segments PRIMARY KEY (id), 
	CONSTRAINT uq_segments_path UNIQUE (path)
);
INSERT INTO "segments" VALUES(1,'scores','m1',0,1,1,7,'scores/m1/a.parquet','0e624a1a135e4441e96ebbd5f95bc3df19c3c138df98c61ce684ef311d6e8b1a');
CREATE TABLE series (
	monitor_id TEXT NOT NULL, 
	id INTEGER NOT NULL, 
	"key" TEXT NOT NULL, 
	text TEXT NOT NULL, 
	shard INTEGER NOT NULL, 
	"row" INTEGER NOT NULL, 
	first_ns INTEGER NOT NULL, 
	last_ns INTEGER NOT NULL, 
	CONSTRAINT pk_series PRIMARY KEY (monitor_id, id), 
	CONSTRAINT uq_series_monitor_id_key UNIQUE (monitor_id, "key")
);
INSERT INTO "series" VALUES('01kdwpvng06txe1dpx',0,'["cpu",["host","\u00f8\u0000"]]','cpu{host=ø�}',0,0,1767268800000000000,1767268800000000000);
CREATE TABLE states (
	id INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT, 
	monitor_id TEXT NOT NULL, 
	at_ns INTEGER NOT NULL, 
	created_ns INTEGER NOT NULL, 
	size_bytes INTEGER NOT NULL, 
	is_complete BOOLEAN NOT NULL
);
INSERT INTO "states" VALUES(1,'01kdwpvng06txe1dpx',1767268800000000000,1767268800000000000,3,1);
CREATE TABLE timers (
	monitor_id TEXT NOT NULL, 
	verb TEXT NOT NULL, 
	last_ns INTEGER NOT NULL, 
	run_id TEXT, 
	CONSTRAINT pk_timers PRIMARY KEY (monitor_id, verb)
);
INSERT INTO "timers" VALUES('01kdwpvng06txe1dpx','train',1767268800000000000,NULL);
CREATE TABLE tokens (
	id TEXT NOT NULL, 
	name TEXT NOT NULL, 
	role TEXT NOT NULL, 
	hash TEXT NOT NULL, 
	created_ns INTEGER NOT NULL, 
	expires_ns INTEGER, 
	last_used_ns INTEGER, 
	CONSTRAINT pk_tokens PRIMARY KEY (id), 
	CONSTRAINT uq_tokens_hash UNIQUE (hash), 
	CONSTRAINT uq_tokens_name UNIQUE (name)
);
INSERT INTO "tokens" VALUES('01kdwpvng06txn3f40','ci','view','244355f843f5821605f8670a79f83f21eeb166eced7c45c186175cfd588c5465',1767268800000000000,NULL,NULL);
CREATE TABLE versions (
	monitor_id TEXT NOT NULL, 
	number INTEGER NOT NULL, 
	detector TEXT NOT NULL, 
	params TEXT NOT NULL, 
	start_ns INTEGER, 
	cursor_ns INTEGER NOT NULL, 
	n_series INTEGER NOT NULL, 
	size_bytes INTEGER NOT NULL, 
	created_ns INTEGER NOT NULL, 
	note TEXT NOT NULL, 
	state_id INTEGER, 
	CONSTRAINT pk_versions PRIMARY KEY (monitor_id, number), 
	CONSTRAINT fk_versions_state_id FOREIGN KEY(state_id) REFERENCES states (id)
);
INSERT INTO "versions" VALUES('01kdwpvng06txe1dpx',1,'seasonal','{}',NULL,1767268800000000000,1,3,1767268800000000000,'',1);
CREATE INDEX ix_audit_at_ns ON audit (at_ns);
CREATE INDEX ix_events_judged ON events (start_ns, id) WHERE label IS NOT NULL OR acknowledged_ns IS NOT NULL;
CREATE INDEX ix_events_long ON events (start_ns, id) WHERE is_open = 1 OR end_ns - start_ns > 86400000000000;
CREATE INDEX ix_events_monitor_id_start_ns_id ON events (monitor_id, start_ns, id);
CREATE INDEX ix_events_start_ns_id ON events (start_ns, id);
CREATE INDEX ix_idempotency_created_ns ON idempotency (created_ns);
CREATE INDEX ix_point_blocks_owner_end_ns ON point_blocks (owner, end_ns);
CREATE INDEX ix_point_blocks_owner_start_ns ON point_blocks (owner, start_ns);
CREATE INDEX ix_point_requests_at_ns ON point_requests (at_ns);
CREATE INDEX ix_runs_created_ns_id ON runs (created_ns, id);
CREATE INDEX ix_runs_finished_ns ON runs (finished_ns);
CREATE INDEX ix_runs_monitor_id_created_ns_id ON runs (monitor_id, created_ns, id);
CREATE INDEX ix_runs_state_created_ns_id ON runs (state, created_ns, id);
CREATE INDEX ix_runs_state_due_ns ON runs (state, due_ns);
CREATE INDEX ix_runs_verb_created_ns_id ON runs (verb, created_ns, id);
CREATE INDEX ix_score_blocks_owner_end_ns ON score_blocks (owner, end_ns);
CREATE INDEX ix_score_blocks_owner_start_ns ON score_blocks (owner, start_ns);
CREATE INDEX ix_segments_content_owner_start_ns ON segments (content, owner, start_ns);
CREATE INDEX ix_states_monitor_id ON states (monitor_id);
CREATE INDEX ix_comments_event_id ON comments (event_id);
CREATE INDEX ix_live_state_id ON live (state_id);
CREATE INDEX ix_outbox_event_id ON outbox (event_id);
CREATE INDEX ix_outbox_sink_due_ns ON outbox (sink, due_ns);
CREATE INDEX ix_resource_uses_kind_name ON resource_uses (kind, name);
CREATE INDEX ix_versions_state_id ON versions (state_id);
CREATE INDEX ix_outbox_due_ns_sink ON outbox (due_ns, sink);
CREATE INDEX ix_outbox_dead_ns ON outbox (dead_ns);
CREATE INDEX ix_score_cursors_monitor_id ON score_cursors (monitor_id);
DELETE FROM "sqlite_sequence";
INSERT INTO "sqlite_sequence" VALUES('states',1);
COMMIT;
