PRAGMA application_id = 1179599958;
PRAGMA user_version = 5;
BEGIN TRANSACTION;
CREATE TABLE ahead (key TEXT PRIMARY KEY, document TEXT) WITHOUT ROWID;
CREATE TABLE bundles (id TEXT PRIMARY KEY, document TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE checkpoint (key TEXT PRIMARY KEY, document TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE entities (number INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE, document TEXT NOT NULL, checksum INTEGER NOT NULL);
INSERT INTO "entities" VALUES(1,'application/app-1','{"kind":"application","id":"app-1","name":"shop-eu","hostname_template":"{head}.example","heads":[{"name":"lb1","role":"load-balancer","addresses":["192.0.2.1","2001:db8::1"],"hostname":null}],"active":"lb1"}',4218073361);
INSERT INTO "entities" VALUES(2,'group/grp-2','{"kind":"group","id":"grp-2","name":"shop","zone":"failover.test","label":"shop","primary":"app-1","backup":null,"active":"primary","ttl":60,"revision":2,"cached_until":12.5,"drained_at":99.25}',1613612960);
CREATE TABLE fetches (
    number INTEGER PRIMARY KEY, application TEXT NOT NULL,
    document TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE head (revision INTEGER NOT NULL, entities INTEGER NOT NULL, hash TEXT NOT NULL DEFAULT '0000000000000000000000000000000000000000000000000000000000000000', tag TEXT NOT NULL DEFAULT '');
INSERT INTO "head" VALUES(3,2,'fa4977930eabedcc1296e8169713ece4c78754d1c5383096963522f8c45ab198','');
CREATE TABLE history (revision INTEGER PRIMARY KEY, document TEXT NOT NULL, checksum INTEGER NOT NULL, hash TEXT NOT NULL);
INSERT INTO "history" VALUES(1,'{"revision":1,"time":1235.5,"who":{"uid":1000,"pid":4711,"command":"pytest"},"command":{"command":"switch","groups":["shop"],"dry_run":false,"reason":"W\u00e4rme \u2603"},"changed":[{"kind":"group","name":"shop","fields":{"active":["primary","backup"]}}],"subjects":["app-1"],"writes":[[null,{"kind":"application","id":"app-1","name":"shop-eu","hostname_template":"{head}.example","heads":[{"name":"lb1","role":"load-balancer","addresses":["192.0.2.1","2001:db8::1"],"hostname":null}],"active":"lb1"}]]}',3505349321,'72088ce036743b9bbb19dd2ed7b0e140d4fe39a550639b3088265074b8661b00');
INSERT INTO "history" VALUES(2,'{"revision":2,"time":1236.5,"who":{"uid":1000,"pid":4711,"command":"pytest"},"command":{"command":"switch","groups":["shop"],"dry_run":false,"reason":"W\u00e4rme \u2603"},"changed":[{"kind":"group","name":"shop","fields":{"active":["primary","backup"]}}],"subjects":["grp-2","group:shop"],"writes":[[null,{"kind":"group","id":"grp-2","name":"shop","zone":"failover.test","label":"shop","primary":"app-1","backup":null,"active":"primary","ttl":60,"revision":2,"cached_until":12.5,"drained_at":99.25}]]}',630523523,'32e9fe5a23482ccfb2a115ceb0b26daddf19f6cc3933d5a3b263939923447e40');
INSERT INTO "history" VALUES(3,'{"revision":3,"time":1237.5,"who":{"uid":1000,"pid":4711,"command":"pytest"},"command":{"command":"switch","groups":["shop"],"dry_run":false,"reason":"W\u00e4rme \u2603"},"changed":[{"kind":"group","name":"shop","fields":{"active":["primary","backup"]}}],"subjects":[],"writes":[]}',1239547885,'fa4977930eabedcc1296e8169713ece4c78754d1c5383096963522f8c45ab198');
CREATE TABLE hooks (name TEXT PRIMARY KEY, document TEXT NOT NULL, checksum INTEGER NOT NULL);
CREATE TABLE needs (key TEXT PRIMARY KEY, bundle TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE notes (name TEXT PRIMARY KEY, value INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE operations (principal TEXT NOT NULL, op_id TEXT NOT NULL, document TEXT NOT NULL, checksum INTEGER NOT NULL, time REAL NOT NULL, PRIMARY KEY (op_id, principal));
INSERT INTO "operations" VALUES('','a-1','{"op_id":"a-1","request":"{\"command\":\"switch\"}","revision":3,"result":{"groups":[]}}',3967765156,1795972708.0);
CREATE TABLE subjects (
    subject TEXT NOT NULL, revision INTEGER NOT NULL, PRIMARY KEY (subject, revision)
) WITHOUT ROWID;
INSERT INTO "subjects" VALUES('app-1',1);
INSERT INTO "subjects" VALUES('group:shop',2);
INSERT INTO "subjects" VALUES('grp-2',2);
CREATE TABLE trimmed (revision INTEGER PRIMARY KEY, hash BLOB NOT NULL);
CREATE INDEX needed ON needs (bundle);
CREATE INDEX fetched ON fetches (application, number);
CREATE TRIGGER history_takes_no_update BEFORE UPDATE ON history BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE TRIGGER history_takes_no_insert BEFORE INSERT ON history WHEN NEW.revision <= (SELECT max(revision) FROM history) BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
CREATE INDEX operated ON operations (time);
CREATE TRIGGER trimmed_takes_no_update BEFORE UPDATE ON trimmed BEGIN SELECT RAISE(ABORT, 'the hashes of trimmed changes stay'); END;
CREATE TRIGGER trimmed_takes_no_delete BEFORE DELETE ON trimmed BEGIN SELECT RAISE(ABORT, 'the hashes of trimmed changes stay'); END;
CREATE TRIGGER trimmed_takes_the_next_before_the_cut BEFORE INSERT ON trimmed WHEN NEW.revision <> 1 + (SELECT coalesce(max(revision), 0) FROM trimmed) OR NEW.revision > coalesce((SELECT json_extract(document, '$.revision') FROM entities WHERE key = 'cut/history'), 0) OR lower(hex(NEW.hash)) <> coalesce((SELECT hash FROM history WHERE revision = NEW.revision), '') BEGIN SELECT RAISE(ABORT, 'only the next change before the cut can be trimmed'); END;
CREATE TRIGGER history_takes_no_delete BEFORE DELETE ON history WHEN NOT EXISTS (SELECT 1 FROM trimmed WHERE revision = OLD.revision AND lower(hex(hash)) = OLD.hash) BEGIN SELECT RAISE(ABORT, 'history is append-only'); END;
COMMIT;
